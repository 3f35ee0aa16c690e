/**
 * The projection language. A projection is a pure function from one fact to what it is responsible
 * for; nobody writes update rules. The engine works out f(before) and f(after) and writes the
 * difference.
 *
 * - `map`: a fact owns its rows; the newest position wins. No two facts may own the same row.
 * - `aggregate`: a fact contributes totals to keys; contributions add up. Zero totals are no row.
 *
 * Law (I3): folding every change gives the same rows as projecting the final facts.
 */
import type { FactKind, Facts } from '../conversation/fact.ts';
import type { Column, Columns, RowOf } from './columns.ts';

/** What happens to an event on which the projection function throws (DESIGN 3.5). */
export type OnError = 'dead-letter' | 'halt';

type Common<Kind extends FactKind, Key extends Columns> = {
  /** Also the table's name in the registry, the metrics label, the Helm key and the REST path. */
  readonly name: string;
  /** Raised with every change of what is stored: a new version is a new table (I5). */
  readonly version: number;
  /** One sentence for people: what a row is. */
  readonly about: string;
  readonly of: Kind | readonly Kind[];
  readonly key: Key;
  readonly partitionBy: readonly (keyof Key & string)[];
  readonly order?: Readonly<Partial<Record<keyof Key & string, 'asc' | 'desc'>>>;
  readonly onError?: OnError;
};

export type MapDefinition<
  Kind extends FactKind = FactKind,
  Key extends Columns = Columns,
  Values extends Columns = Columns,
> = Common<Kind, Key> & {
  readonly values: Values;
  readonly rows: (fact: Facts[Kind]) => readonly (RowOf<Key> & RowOf<Values>)[];
};

export type Totals = Readonly<Record<string, Column<number>>>;

export type AggregateDefinition<
  Kind extends FactKind = FactKind,
  Key extends Columns = Columns,
  T extends Totals = Totals,
> = Common<Kind, Key> & {
  /** `bigint` columns: absolute totals. */
  readonly totals: T;
  readonly contribute: (
    fact: Facts[Kind],
  ) => readonly { readonly key: RowOf<Key>; readonly totals: RowOf<T> }[];
};
