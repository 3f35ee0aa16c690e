/**
 * Read models as verification sees them (processor/verify/ports.ts): whole tables by ranges of tokens, side
 * by side, and rows by their keys, each with the newest write timestamp of its cells; and the writes of repairs.
 *
 * CQL tells the time of a cell, not of a row: a row whose values are all null was written nobody knows when.
 */
import type { ReadModel } from '../engine/store.ts';
import { keyTextOf } from '../projection/key-text.ts';
import type { TableColumn } from '../projection/projection.ts';
import type { ReadModelMender, ReadModelReader, RowAddress, StandingRow } from '../verify/ports.ts';
import { forEachBounded } from './limiter.ts';
import { amongRuns, tableName } from './names.ts';
import type { CqlSession, DecodedRow } from './session.ts';
import {
  type StandingStatements,
  standingStatements,
  writetimeName,
} from './standing-statements.ts';
import { positionColumn, shardColumn } from './statements.ts';
import { cellOf, storedCell } from './values.ts';

export type ReadModelReaderOptions = {
  readonly keyspace: string;
  /** Ranges of tokens, or reads by key, under way at a time. */
  readonly readsInFlightMax: number;
  readonly pageRowsMax: number;
};

/** The ring of Murmur3 is cut into so many ranges: more than nodes, so that none waits for one of them. */
const ranges = 128n;
const firstToken = -(2n ** 63n);
const rangeTokens = 2n ** 64n / ranges;

export class CqlReadModelReader implements ReadModelReader, ReadModelMender {
  readonly #session: CqlSession;
  readonly #options: ReadModelReaderOptions;
  readonly #statements = new Map<string, StandingStatements>();

  constructor(session: CqlSession, options: ReadModelReaderOptions) {
    this.#session = session;
    this.#options = options;
  }

  async scan(
    model: ReadModel,
    take: (rows: readonly StandingRow[], share: number) => void,
  ): Promise<void> {
    const { readsInFlightMax, pageRowsMax } = this.#options;
    const { range } = this.#of(model);
    const doing = `reading ${tableName(model)}`;
    const all = Array.from(
      { length: Number(ranges) },
      (_, at) => firstToken + BigInt(at) * rangeTokens,
    );
    let read = 0;
    const share = () => read / all.length;
    await forEachBounded(all, readsInFlightMax, async (first) => {
      const statement = range(first, first + rangeTokens - 1n);
      for await (const page of this.#session.pages(doing, statement, pageRowsMax)) {
        take(
          page.map((row) => standingRow(model, row)),
          share(),
        );
      }
      read += 1;
      take([], share());
    });
  }

  async rows(
    model: ReadModel,
    addresses: readonly RowAddress[],
  ): Promise<readonly (StandingRow | null)[]> {
    const { some } = this.#of(model);
    const doing = `reading rows of ${tableName(model)}`;
    const width = model.shape.partition.length;
    const groups = new Map<string, RowAddress[]>();
    for (const address of addresses) {
      const text = keyTextOf(address.key.slice(0, width));
      const group = groups.get(text);
      if (group === undefined) groups.set(text, [address]);
      else group.push(address);
    }
    const runs = [...groups.values()].flatMap((group) => amongRuns(group));
    const found = new Map<string, StandingRow>();
    await forEachBounded(runs, this.#options.readsInFlightMax, async (run) => {
      for (const row of await this.#session.read(doing, some(run))) {
        const standing = standingRow(model, row);
        found.set(addressText(model, standing), standing);
      }
    });
    return addresses.map((address) => found.get(addressText(model, address)) ?? null);
  }

  put(model: ReadModel, row: Parameters<ReadModelMender['put']>[1], at: bigint): Promise<void> {
    return this.#session.write(`repairing ${tableName(model)}`, [this.#of(model).put(row, at)]);
  }

  remove(model: ReadModel, address: RowAddress, at: bigint): Promise<void> {
    return this.#session.write(`repairing ${tableName(model)}`, [
      this.#of(model).remove(address, at),
    ]);
  }

  #of(model: ReadModel): StandingStatements {
    const name = tableName(model);
    const known = this.#statements.get(name);
    if (known !== undefined) return known;
    const built = standingStatements(this.#options.keyspace, model);
    this.#statements.set(name, built);
    return built;
  }
}

function addressText({ shape }: ReadModel, { key, shard }: RowAddress): string {
  const columns = [...shape.partition, ...shape.clustering];
  const stored = key.map((cell, at) => storedCell(columns[at]?.cql ?? 'text', cell));
  return `${shard ?? ''}/${keyTextOf(stored)}`;
}

function standingRow({ shape }: ReadModel, row: DecodedRow): StandingRow {
  const isAggregate = shape.kind === 'aggregate';
  const written = [
    ...shape.values.map(({ cqlName }) => cqlName),
    ...(isAggregate ? [positionColumn] : []),
  ];
  return {
    key: cells([...shape.partition, ...shape.clustering], row),
    shard: isAggregate ? Number(row[shardColumn]) : null,
    values: cells(shape.values, row),
    position: isAggregate ? Number(row[positionColumn]) : null,
    writtenAt: newest(written.map((name) => row[writetimeName(name)])),
  };
}

/** What the driver makes of a bigint is a BigInt; null where the cell is. */
function newest(times: readonly unknown[]): bigint | null {
  let latest: bigint | null = null;
  for (const time of times) {
    if (time === null || time === undefined) continue;
    const at = BigInt(time as bigint | number);
    if (latest === null || at > latest) latest = at;
  }
  return latest;
}

function cells(columns: readonly TableColumn[], row: DecodedRow) {
  return columns.map(({ cql, cqlName }) => cellOf(cql, row[cqlName]));
}
