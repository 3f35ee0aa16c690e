/** What the simulated cluster does beyond the contract: fates, replicas that differ, and its probes. */
import { expect, test } from 'vitest';
import { controlDdl } from '../../../processor/cql/ddl.ts';
import type { SchemaSession } from '../../../processor/cql/session.ts';
import type { Statement } from '../../../processor/cql/statements.ts';
import { bigintValue, textValue } from '../../../processor/cql/values.ts';
import { Dice } from '../dice.ts';
import { type Fate, Network } from '../network.ts';
import { Process } from '../process.ts';
import { Scheduler } from '../scheduler.ts';
import { type ClusterOptions, SimulatedCluster } from './cluster.ts';
import type { CqlHappening } from './probes.ts';

const seeds = Array.from({ length: 40 }, (_, seed) => seed + 1);
const ddl = [
  ...controlDdl({ keyspace: 'k', dialect: 'cassandra', replication: { dc: 3 } }),
  'CREATE TABLE IF NOT EXISTS k.t (p text, c text, s text STATIC, v text, w text, PRIMARY KEY ((p), c))',
];

/** `fate` is that of the calls made from then on. */
function open(seed: number, options: Partial<ClusterOptions> = {}) {
  const dice = new Dice(seed);
  const scheduler = new Scheduler(dice.forked('schedule'), 1_700_000_000_000);
  const late = dice.forked('late');
  const world = { fate: 'answered' as Fate };
  const network = new Network(
    scheduler,
    () => world.fate,
    (most) => late.int(0, most),
  );
  const happened = new Map<CqlHappening, number>();
  const cluster = new SimulatedCluster({
    network,
    scheduler,
    dice: dice.forked('cql'),
    replicas: 3,
    laggards: { late: 0, never: 0 },
    count: (name) => happened.set(name, (happened.get(name) ?? 0) + 1),
    ...options,
  });
  for (const text of ddl) cluster.createTable(text);
  const process = new Process('writer');
  const session = cluster.session(process);
  /** Runs the world until the call has ended. */
  const heard = async <T>(call: Promise<T>): Promise<T | 'timed out'> => {
    let ended = false;
    const outcome = call.then(
      (value) => value,
      (error: { readonly retriable?: boolean }): 'timed out' => {
        if (error.retriable !== true) throw error;
        return 'timed out';
      },
    );
    const settled = () => {
      ended = true;
    };
    outcome.then(settled, settled);
    expect(await scheduler.runUntil(() => ended, 10_000)).toBe('done');
    return outcome;
  };
  const rest = () => scheduler.runUntil(() => false, 10_000);
  return { world, scheduler, cluster, process, session, happened, heard, rest };
}

type World = ReturnType<typeof open>;

const insert = (p: string, c: string, v: string, w: string, at: number | null): Statement => ({
  query: `INSERT INTO k.t (p, c, v, w) VALUES (?, ?, ?, ?)${at === null ? '' : ' USING TIMESTAMP ?'}`,
  params: [...[p, c, v, w].map(textValue), ...(at === null ? [] : [bigintValue(at)])],
});
const setStatic = (p: string, s: string, at: number): Statement => ({
  query: 'UPDATE k.t USING TIMESTAMP ? SET s = ? WHERE p = ?',
  params: [bigintValue(at), textValue(s), textValue(p)],
});
const selectRow = (p: string, c: string, columns = 'c, v, w, s'): Statement => ({
  query: `SELECT ${columns} FROM k.t WHERE p = ? AND c = ?`,
  params: [p, c].map(textValue),
});
const selectStatic = (p: string): Statement => ({
  query: 'SELECT DISTINCT p, s FROM k.t WHERE p = ?',
  params: [textValue(p)],
});

const write = (session: SchemaSession, ...statements: Statement[]) =>
  session.write('writing', statements);
const values = async ({ heard, session }: World, p = 'p', c = 'c') => {
  const rows = await heard(session.read('reading', selectRow(p, c)));
  return rows === 'timed out' ? rows : (rows[0]?.['v'] ?? null);
};
/** In a world where calls are answered, once nothing is under way. */
const written = async (world: World, fate: Fate, ...statements: Statement[]) => {
  world.world.fate = fate;
  const outcome = await world.heard(write(world.session, ...statements));
  world.world.fate = 'answered';
  return outcome;
};

test.each([1, 3] as const)('with %d replicas a lost write has no effect', async (replicas) => {
  const world = open(1, { replicas });
  expect(await written(world, 'lost', insert('p', 'c', 'a', 'a', 1))).toBe('timed out');
  await world.rest();
  expect(world.cluster.rows('t')).toEqual([]);
  expect(world.happened.get('cql: a write timed out and was not applied')).toBe(1);
});

test('a late write takes effect after its caller was told that it timed out', async () => {
  const world = open(1, { replicas: 1 });
  expect(await written(world, 'late', insert('p', 'c', 'a', 'a', 1))).toBe('timed out');
  expect(world.cluster.rows('t')).toEqual([]);
  await world.rest();
  expect(await values(world)).toBe('a');
  expect(world.happened.get('cql: a write applied long after its time-out')).toBe(1);
});

