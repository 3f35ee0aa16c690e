/** What goes wrong in a read model when somebody writes to it by hand, or a write got lost; for tests of verification. */
import { connectCql, cqlDefaults, type DriverSession } from '../../../processor/cql/cluster.ts';
import { CqlReadModelReader } from '../../../processor/cql/read-model-reader.ts';
import type { ReadModel } from '../../../processor/engine/store.ts';
import type { Cell } from '../../../processor/projection/columns.ts';
import type { StandingRow } from '../../../processor/verify/ports.ts';
import type { Spine } from './spine.ts';

export class PlantedFaults {
  readonly #session: DriverSession;
  readonly #reader: CqlReadModelReader;
  readonly #taken = new Set<StandingRow>();

  private constructor(session: DriverSession, keyspace: string) {
    this.#session = session;
    this.#reader = new CqlReadModelReader(session, {
      keyspace,
      readsInFlightMax: 4,
      pageRowsMax: 500,
    });
  }

  static async open({ addresses, name }: Spine): Promise<PlantedFaults> {
    const { contactPoints, port, datacenter } = addresses.cql;
    const cql = { ...cqlDefaults, contactPoints, port, localDataCenter: datacenter };
    return new PlantedFaults(await connectCql(cql), name);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async standing(model: ReadModel): Promise<readonly StandingRow[]> {
    const all: StandingRow[] = [];
    await this.#reader.scan(model, (rows) => all.push(...rows));
    return all;
  }

  /** One that no other fault concerns. */
  async row(model: ReadModel): Promise<StandingRow> {
    const rows = await this.standing(model);
    const isFree = (row: StandingRow) =>
      row.values.some((value) => value !== 0) &&
      ![...this.#taken].some((other) => sameFirst(row.key, other.key, 3));
    const found = rows.find(isFree);
    if (found === undefined) throw new Error(`no row of ${model.shape.projection} is left`);
    this.#taken.add(found);
    return found;
  }

  /** As by `DELETE` in cqlsh: at the server's time. */
  async deleteByHand(model: ReadModel): Promise<StandingRow> {
    const row = await this.row(model);
    await this.#reader.remove(model, row, nowMicros());
    return row;
  }

  /** As if a write of the worker had never arrived. */
  async lose(model: ReadModel): Promise<StandingRow> {
    const row = await this.row(model);
    await this.#reader.remove(model, row, row.writtenAt ?? 0n);
    return row;
  }

  /** At a timestamp in the far future. */
  async change(model: ReadModel): Promise<StandingRow> {
    const row = await this.row(model);
    const values = row.values.map((value) => (typeof value === 'string' ? `${value}!` : value));
    await this.#reader.put(model, { ...row, values }, 2n ** 60n);
    return row;
  }

  /** A row that nobody should have. */
  async add(model: ReadModel): Promise<StandingRow> {
    const row = await this.row(model);
    const key = row.key.map((cell): Cell => (typeof cell === 'string' ? `${cell}-nobody` : cell));
    await this.#reader.put(model, { ...row, key }, nowMicros());
    return { ...row, key };
  }

  async offByOne(model: ReadModel): Promise<StandingRow> {
    const row = await this.row(model);
    const values = row.values.map((total, at) => Number(total) + (at === 0 ? 1 : 0));
    await this.#reader.put(model, { ...row, values }, (row.writtenAt ?? 0n) + 1n);
    return row;
  }

  /** Rows of totals, about so many all over, as if a worker had counted one too many; how many they are. */
  async manyOffByOne(model: ReadModel, rowsMax: number): Promise<number> {
    const all = await this.standing(model);
    const every = Math.ceil(all.length / rowsMax);
    const rows = all.filter((_, at) => at % every === 0);
    for (const row of rows) {
      const values = row.values.map((total, at) => Number(total) + (at === 0 ? 1 : 0));
      await this.#reader.put(model, { ...row, values }, (row.writtenAt ?? 0n) + 1n);
    }
    return rows.length;
  }

  /** All rows of one CQL partition, as if its files were gone. */
  async losePartition(model: ReadModel): Promise<readonly StandingRow[]> {
    const one = await this.row(model);
    const width = model.shape.partition.length;
    const rows = (await this.standing(model)).filter(({ key }) => sameFirst(key, one.key, width));
    for (const row of rows) await this.#reader.remove(model, row, row.writtenAt ?? 0n);
    return rows;
  }
}

function sameFirst(one: readonly Cell[], other: readonly Cell[], width: number): boolean {
  return one.slice(0, width).every((cell, at) => cell === other[at]);
}

function nowMicros(): bigint {
  return BigInt(Date.now()) * 1000n;
}
