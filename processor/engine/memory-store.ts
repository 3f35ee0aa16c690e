/**
 * The worker's store in memory: read models and checkpoints under CQL's last-write-wins rule
 * (last-write-wins.ts). It keeps store.contract.ts like the CQL form, and gives the rows back
 * whole, sorted by key, for tests and simulations.
 */
import { TurnstreamError } from '../error.ts';
import type { Cell, CqlType } from '../projection/columns.ts';
import type { Key } from '../projection/projection.ts';
import type { Lsn } from '../source/lsn.ts';
import type { Position } from '../source/position.ts';
import { emptyRow, type MergedRow, mergeDelete, mergeWrite, visible } from './last-write-wins.ts';
import { compareKeys, type StoredRow, type StoredTotalsRow } from './read-out.ts';
import type {
  Checkpoint,
  CheckpointStore,
  ReadModel,
  ReadModelStore,
  RowWrite,
  StoredTotals,
  TotalsWrite,
} from './store.ts';

type Table = {
  readonly types: readonly CqlType[];
  readonly rows: Map<string, { readonly key: Key; readonly row: MergedRow }>;
};

const checkpointTypes: readonly CqlType[] = ['bigint', 'bigint', 'bigint', 'double', 'bigint'];
/** Stands for "no watermark": no WAL address is 0, and unlike a null it wins over none. */
const noLsn = 0;

export class MemoryStore implements ReadModelStore, CheckpointStore {
  private readonly tables = new Map<string, Table>();
  private readonly checkpoints = new Map<string, Map<number, MergedRow>>();

  async ensure(models: readonly ReadModel[]): Promise<void> {
    for (const model of models) {
      if (this.tables.has(nameOf(model))) continue;
      const types = model.shape.values.map(({ cql }) => cql);
      if (model.shape.kind === 'aggregate') types.push('bigint');
      this.tables.set(nameOf(model), { types, rows: new Map() });
    }
  }

  /** As when its table is dropped: whatever comes late fails. */
  drop(model: ReadModel): void {
    this.tables.delete(nameOf(model));
  }

  async writeRows(model: ReadModel, writes: readonly RowWrite[]): Promise<void> {
    const table = this.table(model);
    for (const write of writes) {
      const values = write.op === 'upsert' ? stored(table.types, write.values) : null;
      merge(table, stored(keyTypes(model), write.key), values, write.position);
    }
  }

  async writeTotals(model: ReadModel, writes: readonly TotalsWrite[]): Promise<void> {
    const table = this.table(model);
    for (const { key, shard, totals, position } of writes) {
      merge(table, [...stored(keyTypes(model), key), shard], [...totals, position], position);
    }
  }

  async loadTotals(
    model: ReadModel,
    shard: number,
    keys: readonly Key[],
  ): Promise<readonly (StoredTotals | null)[]> {
    const { rows } = this.table(model);
    return keys.map((key) => {
      const row = rows.get(JSON.stringify([...stored(keyTypes(model), key), shard]));
      const cells = row === undefined ? undefined : visible(row.row);
      return cells === undefined ? null : totalsOf(cells);
    });
  }

  async load(model: ReadModel): Promise<ReadonlyMap<number, Checkpoint>> {
    const found = new Map<number, Checkpoint>();
    for (const [partition, row] of this.checkpoints.get(nameOf(model)) ?? []) {
      const [offset, position, lsn, committedAt, deadLetters] = row.cells.map(({ value }) =>
        Number(value),
      );
      found.set(partition, {
        offset: offset ?? 0,
        position: position ?? -1,
        watermark:
          lsn === undefined || lsn === noLsn
            ? null
            : { lsn: lsn as Lsn, committedAt: committedAt ?? 0 },
        deadLetters: deadLetters ?? 0,
      });
    }
    return found;
  }

  async save(model: ReadModel, partition: number, checkpoint: Checkpoint): Promise<void> {
    const { offset, position, watermark, deadLetters } = checkpoint;
    const values = [
      offset,
      position,
      watermark?.lsn ?? noLsn,
      watermark?.committedAt ?? 0,
      deadLetters,
    ];
    const partitions = this.checkpoints.get(nameOf(model)) ?? new Map<number, MergedRow>();
    const old = partitions.get(partition) ?? emptyRow(values.length);
    partitions.set(partition, mergeWrite(old, checkpointTypes, values, position));
    this.checkpoints.set(nameOf(model), partitions);
  }

  /** All rows of a map, sorted by key. */
  rows(model: ReadModel): readonly StoredRow[] {
    return this.visibleRows(model).map(({ key, cells }) => ({ key, values: cells }));
  }

  /** All rows of an aggregate, sorted by key and shard. */
  totals(model: ReadModel): readonly StoredTotalsRow[] {
    return this.visibleRows(model).map(({ key, cells }) => {
      return { key: key.slice(0, -1), shard: Number(key.at(-1)), ...totalsOf(cells) };
    });
  }

  /** Every row with the newest write timestamp of its cells, null where none tells; of an aggregate with shard and position. */
  written(
    model: ReadModel,
  ): readonly { readonly key: Key; readonly cells: readonly Cell[]; readonly at: number | null }[] {
    return [...this.table(model).rows.values()].flatMap(({ key, row }) => {
      const cells = visible(row);
      if (cells === undefined) return [];
      const times = row.cells.filter((_, column) => cells[column] !== null).map(({ at }) => at);
      return [{ key, cells, at: times.length === 0 ? null : Math.max(...times) }];
    });
  }

  /** A write from outside: the whole row, or its delete (null), at any timestamp; `key` with the shard, `cells` with the position. */
  put(model: ReadModel, key: Key, cells: readonly Cell[] | null, at: number): void {
    merge(this.table(model), key, cells, at);
  }

  private visibleRows(model: ReadModel): { key: Key; cells: readonly Cell[] }[] {
    const found: { key: Key; cells: readonly Cell[] }[] = [];
    for (const { key, row } of this.table(model).rows.values()) {
      const cells = visible(row);
      if (cells !== undefined) found.push({ key, cells });
    }
    return found.sort((left, right) => compareKeys(left.key, right.key));
  }

  private table(model: ReadModel): Table {
    const table = this.tables.get(nameOf(model));
    if (table !== undefined) return table;
    throw new TurnstreamError('STORE', `the table ${nameOf(model)} does not exist: call ensure`);
  }
}

function merge(table: Table, key: Key, values: readonly Cell[] | null, at: number): void {
  const id = JSON.stringify(key);
  const old = table.rows.get(id)?.row ?? emptyRow(table.types.length);
  const row = values === null ? mergeDelete(old, at) : mergeWrite(old, table.types, values, at);
  table.rows.set(id, { key, row });
}

function totalsOf(cells: readonly Cell[]): StoredTotals {
  const numbers = cells.map(Number);
  return { totals: numbers.slice(0, -1), position: (numbers.at(-1) ?? -1) as Position };
}

function keyTypes({ shape }: ReadModel): readonly CqlType[] {
  return [...shape.partition, ...shape.clustering].map(({ cql }) => cql);
}

/** Cells as the table keeps them: a timestamp loses its microseconds. */
function stored(types: readonly CqlType[], cells: readonly Cell[]): readonly Cell[] {
  return cells.map((cell, at) =>
    types[at] === 'timestamp' && typeof cell === 'number' ? Math.floor(cell) : cell,
  );
}

function nameOf({ shape, generation }: ReadModel): string {
  return `${shape.projection}_v${shape.version}_g${generation}`;
}
