/**
 * A mutation: statements that change rows in one odd way, and what they mean for the world. It is
 * made first, run in some kind of transaction, and `keep` is called only if it is to be committed.
 */
import type { World } from './world.ts';

export type MutationStatement =
  | { readonly kind: 'query'; readonly text: string; readonly values: readonly unknown[] }
  /** COPY … FROM STDIN in text format. */
  | { readonly kind: 'copy'; readonly text: string; readonly lines: string };

export type Mutation = {
  readonly statements: readonly MutationStatement[];
  readonly keep: () => void;
};

/** Undefined when the world has no row that it could change. */
export type Mutate = (world: World) => Mutation | undefined;

export function sql(text: string, ...values: readonly unknown[]): MutationStatement {
  return { kind: 'query', text, values };
}

export function keepNothing(): void {
  // What the statements change is no part of the world.
}
