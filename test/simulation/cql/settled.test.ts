/**
 * A container's last batch that reached one replica alone (decision 14): its position can be read,
 * and is repaired, without its rows. It is given only when the rows are on a majority.
 */
import { expect, test } from 'vitest';
import { controlDdl } from '../../../processor/cql/ddl.ts';
import { CqlStateStore, stateStoreDefaults } from '../../../processor/cql/state-store.ts';
import type { StateKey, StateRow } from '../../../processor/sequencer/state-store.ts';
import { Dice } from '../dice.ts';
import { type Fate, Network } from '../network.ts';
import { Process } from '../process.ts';
import { Scheduler } from '../scheduler.ts';
import { SimulatedCluster } from './cluster.ts';
import type { CqlHappening } from './probes.ts';

const container = 's:a';
const session: StateKey = { kind: 'session', uid: '', idx: 0, other: '' };
const step = (idx: number): StateKey => ({ kind: 'step', uid: 't', idx, other: '' });
const row = (of: StateKey, body: string): StateRow => {
  return { ...of, lsn: 1, seen: 0, present: true, body, text: body, expires: false };
};
const never = Number.MAX_SAFE_INTEGER;
const seeds = Array.from({ length: 120 }, (_, seed) => seed + 1);

/** Everybody has position 1; of 2, written in two segments, its dying writer heard nothing. */
async function open(seed: number) {
  const dice = new Dice(seed);
  const scheduler = new Scheduler(dice.forked('schedule'), 1_700_000_000_000);
  let fate: Fate = 'answered';
  const network = new Network(
    scheduler,
    () => fate,
    () => 1,
  );
  const happened = new Set<CqlHappening>();
  const cluster = new SimulatedCluster({
    network,
    scheduler,
    dice: dice.forked('cql'),
    replicas: 3,
    laggards: { late: 0, never: 0 },
    count: (name) => happened.add(name),
  });
  const schema = { keyspace: 'k', dialect: 'cassandra', replication: { dc: 3 } } as const;
  for (const ddl of controlDdl(schema)) cluster.createTable(ddl);
  const storeOf = (process: Process) =>
    new CqlStateStore(cluster.session(process), { ...stateStoreDefaults, keyspace: 'k' });
  const heard = async <T>(call: Promise<T>): Promise<T | Error> => {
    let ended = false;
    const outcome = call
      .catch((error: Error) => error)
      .finally(() => {
        ended = true;
      });
    expect(await scheduler.runUntil(() => ended, 10_000)).toBe('done');
    return outcome;
  };
  const former = new Process('former');
  const writer = storeOf(former);
  const old = [row(session, 'old'), row(step(1), 'old')];
  await heard(writer.write(container, [{ position: 1, rows: old }]));
  fate = 'unheard';
  await heard(
    writer.write(container, [
      { position: 2, rows: [row(step(1), 'new'), row(step(2), 'new'), row(session, 'newer')] },
      { position: 3, rows: [row(session, 'new')] },
    ]),
  );
  former.kill();
  await scheduler.runUntil(() => false, 10_000);
  fate = 'answered';
  const store = storeOf(new Process('next'));
  const reads = [session, step(1), step(2)].map((key) => ({ container, key }));
  return {
    isHole: happened.has('cql: a write reached a minority alone'),
    /** The position as it is given, or why not. */
    position: async (settledBelow: number) => {
      const found = await heard(store.positions([container], settledBelow));
      return found instanceof Error ? found : found[0];
    },
    /** All rows, for nothing. */
    scan: () =>
      heard(
        (async () => {
          for await (const page of store.scan()) expect(page.length).toBeGreaterThan(0);
        })(),
      ),
    /** The positions at which rows were read that are not old. */
    newAt: async () => {
      const found = await heard(store.rows(reads));
      if (found instanceof Error) throw found;
      return found.flatMap((of) => (of === null || of.body === 'old' ? [] : [of.heldAt]));
    },
    /** Of the first rows. */
    bodies: async (count = reads.length) => {
      const found = await heard(store.rows(reads.slice(0, count)));
      if (found instanceof Error) return found;
      return found.map((of) => (of === null || of.text === of.body ? (of?.body ?? null) : 'mixed'));
    },
  };
}

test('a position above the committed offset is given when its rows are in every quorum, not before', async () => {
  const seen = { refused: 0, old: 0, given: 0 };
  for (const seed of seeds) {
    const world = await open(seed);
    if (!world.isHole) continue;
    // Whoever reads a row repairs the position too, without the tail.
    if (seed % 2 === 0) await world.bodies(1);
    let position: number | Error | undefined = 1;
    for (let tries = 0; position !== 3 && tries < 100; tries += 1) {
      position = await world.position(2);
      if (position === 1) seen.old += 1;
      else if (position instanceof Error) {
        expect(position).toMatchObject({ code: 'STORE', retriable: true });
        expect(position.message).toMatch(/^the state of s:a is at 3, but .* do not have /);
        seen.refused += 1;
      }
    }
    expect(position).toBe(3);
    seen.given += 1;
    for (let reads = 0; reads < 3; reads += 1) {
      expect(await world.bodies()).toEqual(['new', 'new', 'new']);
    }
  }
  expect(Math.min(seen.refused, seen.old, seen.given)).toBeGreaterThan(10);
});

test('a position below the committed offset is believed: this is what the rule keeps away', async () => {
  let stale = 0;
  for (const seed of seeds) {
    const world = await open(seed);
    if (!world.isHole || (await world.position(never)) !== 3) continue;
    const bodies = await world.bodies();
    if (!(bodies instanceof Error) && bodies.includes('old')) stale += 1;
  }
  expect(stale).toBeGreaterThan(0);
});

test('a row that is seen is not ahead of its container, whoever read it before', async () => {
  let seen = 0;
  for (const seed of seeds) {
    const world = await open(seed);
    if (!world.isHole) continue;
    await world.scan();
    for (const heldAt of await world.newAt()) {
      expect(heldAt).toBe(3);
      seen += 1;
    }
  }
  expect(seen).toBeGreaterThan(10);
});
