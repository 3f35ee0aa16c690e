/**
 * The whole sequencer on the memory log and store: killed at any operation, with zombies that go on
 * for a while, it ends in the facts of the final rows.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fact, FactChange } from '../conversation/fact.ts';
import { type FinalStep, type FinalTurn, factsOf } from '../conversation/final-facts.ts';
import { segmentDefaults } from '../conversation/limits.ts';
import { MemoryLetters } from '../engine/memory-letters.ts';
import type { LogEntry } from '../event/event.ts';
import type { Log, LogConsumer } from '../kafka/log.ts';
import { MemoryLog } from '../kafka/memory-log.ts';
import { partitionOf } from '../kafka/partition.ts';
import { silentLogger } from '../logger.ts';
import type { Lsn } from '../source/lsn.ts';
import { ordinalsPerRecord } from '../source/position.ts';
import type { RowChange, SourceRecord } from '../source/row-change.ts';
import { MemoryStateStore } from './memory-state-store.ts';
import { cutting, Mortal } from './mortal-fixture.ts';
import { silentObserver } from './observer.ts';
import { runSequencer } from './run.ts';
import type { SequencerSettings } from './settings.ts';

const runs = Number(process.env['TURNSTREAM_LAW_RUNS'] ?? 1000);
/** The same histories in every run of the suite; another seed looks further. */
const seed = Number(process.env['TURNSTREAM_LAW_SEED'] ?? 1);

const settings: SequencerSettings = {
  changesTopic: 'changes',
  eventsTopic: 'events',
  deadLettersTopic: 'dead-letters',
  group: 'sequencer',
  eventsPartitions: 2,
  positionBase: 0,
  batchRecordsMax: 3,
  batchBytesMax: 1e6,
  bytesInFlightMax: 1e6,
  cacheBytesMax: 3000,
  hintsMax: 4,
  containerBytesMax: 1500,
  eventBytesTarget: 1000,
  pendingEventsMax: 5,
  pendingEventBytesMax: 2_000,
  writeConcurrencyMax: 4,
  idleWatermarkMs: 1000,
  retryDelayMsMin: 1,
  retryDelayMsMax: 1,
  drainMsMax: 1000,
};

const sessionUid = fc.constantFrom('s1', 's2');
const turnUid = fc.constantFrom('t1', 't2');
const at = fc.option(fc.integer({ min: 0, max: 6 }), { nil: null });
const write = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      table: fc.constant('sessions'),
      key: sessionUid,
      accountUid: fc.constantFrom('a', 'b'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      table: fc.constantFrom('human_turns', 'agent_turns'),
      key: turnUid,
      sessionUid: fc.option(sessionUid, { nil: null, freq: 8 }),
      parentUid: fc.option(turnUid, { nil: null }),
      createdAt: at,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      table: fc.constant('steps'),
      key: fc.record({ agentTurnUid: turnUid, idx: fc.integer({ min: 0, max: 3 }) }),
      tpe: fc.constantFrom(0, 1, null),
      createdAt: at,
    }),
  },
);
const action = fc.record({
  kind: fc.constantFrom(
    ...['write', 'write', 'write', 'write', 'write', 'delete', 'delete'],
    ...['redeliver', 'heartbeat', 'truncate', 'lose', 'snapshot'],
  ),
  write,
  back: fc.nat(6),
});
const kill = fc.record({ afterOperations: fc.nat(40), zombieOperations: fc.nat(12) });

type Action = { kind: string; write: Record<string, unknown>; back: number };

const keyText = (w: Record<string, unknown>) => `${w['table']} ${JSON.stringify(w['key'])}`;

function rowOf(w: Record<string, unknown>): object {
  const { table, key, ...rest } = w;
  if (table === 'steps') return { ...(key as object), ...rest, content: 'c' };
  if (table === 'sessions') return { uid: key, ...rest, title: null };
  return { uid: key, ...rest, activeChild: null, prompt: null };
}

/** A turn without a session is no fact. */
const inSession = (turn: { readonly sessionUid: string | null }) => turn.sessionUid !== null;

type Source = ReadonlyMap<string, { readonly table: string; readonly row: object }>;

function factsIn(source: Source): readonly Fact[] {
  const of = <T>(table: string) =>
    [...source.values()].filter((entry) => entry.table === table).map(({ row }) => row as T);
  const humanTurns = of<FinalTurn>('human_turns').filter(inSession);
  const agentTurns = of<FinalTurn>('agent_turns').filter(inSession);
  return factsOf({
    sessions: of('sessions'),
    humanTurns,
    agentTurns,
    steps: of<FinalStep>('steps'),
  });
}

/**
 * The records of `changes`, and the rows that they end in. `lose`: the slot is gone, and what
 * changes from then on arrives with the next snapshot only.
 */
