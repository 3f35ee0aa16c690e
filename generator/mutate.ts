/**
 * Mixed changes: every column updated, every kind of row deleted, keys changed, rows before their
 * parents, by INSERT, multi-row INSERT and COPY, in transactions of every kind: alone, together,
 * long, rolled back, with savepoints. Seeded: the same tables and the same options end in the same
 * rows, however the lanes interleave (world.ts).
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Pool, PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { loadWorlds } from './load-worlds.ts';
import type { Mutate, Mutation, MutationStatement } from './mutation.ts';
import { between, pickWeighted, type Weighted } from './random.ts';
import { rowMutations } from './row-mutations.ts';
import { updateMutations } from './update-mutations.ts';
import type { World } from './world.ts';
import { withClient } from './writer.ts';

export type MutateOptions = {
  readonly seed: number;
  /** Row changes to commit, at least; a few more, since the last transactions are finished. */
  readonly changes: number;
  /** Transactions that are open at once, each on its own connection. */
  readonly lanes: number;
  readonly endAtMs: number;
  /** Changes rows of these sessions alone; of all when absent. */
  readonly sessionUids?: readonly string[];
  /** Called after each commit with the rows that it changed. */
  readonly onCommit?: (rows: number) => void;
  readonly signal?: AbortSignal;
};

export type MutateSummary = {
  /** Rows that committed transactions inserted, updated or deleted. */
  readonly changes: number;
  readonly transactions: number;
  readonly rolledBack: number;
  /** Committed row changes by mutation: what a test must see above 0. */
  readonly byMutation: Readonly<Record<string, number>>;
};

type Tally = {
  changes: number;
  transactions: number;
  rolledBack: number;
  readonly byMutation: Map<string, number>;
};

/** Of one long transaction; meanwhile the other lanes commit theirs. */
const longMutations = 120;

const transactionKinds: Weighted<'alone' | 'together' | 'long' | 'rolledBack' | 'savepoints'> = [
  ['alone', 60],
  ['together', 22],
  ['long', 2],
  ['rolledBack', 8],
  ['savepoints', 8],
];

const mutations: Weighted<readonly [name: string, mutate: Mutate]> = [
  ...Object.entries(updateMutations).map((entry) => [entry, 4] as const),
  ...Object.entries(rowMutations).map((entry) => [entry, weightOf(entry[0])] as const),
];

export const mutationNames: readonly string[] = mutations.map(([[name]]) => name);

/** Fewer rows go than come, so that the tables do not run dry. */
function weightOf(name: string): number {
  if (name === 'delete step' || name === 'replace step') return 4;
  return name.startsWith('delete') ? 1 : 2;
}

export async function mutate(pool: Pool, options: MutateOptions): Promise<MutateSummary> {
  const worlds = await loadWorlds(pool, {
    seed: options.seed,
    lanes: options.lanes,
    endAt: options.endAtMs * 1000,
    ...(options.sessionUids === undefined ? {} : { sessionUids: options.sessionUids }),
  });
  const tally: Tally = {
    changes: 0,
    transactions: 0,
    rolledBack: 0,
    byMutation: new Map(mutationNames.map((name) => [name, 0])),
  };
  const each = Math.ceil(options.changes / options.lanes);
  const lanes = worlds.map((world) => runLane(pool, world, each, tally, options));
  const ends = await Promise.allSettled(lanes);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return { ...tally, byMutation: Object.fromEntries(tally.byMutation) };
}

async function runLane(
  pool: Pool,
  world: World,
  changes: number,
  tally: Tally,
  options: MutateOptions,
): Promise<void> {
  await withClient(pool, async (client) => {
    for (let done = 0; done < changes && options.signal?.aborted !== true; ) {
      const lane = new Lane(client, world, tally);
      await lane.transact(pickWeighted(world.random, transactionKinds));
      done += lane.committed;
      options.onCommit?.(lane.committed);
    }
  });
}

/** One transaction of a lane (or, for 'alone', one mutation whose statements commit one by one). */
class Lane {
  readonly #client: PoolClient;
  readonly #world: World;
  readonly #tally: Tally;
  committed = 0;

  constructor(client: PoolClient, world: World, tally: Tally) {
    this.#client = client;
    this.#world = world;
    this.#tally = tally;
  }

  async transact(kind: (typeof transactionKinds)[number][0]): Promise<void> {
    const { random } = this.#world;
    if (kind === 'alone') {
      await this.#mutations(1, true);
      this.#tally.transactions += 1;
      return;
    }
    await this.#client.query('BEGIN');
    if (kind === 'together') await this.#mutations(between(random, 2, 12), true);
    if (kind === 'long') await this.#mutations(longMutations, true);
    if (kind === 'savepoints') await this.#savepoints();
    if (kind === 'rolledBack') {
      await this.#mutations(between(random, 1, 10), false);
      await this.#client.query('ROLLBACK');
      this.#tally.rolledBack += 1;
      return;
    }
    await this.#client.query('COMMIT');
    this.#tally.transactions += 1;
  }

  /** Kept and undone work side by side, one savepoint inside another. */
  async #savepoints(): Promise<void> {
    const { random } = this.#world;
    await this.#mutations(between(random, 0, 3), true);
    await this.#client.query('SAVEPOINT undone');
    await this.#mutations(between(random, 1, 4), false);
    await this.#client.query('ROLLBACK TO SAVEPOINT undone');
    await this.#mutations(between(random, 1, 3), true);
    await this.#client.query('SAVEPOINT outer_kept');
    await this.#mutations(between(random, 1, 3), true);
    await this.#client.query('SAVEPOINT inner_undone');
    await this.#mutations(between(random, 1, 3), false);
    await this.#client.query('ROLLBACK TO SAVEPOINT inner_undone');
    await this.#mutations(between(random, 0, 2), true);
    await this.#client.query('RELEASE SAVEPOINT outer_kept');
  }

  async #mutations(count: number, kept: boolean): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const [name, mutation] = next(this.#world);
      let rows = 0;
      for (const statement of mutation.statements) rows += await run(this.#client, statement);
      if (!kept) continue;
      mutation.keep();
      this.committed += rows;
      this.#tally.changes += rows;
      this.#tally.byMutation.set(name, (this.#tally.byMutation.get(name) ?? 0) + rows);
    }
  }
}

function next(world: World): readonly [name: string, mutation: Mutation] {
  for (;;) {
    const [name, make] = pickWeighted(world.random, mutations);
    const mutation = make(world);
    if (mutation !== undefined) return [name, mutation];
  }
}

async function run(client: PoolClient, statement: MutationStatement): Promise<number> {
  if (statement.kind === 'query') {
    return (await client.query(statement.text, [...statement.values])).rowCount ?? 0;
  }
  const copy = client.query(copyFrom(statement.text));
  await pipeline(Readable.from([statement.lines]), copy);
  return copy.rowCount;
}
