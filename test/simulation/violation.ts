/** A promise that was broken in a history. The first one ends it. */
export type Violation = {
  /** I1 to I10 (docs/invariants.md); 'liveness' when it does not come to its end, 'crash' for an error nobody expects. */
  readonly invariant: string;
  /** The scheduler's step. */
  readonly at: number;
  /** One sentence that names what and where, with both sides. */
  readonly what: string;
};
