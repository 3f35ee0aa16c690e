/**
 * The worker's store on CQL (store.ts): rows grouped by CQL partition into unlogged batches, with
 * the position as their write timestamp, so writes may arrive in any order and any number of times
 * (I2, I6). Failures are not repeated here.
 */

import type {
  ReadModel,
  ReadModelStore,
  RowWrite,
  StoredTotals,
  TotalsWrite,
} from '../engine/store.ts';
import { TurnstreamError } from '../error.ts';
import { groupedBy } from '../grouped-by.ts';
import { keyTextOf } from '../projection/key-text.ts';
import type { Key } from '../projection/projection.ts';
import type { Position } from '../source/position.ts';
import { type BatchLimits, batchDefaults, cutBatches } from './batches.ts';
import { readModelColumns, readModelDdl, type SchemaOptions } from './ddl.ts';
import { forEachBounded } from './limiter.ts';
import { amongRuns, tableName } from './names.ts';
import { applyDdl, tableColumns } from './schema.ts';
import type { DecodedRow, ReadModelSession } from './session.ts';
import {
  positionColumn,
  type ReadModelStatements,
  readModelStatements,
  type Statement,
} from './statements.ts';
import { cellOf, storedCell } from './values.ts';

export type ReadModelStoreOptions = BatchLimits & {
  readonly schema: SchemaOptions;
  /** Batches, or point reads, of one call under way at a time. */
  readonly callsInFlightMax: number;
};

export const readModelStoreDefaults = { ...batchDefaults, callsInFlightMax: 64 } as const;

export class CqlReadModelStore implements ReadModelStore {
  private readonly session: ReadModelSession;
  private readonly options: ReadModelStoreOptions;
  private readonly statements = new Map<string, ReadModelStatements>();

  constructor(session: ReadModelSession, options: ReadModelStoreOptions) {
    this.session = session;
    this.options = options;
  }

  async ensure(models: readonly ReadModel[]): Promise<void> {
    const { schema } = this.options;
    for (const model of models) {
      const found = await tableColumns(this.session, schema.keyspace, tableName(model));
      if (found.size === 0) await applyDdl(this.session, [readModelDdl(schema, model)]);
      else checkColumns(model, found);
    }
  }

  async writeRows(model: ReadModel, writes: readonly RowWrite[]): Promise<void> {
    const { upsert, remove } = this.statementsOf(model);
    await this.writeAll(
      model,
      writes,
      (write) => write.key,
      (write) =>
        write.op === 'upsert'
          ? upsert(write.key, write.values, write.position)
          : remove(write.key, write.position),
    );
  }

  async writeTotals(model: ReadModel, writes: readonly TotalsWrite[]): Promise<void> {
    const { upsertTotals } = this.statementsOf(model);
    await this.writeAll(
      model,
      writes,
      (write) => write.key,
      ({ key, shard, totals, position }) => upsertTotals(key, shard, totals, position),
    );
  }

  async loadTotals(
    model: ReadModel,
    shard: number,
    keys: readonly Key[],
  ): Promise<readonly (StoredTotals | null)[]> {
    const { selectTotals } = this.statementsOf(model);
    const { shape } = model;
    const columns = shape.values.map(({ cqlName }) => cqlName);
    const doing = `reading totals of ${tableName(model)}`;
    const partitionOf = (key: Key): string => JSON.stringify(key.slice(0, shape.partition.length));
    const runs = [...groupedBy(keys, partitionOf)].flatMap(([partition, group]) =>
      amongRuns(group).map((run) => ({ partition, run })),
    );
    const found = new Map<string, StoredTotals>();
    await forEachBounded(runs, this.options.callsInFlightMax, async ({ partition, run }) => {
      for (const row of await this.session.read(doing, selectTotals(run, shard))) {
        const inner = shape.clustering.map(({ cql, cqlName }) => cellOf(cql, row[cqlName]));
        found.set(partition + JSON.stringify(inner), totalsOf(columns, row));
      }
    });
    return keys.map((key) => {
      const inner = shape.clustering.map(({ cql }, at) =>
        storedCell(cql, key[shape.partition.length + at] ?? null),
      );
      return found.get(partitionOf(key) + JSON.stringify(inner)) ?? null;
    });
  }

  private async writeAll<Write>(
    model: ReadModel,
    writes: readonly Write[],
    keyOf: (write: Write) => Key,
    statementOf: (write: Write) => Statement,
  ): Promise<void> {
    const columns = model.shape.partition.length;
    const groups = groupedBy(writes, (write) => keyTextOf(keyOf(write), columns));
    // Encoded as they are sent: a large batch does not keep the connection waiting for all of itself.
    const batches = cutBatches(encoded(groups.values(), statementOf), this.options);
    const doing = `writing to ${tableName(model)}`;
    await this.session.writeEach(doing, batches, this.options.callsInFlightMax);
  }

  private statementsOf(model: ReadModel): ReadModelStatements {
    const name = tableName(model);
    const known = this.statements.get(name);
    if (known !== undefined) return known;
    const built = readModelStatements(this.options.schema.keyspace, model);
    this.statements.set(name, built);
    return built;
  }
}

function* encoded<Write>(
  groups: Iterable<readonly Write[]>,
  statementOf: (write: Write) => Statement,
): Generator<Iterable<Statement>, void, undefined> {
  for (const group of groups) yield statementsOf(group, statementOf);
}

function* statementsOf<Write>(
  group: readonly Write[],
  statementOf: (write: Write) => Statement,
): Generator<Statement, void, undefined> {
  for (const write of group) yield statementOf(write);
}

/** A table of this name but of another shape: a definition changed without its version (I5). */
function checkColumns(model: ReadModel, found: ReadonlyMap<string, string>): void {
  const wanted = readModelColumns(model);
  const differing = [...wanted.keys(), ...found.keys()].filter(
    (name) => wanted.get(name) !== found.get(name),
  );
  if (differing.length === 0) return;
  throw new TurnstreamError(
    'SCHEMA',
    `table ${tableName(model)} exists with other columns (${[...new Set(differing)].join(', ')}): the definition of ${model.shape.projection} changed but its version did not; raise the version, which builds a new table`,
  );
}

function totalsOf(columns: readonly string[], row: DecodedRow): StoredTotals {
  return {
    totals: columns.map((name) => Number(row[name])),
    position: Number(row[positionColumn]) as Position,
  };
}
