/** Ports of verification over the stores in memory, for its tests. */
import type { MemoryStore } from '../engine/memory-store.ts';
import type { ReadModel } from '../engine/store.ts';
import type { ReadModelMender, ReadModelReader, StandingRow } from './ports.ts';
import { hashOf } from './sums.ts';
import { keyText } from './sums-pass.ts';

export class MemoryReader implements ReadModelReader, ReadModelMender {
  readonly #store: MemoryStore;
  /** Called between pages. */
  readonly #between: () => Promise<void>;
  readonly #pageRows: number;

  constructor(store: MemoryStore, between: () => Promise<void>, pageRows = 3) {
    this.#store = store;
    this.#between = between;
    this.#pageRows = pageRows;
  }

  standing(model: ReadModel): readonly StandingRow[] {
    const isAggregate = model.shape.kind === 'aggregate';
    return this.#store.written(model).map(({ key, cells, at }) => ({
      key: isAggregate ? key.slice(0, -1) : key,
      shard: isAggregate ? Number(key.at(-1)) : null,
      values: isAggregate ? cells.slice(0, -1) : cells,
      position: isAggregate ? Number(cells.at(-1)) : null,
      writtenAt: at === null ? null : BigInt(at),
    }));
  }

  /** Page by page in the order of tokens, each page as the table is by then. */
  async scan(model: ReadModel, take: Parameters<ReadModelReader['scan']>[1]): Promise<void> {
    let after = Number.NEGATIVE_INFINITY;
    for (;;) {
      await this.#between();
      const page = this.standing(model)
        .map((row) => ({ row, token: hashOf(keyText(row.key, row.shard)).one }))
        .filter(({ token }) => token > after)
        .sort((one, other) => one.token - other.token)
        .slice(0, this.#pageRows);
      const last = page.at(-1);
      if (last === undefined) return take([], 1);
      after = last.token;
      take(
        page.map(({ row }) => row),
        after / 2 ** 32 + 0.5,
      );
    }
  }

  async rows(model: ReadModel, addresses: Parameters<ReadModelReader['rows']>[1]) {
    await this.#between();
    const found = new Map(this.standing(model).map((row) => [keyText(row.key, row.shard), row]));
    return addresses.map(({ key, shard }) => found.get(keyText(key, shard)) ?? null);
  }

  async put(model: ReadModel, row: Parameters<ReadModelMender['put']>[1], at: bigint) {
    const { key, shard, values, position } = row;
    if (shard === null) this.#store.put(model, key, values, Number(at));
    else this.#store.put(model, [...key, shard], [...values, position], Number(at));
  }

  async remove(
    model: ReadModel,
    { key, shard }: Parameters<ReadModelMender['remove']>[1],
    at: bigint,
  ) {
    this.#store.put(model, shard === null ? key : [...key, shard], null, Number(at));
  }
}
