/**
 * Time, as the engine is given it (DESIGN 7): a simulation drives it, processor/commands/ hands in
 * the machine's. Nothing in engine/ asks the machine for the time, a timer or a random number.
 */

export type Clock = {
  /** Milliseconds since 1970 in UTC; may have a fraction. */
  readonly nowMs: () => number;
  /** Resolves after the time, or at once when the signal aborts; never rejects. */
  readonly delay: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Lets everything else that is ready run first: called between slices of long calculations. */
  readonly yield: () => Promise<void>;
};

/** From 0 to below 1, like Math.random. */
export type Random = () => number;
