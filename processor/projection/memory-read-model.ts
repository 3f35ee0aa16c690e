/**
 * A read model in memory, for examples and laws: the fold that the engine uses (changes.ts) and the
 * database's rule, last write wins: the higher position, and at equal ones the delete. Totals are
 * kept per (key, shard), as the tables keep them.
 *
 * `plan` and `apply` are apart so that a test can be the worker that read long ago and writes now.
 */
import type { Fact } from '../conversation/fact.ts';
import type { Position } from '../source/position.ts';
import {
  applyDeltas,
  type Entry,
  type EntryFailure,
  foldAggregate,
  foldMap,
  type RowBuffer,
  type RowDelete,
  type RowUpsert,
} from './changes.ts';
import type { Cell } from './columns.ts';
import { keyTextOf } from './key-text.ts';
import type { AggregateProjection, Key, MapProjection, Projection } from './projection.ts';

/** A row by the definition's column names. */
export type NamedRow = Readonly<Record<string, Cell>>;

type TotalsRow = {
  readonly op: 'totals';
  readonly key: Key;
  readonly shard: number;
  readonly totals: readonly number[];
  readonly position: Position;
};

export type MemoryWrite = { readonly at: string; readonly row: RowUpsert | RowDelete | TotalsRow };

export type Plan = {
  readonly writes: readonly MemoryWrite[];
  readonly failures: readonly EntryFailure[];
};

export type MemoryReadModel = {
  /** What a worker would write now for a batch of one shard. */
  readonly plan: (entries: readonly Entry[], shard?: number) => Plan;
  readonly apply: (writes: readonly MemoryWrite[]) => void;
  /** `plan`, then `apply`. */
  readonly deliver: (entries: readonly Entry[], shard?: number) => readonly EntryFailure[];
  /** What readers see: sums over shards, without rows of zeros; in the order of keys. */
  readonly rows: () => readonly NamedRow[];
  /** All that is stored, with positions, deletes and zeros. */
  readonly stored: () => ReadonlyMap<string, MemoryWrite['row']>;
};

export function memoryReadModel(projection: Projection): MemoryReadModel {
  const table = new Map<string, MemoryWrite['row']>();
  const plan = (entries: readonly Entry[], shard = 0): Plan =>
    projection.kind === 'map'
      ? planRows(projection, entries)
      : planTotals(table, projection, entries, shard);
  const apply = (writes: readonly MemoryWrite[]): void => {
    for (const { at, row } of writes) {
      const known = table.get(at);
      const loses =
        known !== undefined &&
        (known.position > row.position ||
          (known.position === row.position && known.op === 'delete'));
      if (!loses) table.set(at, row);
    }
  };
  return {
    plan,
    apply,
    deliver: (entries, shard) => {
      const { writes, failures } = plan(entries, shard);
      apply(writes);
      return failures;
    },
    rows: () => visibleRows(projection, table.values()),
    stored: () => table,
  };
}

/** The other side of I3: the rows of these facts, by the projection's function alone. */
export function rowsOfFacts(projection: Projection, facts: Iterable<Fact>): readonly NamedRow[] {
  const rows: MemoryWrite['row'][] = [];
  const position = 0 as Position;
  for (const fact of facts) {
    if (!projection.of.includes(fact.kind)) continue;
    if (projection.kind === 'map') {
      for (const row of projection.rows(fact)) rows.push({ op: 'upsert', ...row, position });
    } else {
      for (const one of projection.contribute(fact)) {
        rows.push({ op: 'totals', ...one, shard: 0, position });
      }
    }
  }
  return visibleRows(projection, rows);
}

function planRows(projection: MapProjection, entries: readonly Entry[]): Plan {
  const buffer: RowBuffer = new Map();
  const failures = foldMap(projection, entries, buffer);
  return { writes: [...buffer].map(([at, row]) => ({ at, row })), failures };
}

function planTotals(
  table: ReadonlyMap<string, MemoryWrite['row']>,
  projection: AggregateProjection,
  entries: readonly Entry[],
  shard: number,
): Plan {
  const { deltas, failures } = foldAggregate(projection, entries);
  const writes: MemoryWrite[] = [];
  for (const one of deltas.values()) {
    const at = `${shard}/${one.keyText}`;
    const known = table.get(at);
    const next = applyDeltas(known?.op === 'totals' ? known : null, one);
    if (next !== null) writes.push({ at, row: { op: 'totals', key: one.key, shard, ...next } });
  }
  return { writes, failures };
}

function visibleRows(
  projection: Projection,
  stored: Iterable<MemoryWrite['row']>,
): readonly NamedRow[] {
  const { partition, clustering, values } = projection.shape;
  const names = [...partition, ...clustering, ...values].map((column) => column.name);
  // Rows of a map that share a key, against the definition's promise, both show: I3 then fails.
  const byKey = new Map<string, readonly Cell[][]>();
  for (const row of stored) {
    if (row.op === 'delete') continue;
    const text = keyTextOf(row.key);
    const others = byKey.get(text) ?? [];
    byKey.set(
      text,
      row.op === 'upsert'
        ? [...others, [...row.key, ...row.values]]
        : [[...row.key, ...plus(row.totals, others[0]?.slice(row.key.length))]],
    );
  }
  const width = values.length;
  return [...byKey]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([, rows]) => rows)
    .filter((row) => projection.kind === 'map' || row.slice(-width).some((total) => total !== 0))
    .map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? null])));
}

function plus(totals: readonly number[], sum: readonly Cell[] | undefined): readonly number[] {
  return totals.map((total, index) => total + Number(sum?.[index] ?? 0));
}