test('what a process had sent takes effect though it was killed', async () => {
  const world = open(1);
  void write(world.session, insert('p', 'c', 'a', 'a', 1));
  world.process.kill();
  await world.rest();
  expect(world.cluster.rows('t')).toHaveLength(1);
  expect(world.happened.get('cql: a write applied after its writer had died')).toBe(1);
});

test('a read that times out says so', async () => {
  const world = open(1);
  world.world.fate = 'lost';
  expect(await values(world)).toBe('timed out');
  expect(world.happened.get('cql: a read timed out')).toBe(1);
});

test.each(seeds)('an acknowledged write is in every quorum: seed %d', async (seed) => {
  const world = open(seed, { laggards: { late: 0.5, never: 0.5 } });
  for (const at of [1, 2, 3, 4, 5]) {
    expect(await written(world, 'answered', insert('p', 'c', `v${at}`, '', at))).toBeUndefined();
    expect(await values(world)).toBe(`v${at}`);
  }
});

test('an unheard write is there or not, but once it was read it stays', async () => {
  const firsts = new Set<unknown>();
  let changes = 0;
  for (const seed of seeds) {
    const world = open(seed);
    await written(world, 'answered', insert('p', 'c', 'old', '', 1));
    await written(world, 'unheard', insert('p', 'c', 'new', '', 2));
    const seen: unknown[] = [];
    for (let read = 0; read < 12; read += 1) seen.push(await values(world));
    firsts.add(seen[0]);
    if (seen[0] !== seen.at(-1)) changes += 1;
    const since = seen.indexOf('new');
    if (since >= 0) expect(seen.slice(since)).not.toContain('old');
  }
  expect(firsts).toEqual(new Set(['old', 'new']));
  expect(changes).toBeGreaterThan(0);
});

test('a batch that reached one replica alone is repaired as far as it is read', async () => {
  let torn = 0;
  for (const seed of seeds) {
    const world = open(seed);
    await written(world, 'answered', insert('p', 'a', 'first', '', 1));
    await written(world, 'unheard', insert('p', 'c', 'new', '', 2), setStatic('p', 'two', 2));
    const [static1] = (await world.heard(
      world.session.read('reading', selectStatic('p')),
    )) as readonly Record<string, unknown>[];
    if (static1?.['s'] !== 'two') continue;
    const rows = await world.heard(world.session.read('reading', selectRow('p', 'c')));
    if (rows.length === 0) torn += 1;
  }
  expect(torn).toBeGreaterThan(0);
});

test('a repair brings only the columns that were read, and the marker of the row', async () => {
  let halves = 0;
  for (const seed of seeds) {
    const world = open(seed);
    await written(world, 'unheard', insert('p', 'c', 'v', 'w', 2));
    await world.heard(world.session.read('reading', selectRow('p', 'c', 'v')));
    const rows = await world.heard(world.session.read('reading', selectRow('p', 'c')));
    if (rows !== 'timed out' && rows[0]?.['v'] === 'v' && rows[0]['w'] === null) halves += 1;
  }
  expect(halves).toBeGreaterThan(0);
});

test.each([1, 3] as const)(
  'with %d replicas a batch over several CQL partitions falls apart',
  async (replicas) => {
    const found = new Set<string>();
    for (const seed of seeds) {
      const world = open(seed, { replicas });
      const both = ['p', 'q'].map((p) => insert(p, 'c', p, '', 1));
      await written(world, 'unheard', ...both);
      await world.rest();
      found.add(
        world.cluster
          .rows('t')
          .map(({ key }) => key['p'])
          .sort()
          .join(''),
      );
    }
    expect(found).toContain('p');
    expect(found).toContain('q');
    expect(found).toContain('pq');
  },
);

test('a batch of one CQL partition is whole on each replica at any moment', async () => {
  for (const seed of seeds) {
    const world = open(seed, { laggards: { late: 0.5, never: 0.2 } });
    const pair = (at: number) => ['a', 'b'].map((c) => insert('p', c, `${at}`, '', at));
    const calls = [3, 1, 2].map((at) => world.heard(write(world.session, ...pair(at))));
    const check = world.scheduler.runUntil(() => {
      const seen = world.cluster.rows('t').map((row) => row.values['v']);
      expect(new Set(seen).size).toBeLessThanOrEqual(1);
      return false;
    }, 10_000);
    await Promise.all([...calls, check]);
    expect(world.cluster.rows('t').map(({ values: { v } }) => v)).toEqual(['3', '3']);
  }
});

test('probes see each statement once, when it first takes effect and when a majority has it', async () => {
  const applied: unknown[] = [];
  const durable: unknown[] = [];
  const world = open(3, {
    probes: {
      applied: ({ table, op, key, values: cells, timestamp, by }) =>
        applied.push({ table, op, key, cells, timestamp, by }),
      durable: ({ op }) => durable.push(op),
    },
  });
  await written(world, 'answered', insert('p', 'c', 'v', 'w', 7), setStatic('p', 's', 8));
  await world.rest();
  expect(applied).toEqual([
    {
      table: 't',
      op: 'insert',
      key: { p: 'p', c: 'c' },
      cells: { v: 'v', w: 'w' },
      timestamp: 7,
      by: 'writer',
    },
    {
      table: 't',
      op: 'update',
      key: { p: 'p' },
      cells: { s: 's' },
      timestamp: 8,
      by: 'writer',
    },
  ]);
  expect(durable).toEqual(['insert', 'update']);
});

