/**
 * Does a step cost more in a long session? CPU time of folding one appended step, in sessions of 20
 * steps and in one of 20,000, through the sequencer's read-ahead, fold, flush and eviction. Both are
 * measured in turn, many times in one run, so that what else the machine does falls on both alike;
 * the ratio of the medians is the figure, at most 1.5 by the project's own standard.
 *
 * A batch of 100 goes to one long session or to 100 short ones, as it does in life: one by one the two
 * do the same work. State is in memory, so that the fold is what is measured; with `--cql` it is in
 * the local stack's Cassandra (`make up`), evicted after each step, and the time is that of the clock.
 * Run: `npm run bench:long-session`, `-- --json` for one JSON line.
 */

import { stackAddresses } from '../local/stack.ts';
import { connectCql, cqlDefaults } from '../processor/cql/cluster.ts';
import { applySchema } from '../processor/cql/schema.ts';
import { CqlStateStore, stateStoreDefaults } from '../processor/cql/state-store.ts';
import { MemoryStateStore } from '../processor/sequencer/memory-state-store.ts';
import type { StateStore } from '../processor/sequencer/state-store.ts';
import type { RowChange } from '../processor/source/row-change.ts';
import { addStep, conversation } from '../test/cost/conversations.ts';
import { FoldRig } from '../test/cost/fold-rig.ts';

const longSteps = 20_000;
const shortSteps = 20;
const isCql = process.argv.includes('--cql');
/** Appended in one measurement, in batches as the sequencer takes them. */
const appends = isCql ? 50 : 1_000;
const rounds = 31;
const ratioMax = 1.5;

const shapes = [
  { shape: 'one turn of 20,000 steps', turns: 1 },
  { shape: '1,000 turns of 20 steps', turns: 1_000 },
] as const;

const everything = Number.POSITIVE_INFINITY;

/** `batch`: changes folded together. Evicted after each batch, all of it is read again by the next. */
type Place = { readonly place: string; readonly cacheBytesMax: number; readonly batch: number };
const places: readonly Place[] = isCql
  ? [{ place: 'evicted to Cassandra, one by one', cacheBytesMax: 0, batch: 1 }]
  : [
      { place: 'in memory, batches of 100', cacheBytesMax: everything, batch: 100 },
      { place: 'in memory, one by one', cacheBytesMax: everything, batch: 1 },
      { place: 'evicted, batches of 100', cacheBytesMax: 0, batch: 100 },
      { place: 'evicted, one by one', cacheBytesMax: 0, batch: 1 },
    ];

type Append = () => RowChange;

/** To the last turn of one long session. */
async function longSession(turns: number): Promise<{ rig: FoldRig; append: Append }> {
  const rig = new FoldRig(newStore());
  const perTurn = longSteps / turns;
  await fill(rig, conversation(`long${turns}`, turns, perTurn));
  let idx = perTurn - 1;
  return {
    rig,
    append: () => {
      idx += 1;
      return addStep(`long${turns}`, turns - 1, idx);
    },
  };
}

/** One step to each of many short sessions, whose length is what it was for all that matters. */
async function shortSessions(turns: number): Promise<{ rig: FoldRig; append: Append }> {
  const rig = new FoldRig(newStore());
  const sessions = appends;
  for (let number = 0; number < sessions; number += 1) {
    await fill(rig, conversation(`short${turns}-${number}`, 1, shortSteps));
  }
  let count = 0;
  return {
    rig,
    append: () => {
      const session = `short${turns}-${count % sessions}`;
      const idx = shortSteps + Math.floor(count / sessions);
      count += 1;
      return addStep(session, 0, idx);
    },
  };
}

async function fill(rig: FoldRig, changes: Iterable<RowChange>): Promise<void> {
  const all = [...changes];
  for (let at = 0; at < all.length; at += 1_000) {
    await rig.batch(all.slice(at, at + 1_000), everything);
  }
}

/** Microseconds for one append: of CPU, with the database of the clock. */
async function measured(
  { rig, append }: { rig: FoldRig; append: Append },
  { cacheBytesMax, batch }: Place,
): Promise<number> {
  const changes = Array.from({ length: appends }, append);
  const before = process.cpuUsage();
  const startedAt = performance.now();
  for (let at = 0; at < appends; at += batch) {
    await rig.batch(changes.slice(at, at + batch), cacheBytesMax);
  }
  if (isCql) return ((performance.now() - startedAt) * 1000) / appends;
  const { user, system } = process.cpuUsage(before);
  return (user + system) / appends;
}

async function openCql(): Promise<{ newStore: () => StateStore; close: () => Promise<void> }> {
  const { contactPoints, port, datacenter } = stackAddresses().cql;
  const keyspace = `bench_${Date.now().toString(36)}`;
  const options = { ...cqlDefaults, contactPoints, port, localDataCenter: datacenter };
  const session = await connectCql(options);
  const replication = { [datacenter]: 1 };
  await applySchema(session, { keyspace, dialect: 'cassandra', replication }, []);
  return {
    newStore: () => new CqlStateStore(session, { ...stateStoreDefaults, keyspace }),
    close: async () => {
      await session.client.execute(`DROP KEYSPACE ${keyspace}`);
      await session.close();
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const opened = isCql ? await openCql() : null;
const newStore = opened?.newStore ?? (() => new MemoryStateStore());
const results = [];
for (const { shape, turns } of shapes) {
  for (const where of places) {
    const long = await longSession(turns);
    const short = await shortSessions(turns);
    const times: Record<'long' | 'short', number[]> = { long: [], short: [] };
    for (let round = 0; round < rounds; round += 1) {
      // The first ones warm up; which goes first alternates.
      const order = round % 2 === 0 ? (['long', 'short'] as const) : (['short', 'long'] as const);
      for (const which of order) {
        const micros = await measured(which === 'long' ? long : short, where);
        if (round >= 5) times[which].push(micros);
      }
    }
    const [longMicros, shortMicros] = [median(times.long), median(times.short)];
    results.push({
      shape,
      place: where.place,
      longMicros: Number(longMicros.toFixed(1)),
      shortMicros: Number(shortMicros.toFixed(1)),
      ratio: Number((longMicros / shortMicros).toFixed(2)),
      leastRatio: Number((Math.min(...times.long) / Math.min(...times.short)).toFixed(2)),
    });
    if (!process.argv.includes('--json')) console.log(JSON.stringify(results.at(-1)));
  }
}
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ longSteps, shortSteps, appends, rounds, results }));
}
await opened?.close();
const worst = Math.max(...results.map(({ ratio }) => ratio));
if (worst > ratioMax) {
  console.error(`A step in a long session takes ${worst} times as long as in a short one.`);
  process.exitCode = 1;
}