function recordsOf(actions: readonly Action[]) {
  const records: SourceRecord[] = [];
  const source = new Map<string, { table: string; row: object; key: unknown }>();
  let lsn = 0;
  let losing = false;
  let slotFrom = 0;
  /** By offset: the facts of all that was delivered before a heartbeat, what its watermark promises. */
  const promised = new Map<number, readonly Fact[]>();
  const origin = () => ({
    lsn: lsn as Lsn,
    transactionId: 1,
    committedAt: lsn * 300,
    capturedAt: 0,
  });
  const give = (record: SourceRecord) => {
    if (!losing) records.push(record);
  };
  const snapshot = () => {
    // A snapshot of empty tables leaves no mark: there is always some row here.
    if (source.size === 0)
      source.set('sessions "s9"', {
        table: 'sessions',
        key: 's9',
        row: rowOf({ table: 'sessions', key: 's9', accountUid: 'a' }),
      });
    losing = false;
    const rows = [...source.values()];
    for (const [at, { table, row, key }] of rows.entries()) {
      const mark = at === rows.length - 1 ? 'last' : at === 0 ? 'first' : 'inside';
      const change = {
        table,
        operation: 'read',
        key,
        formerKey: null,
        row,
      } as unknown as RowChange;
      records.push({ kind: 'row', change, origin: origin(), snapshot: mark });
    }
    slotFrom = records.length;
  };
  for (const { kind, write: w, back } of actions) {
    const exists = source.has(keyText(w));
    lsn += 1;
    if (kind === 'write' || (kind === 'delete' && exists)) {
      const row = kind === 'write' ? rowOf(w) : null;
      const operation = row === null ? 'delete' : exists ? 'update' : 'create';
      if (row === null) source.delete(keyText(w));
      else source.set(keyText(w), { table: w['table'] as string, row, key: w['key'] });
      const change = {
        table: w['table'],
        operation,
        key: w['key'],
        formerKey: null,
        row,
      } as unknown as RowChange;
      give({ kind: 'row', change, origin: origin(), snapshot: null });
    } else if (kind === 'redeliver' && !losing) {
      for (const record of records.slice(Math.max(slotFrom, records.length - back))) {
        promised.set(records.length, factsIn(source));
        records.push(record);
      }
    } else if (kind === 'heartbeat') {
      promised.set(records.length, factsIn(source));
      give({ kind: 'heartbeat', origin: origin() });
    }
    if (kind === 'truncate' && back === 0) {
      const table = w['table'] as 'steps';
      for (const [key, entry] of source) if (entry.table === table) source.delete(key);
      give({ kind: 'truncate', tables: [table], origin: origin() });
    } else if (kind === 'lose' && back < 3) losing = true;
    else if (kind === 'snapshot') snapshot();
  }
  lsn += 1;
  if (losing) snapshot();
  lsn += 1;
  promised.set(records.length, factsIn(source));
  records.push({ kind: 'heartbeat', origin: origin() });
  return { records, source, promised };
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const parse = <T>(value: Buffer | null) => JSON.parse(String(value)) as T;

function start(log: MemoryLog, store: MemoryStateStore, mortal: Mortal) {
  const stop = new AbortController();
  let consumer: LogConsumer | null = null;
  const mortalLog: Log = {
    producer: async () => mortal.wrap(await log.producer()),
    consumer: async (group, topic) => {
      consumer = await log.consumer(group, topic);
      return mortal.wrap(consumer);
    },
    admin: () => log.admin(),
  };
  const running = runSequencer(
    {
      log: mortalLog,
      store: cutting(store, mortal),
      decoder: { load: async () => undefined, decode: ({ value }) => parse(value) },
      letters: new MemoryLetters(),
      encodeSweep: json,
      encode: json,
      clock: { nowMs: () => 0, delay: async () => undefined, yield: async () => undefined },
      random: () => 0.5,
      observer: silentObserver,
      logger: silentLogger,
    },
    settings,
    stop.signal,
  );
  const leave = () => consumer?.stop();
  return { running, stop, leave, expire: () => consumer !== null && log.expire(consumer) };
}

async function untilCommitted(log: MemoryLog): Promise<void> {
  const admin = await log.admin();
  for (let turns = 0; turns < 1_000_000; turns += 1) {
    const [end = 0] = await admin.endOffsets('changes');
    const [committed] = await admin.committedOffsets('sequencer', 'changes');
    if (committed === end) return;
    await new Promise(setImmediate);
  }
  throw new Error('the sequencer does not come to the end');
}

async function play(
  actions: readonly Action[],
  kills: readonly { afterOperations: number; zombieOperations: number }[],
) {
  const log = new MemoryLog({ batchRecordsMax: 4 });
  const store = new MemoryStateStore({ ...segmentDefaults, segmentRowsMax: 1 });
  const admin = await log.admin();
  const topic = (name: string, partitions: number) => ({
    topic: name,
    partitions,
    replicationFactor: 1,
    config: {},
  });
  await admin.ensureTopics([topic('changes', 1), topic('events', 2), topic('dead-letters', 1)]);
  const { records, source, promised } = recordsOf(actions);
  const producer = await log.producer();
  await producer.append(
    records.map((record) => ({ topic: 'changes', partition: 0, key: null, value: json(record) })),
  );
  for (const { afterOperations, zombieOperations } of kills) {
    const mortal = new Mortal(afterOperations + zombieOperations);
    const one = start(log, store, mortal);
    const expired = new Promise<void>((resolve) => {
      mortal.lastOperations = {
        count: zombieOperations,
        begin: () => {
          one.expire();
          resolve();
        },
      };
    });
    // Gone for good at its last operation, even if it had joined again meanwhile.
    void mortal.died.then(one.leave);
    await Promise.race([expired, mortal.died, untilCommitted(log)]);
    one.expire();
  }
  const last = start(log, store, new Mortal(1e9));
  await Promise.race([untilCommitted(log), last.running]);
  last.stop.abort();
  await last.running;
  return { log, store, source, promised };
}

function factKey(change: FactChange, session: string): string {
  const fact = (change.before ?? change.after) as Fact;
  return fact.kind === 'step'
    ? `step ${fact.agentTurnUid} ${fact.idx} ${session}`
    : `${fact.kind} ${fact.uid} ${session}`;
}

/**
 * What a reader knows at the end: the first occurrence of each position counts. At each watermark
 * it knows of its partition exactly what was delivered before it, so all that was committed up to its
 * LSN (I4).
 */
function readEvents(log: MemoryLog, promised: ReadonlyMap<number, readonly Fact[]>): Fact[] {
  const partitions = log.partitions('events');
  return partitions.flatMap(({ records }, partition) => {
    const facts = new Map<string, Fact>();
    let taken = -1;
    for (const { value } of records) {
      const entry = parse<LogEntry>(value);
      if (entry.position <= taken) continue;
      taken = entry.position;
      if (entry.kind === 'watermark') {
        const here = promised
          .get(Math.floor(entry.position / ordinalsPerRecord))
          ?.filter((fact) => partitionOf(sessionOf(fact), partitions.length) === partition);
        expect(sorted([...facts.values()]), `facts at the watermark ${entry.lsn}`).toEqual(
          sorted(here ?? []),
        );
        continue;
      }
      if (entry.kind === 'retry') throw new Error('nobody asked for a retry');
      for (const change of entry.changes) {
        const key = factKey(change, entry.sessionUid);
        expect(facts.get(key) ?? null, `before of ${key}`).toEqual(change.before);
        if (change.after === null) facts.delete(key);
        else facts.set(key, change.after);
      }
    }
    return [...facts.values()];
  });
}

/** Every present row of the state, wherever it is. */
function keptIn(store: MemoryStateStore): readonly string[] {
  const kept = store.containerNames().flatMap((container) =>
    store.containerRows(container).flatMap(({ kind, present, uid, idx }) => {
      if (!present || kind === 'child') return [];
      return [kind === 'session' ? `session ${container.slice(2)}` : `${kind} ${uid} ${idx}`];
    }),
  );
  return kept.sort();
}

/** The same of the source; of an agent turn without a session nothing needs to be kept. */
function keysOf(source: Source): readonly string[] {
  const keys = [...source.values()].flatMap(({ table, row }) => {
    const { uid, agentTurnUid, idx, sessionUid } = row as Record<string, unknown>;
    if (table === 'sessions') return [`session ${uid}`];
    if (table === 'steps') return [`step ${agentTurnUid} ${idx}`];
    if (table === 'human_turns') return [`humanTurn ${uid} 0`];
    return sessionUid === null ? [] : [`agentTurn ${uid} 0`];
  });
  return keys.sort();
}

const sessionOf = (fact: Fact) => (fact.kind === 'session' ? fact.uid : fact.sessionUid);

const sorted = (facts: readonly Fact[]) =>
  facts.map((fact) => JSON.stringify(fact, Object.keys(fact).sort())).sort();

test('killed at any operation, the sequencer ends in the facts of the final rows (I1, I2, I3, I4, I6)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 40 }),
      fc.array(kill, { maxLength: 6 }),
      async (actions, kills) => {
        const { log, store, source, promised } = await play(actions, kills);
        expect(sorted(readEvents(log, promised))).toEqual(sorted(factsIn(source)));
        expect(keptIn(store)).toEqual(keysOf(source));
      },
    ),
    { numRuns: runs, seed },
  );
}, 300_000);