test('a write on one replica alone is applied and not durable', async () => {
  for (const seed of seeds) {
    let [applied, durable] = [0, 0];
    const probes = {
      applied: () => {
        applied += 1;
      },
      durable: () => {
        durable += 1;
      },
    };
    const world = open(seed, { probes });
    await written(world, 'unheard', insert('p', 'c', 'v', '', 1));
    await world.rest();
    expect(applied).toBe(1);
    const isAlone = world.happened.has('cql: a write reached a minority alone');
    expect(durable).toBe(isAlone ? 0 : 1);
  }
});

test('two cells that differ at one timestamp are a tie, the same cell again is none', async () => {
  const ties: unknown[] = [];
  const world = open(1, {
    replicas: 1,
    probes: {
      tie: ({ between, column, at, key, by }) => ties.push([between, column, at, key, by]),
    },
  });
  for (const v of ['a', 'a', 'b']) await written(world, 'answered', insert('p', 'c', v, 'w', 5));
  expect(ties).toEqual([['values', 'v', 5, { p: 'p', c: 'c' }, 'writer']]);
  const remove = {
    query: 'DELETE FROM k.t USING TIMESTAMP ? WHERE p = ? AND c = ?',
    params: [bigintValue(5), textValue('p'), textValue('c')],
  };
  await written(world, 'answered', remove);
  expect(ties.slice(1)).toEqual([['delete and write', null, 5, { p: 'p', c: 'c' }, 'writer']]);
});

test('a write without a timestamp is told of, once', async () => {
  const told: unknown[] = [];
  const world = open(1, {
    probes: { serverTime: ({ op, timestamp }) => told.push([op, timestamp]) },
  });
  await written(world, 'answered', insert('p', 'c', 'v', 'w', null));
  await world.rest();
  expect(told).toEqual([['insert', expect.any(Number)]]);
  expect(told).toEqual([['insert', world.cluster.rows('t')[0]?.at]]);
});

test('rows and static columns of all replicas are there for checks, with their times', async () => {
  const world = open(2);
  await written(world, 'answered', insert('p', 'c', 'v', 'w', 7), setStatic('p', 's', 9));
  await written(world, 'unheard', setStatic('q', 'alone', 4));
  expect(world.cluster.rows('t')).toEqual([
    { key: { p: 'p', c: 'c' }, values: { v: 'v', w: 'w' }, statics: { s: 's' }, at: 7 },
  ]);
  const statics = [...world.cluster.statics('t')].sort((one, other) => other.at - one.at);
  expect(statics).toEqual([
    { key: { p: 'p' }, values: { s: 's' }, at: 9 },
    { key: { p: 'q' }, values: { s: 'alone' }, at: 4 },
  ]);
});

test.each([
  ['a statement', { query: 'TRUNCATE k.t', params: [] }],
  ['a counter', { query: 'UPDATE k.t SET v = v + ? WHERE p = ?', params: [] }],
  ['a list of keys', { query: 'DELETE FROM k.t WHERE (c) IN ((?))', params: [textValue('c')] }],
  ['a delete of one column', { query: 'DELETE v FROM k.t WHERE p = ?', params: [] }],
])('what it does not understand ends the history: %s', async (_, statement) => {
  const world = open(1);
  await expect(world.heard(write(world.session, statement))).rejects.toThrow(/simulated cluster/);
});

test.each([
  'ALTER TABLE k.t DROP v',
  'CREATE TABLE IF NOT EXISTS k.u (p text, PRIMARY KEY ((p))) WITH cdc = 1',
  'CREATE TABLE IF NOT EXISTS k.u (p counter, PRIMARY KEY ((p)))',
])('nor does it take tables that it does not know: %s', (text) => {
  expect(() => open(1).cluster.createTable(text)).toThrow(/does not understand/);
});

test('one seed gives one history', async () => {
  const history = async (seed: number) => {
    const world = open(seed, { laggards: { late: 0.3, never: 0.1 } });
    const steps: string[] = [];
    world.scheduler.onStep = (_, label) => steps.push(label);
    const calls = Array.from({ length: 12 }, (_, n) => {
      world.world.fate = (['answered', 'late', 'unheard'] as const)[n % 3] ?? 'lost';
      return world.heard(write(world.session, insert('p', `c${n % 4}`, `v${n}`, '', n)));
    });
    await Promise.all(calls);
    await world.rest();
    return { steps, rows: world.cluster.rows('t'), happened: [...world.happened] };
  };
  expect(await history(5)).toEqual(await history(5));
  expect((await history(5)).steps).not.toEqual((await history(6)).steps);
});
