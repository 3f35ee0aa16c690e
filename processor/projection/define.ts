/**
 * The projection language. A projection is a pure function from one fact to what it is responsible
 * for; nobody writes update rules. The engine works out f(before) and f(after) (changes.ts) and
 * writes the difference.
 *
 * - `map`: a fact owns its rows; the newest position wins. No two facts may own the same row.
 * - `aggregate`: a fact contributes totals to keys; contributions add up. Zero totals are no row.
 *
 * Law (I3): folding every change gives the same rows as projecting the final facts.
 *
 * A definition is checked here once (shape.ts), and its functions are wrapped: the engine sees
 * cells in column order, each of its column's type and as CQL will keep it (cells.ts).
 */
import type { Fact, FactKind, Facts } from '../conversation/fact.ts';
import { TurnstreamError } from '../error.ts';
import { cellReader } from './cells.ts';
import type { Column, Columns, RowOf } from './columns.ts';
import { keyTextOf } from './key-text.ts';
import type {
  AggregateProjection,
  Contribution,
  MapProjection,
  Row,
  TableShape,
} from './projection.ts';
import { checkHeading, shapeOf } from './shape.ts';

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
  readonly partitionBy: readonly NoInfer<keyof Key & string>[];
  /** Of the clustering columns (those of the key outside of `partitionBy`); `asc` where absent. */
  readonly order?: { readonly [Name in NoInfer<keyof Key & string>]?: 'asc' | 'desc' };
  /** `dead-letter` where absent. */
  readonly onError?: OnError;
};

export type MapDefinition<
  Kind extends FactKind = FactKind,
  Key extends Columns = Columns,
  Values extends Columns = Columns,
> = Common<Kind, Key> & {
  readonly values: Values;
  /** Pure. Two rows of one fact never share a key. */
  readonly rows: (
    fact: Facts[NoInfer<Kind>],
  ) => readonly (RowOf<NoInfer<Key>> & RowOf<NoInfer<Values>>)[];
};

export type Totals = Readonly<Record<string, Column<number>>>;

export type AggregateDefinition<
  Kind extends FactKind = FactKind,
  Key extends Columns = Columns,
  T extends Totals = Totals,
> = Common<Kind, Key> & {
  /** `bigint` columns: absolute totals. */
  readonly totals: T;
  /** Pure. Contributions to one key add up. */
  readonly contribute: (fact: Facts[NoInfer<Kind>]) => readonly {
    readonly key: RowOf<NoInfer<Key>>;
    readonly totals: RowOf<NoInfer<T>>;
  }[];
};

/** Throws PROJECTION when the definition can't be a table. */
export function defineMap<
  const Kind extends FactKind,
  Key extends Columns,
  const Values extends Columns,
>(definition: MapDefinition<Kind, Key, Values>): MapProjection {
  const shape = shapeOf('map', definition, definition.values);
  const readKey = cellReader(definition.name, [...shape.partition, ...shape.clustering], 'key');
  const readValues = cellReader(definition.name, shape.values, 'values');
  const rows = definition.rows as unknown as Untyped<Readonly<Record<string, unknown>>>;
  return {
    ...headOf(definition, shape),
    kind: 'map',
    rows: (fact) => {
      const found = rows(fact).map((row): Row => ({ key: readKey(row), values: readValues(row) }));
      if (found.length > 1) refuseSharedKeys(definition.name, found);
      return found;
    },
  };
}

/** Throws PROJECTION when the definition can't be a table. */
export function defineAggregate<
  const Kind extends FactKind,
  Key extends Columns,
  const T extends Totals,
>(definition: AggregateDefinition<Kind, Key, T>): AggregateProjection {
  const shape = shapeOf('aggregate', definition, definition.totals);
  const readKey = cellReader(definition.name, [...shape.partition, ...shape.clustering], 'key');
  const readTotals = cellReader(definition.name, shape.values, 'values');
  const contribute = definition.contribute as unknown as Untyped<{
    readonly key: Readonly<Record<string, unknown>>;
    readonly totals: Readonly<Record<string, unknown>>;
  }>;
  return {
    ...headOf(definition, shape),
    kind: 'aggregate',
    contribute: (fact) =>
      contribute(fact).map(
        (one): Contribution => ({
          key: readKey(one.key),
          // shapeOf lets bigint columns alone be totals, so every cell is a number.
          totals: readTotals(one.totals) as readonly number[],
        }),
      ),
  };
}

/** The definition's function as the engine calls it: changes.ts passes facts of `of` alone. */
type Untyped<Result> = (fact: Fact) => readonly Result[];

type Heading = {
  readonly name: string;
  readonly version: number;
  readonly about: string;
  readonly of: FactKind | readonly FactKind[];
  readonly onError?: OnError;
};

function headOf(definition: Heading, shape: TableShape) {
  const of = typeof definition.of === 'string' ? [definition.of] : [...definition.of];
  checkHeading(definition.name, definition.about, of);
  return {
    name: definition.name,
    version: definition.version,
    about: definition.about,
    of,
    onError: definition.onError ?? 'dead-letter',
    shape,
  };
}

function refuseSharedKeys(projection: string, rows: readonly Row[]): void {
  const seen = new Set<string>();
  for (const row of rows) {
    const text = keyTextOf(row.key);
    if (seen.has(text)) {
      throw new TurnstreamError(
        'PROJECTION',
        `projection ${projection}: one fact gave two rows of the key [${row.key.join(', ')}]; ` +
          'add a column to the key that tells them apart',
      );
    }
    seen.add(text);
  }
}
