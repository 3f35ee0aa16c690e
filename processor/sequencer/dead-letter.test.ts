import { expect, test } from 'vitest';
import { type DeadLetterStore, fateOf, sequencerOrigin } from '../engine/dead-letter-store.ts';
import { MemoryLetters } from '../engine/memory-letters.ts';
import { TurnstreamError } from '../error.ts';
import type { LogRecord, NewRecord } from '../kafka/log.ts';
import { silentLogger } from '../logger.ts';
import type { Lsn } from '../source/lsn.ts';
import { decodeRetry, encodeRetry, isRetry } from '../source/retry.ts';
import type { RowChange, SourceRecord, SourceTable } from '../source/row-change.ts';
import {
  isOvertaken,
  type LetterPorts,
  repetitionOf,
  retryHeader,
  withTruncated,
} from './dead-letter.ts';
import { decodeBatch } from './decode-batch.ts';
import { firstLedger, type Ledger, withCovered, withoutSnapshot, withSnapshot } from './ledger.ts';
import { silentObserver } from './observer.ts';
import type { SequencerSettings } from './settings.ts';

const settings = {
  changesTopic: 'changes',
  deadLettersTopic: 'dead-letters',
  positionBase: 1_000_000,
} as SequencerSettings;

const irrelevant: SourceRecord = { kind: 'irrelevant', reason: '' };

/** A sequencer's decoding, with what it appended and how many it said to wait. */
function opened() {
  const appended: NewRecord[] = [];
  const waiting: number[] = [];
  const decodes: { all: boolean; as: SourceRecord } = { all: false, as: irrelevant };
  const outcomes: string[] = [];
  const reads = { pages: 0, letters: 0 };
  const awaited: string[] = [];
  const aside: LetterPorts['aside'] = { offsets: new Set() };
  const letters = new MemoryLetters();
  const store: DeadLetterStore = {
    add: (origin, rows) => letters.add(origin, rows),
    decide: (origin, offset, decision) => letters.decide(origin, offset, decision),
    read: (origin, offset) => {
      reads.letters += 1;
      return letters.read(origin, offset);
    },
    pages: (origin) => {
      reads.pages += 1;
      return letters.pages(origin);
    },
  };
  const decode = (records: readonly LogRecord[]) =>
    decodeBatch(records, {
      letters: store,
      settings,
      producer: {
        append: async (records) => {
          appended.push(...records);
        },
        close: async () => undefined,
      },
      nowMs: () => 5,
      insist: (operation, run) => {
        awaited.push(operation);
        return run();
      },
      aside,
      observer: {
        ...silentObserver,
        lettersWaiting: (count) => waiting.push(count),
        record: (outcome) => outcomes.push(outcome),
      },
      logger: silentLogger,
      decoder: {
        load: async () => undefined,
        decode: ({ value }) => {
          if (value !== null && isRetry(value))
            return { kind: 'retry', letter: decodeRetry(value) };
          if (decodes.all) return decodes.as;
          throw new TurnstreamError('DECODE', 'the registry has no schema 9');
        },
      },
    });
  return { appended, waiting, decodes, letters, decode, reads, awaited, outcomes, aside };
}

const record = (offset: number, more: Partial<LogRecord> = {}): LogRecord => ({
  offset,
  timestampMs: 0,
  key: Buffer.from([0, 0, 255, 1]),
  value: Buffer.from([0, 1, 2]),
  headers: { '__debezium.newkey': '{"uid":"ü"}' },
  ...more,
});

/** The dead letter as its topic gives it back, asked for once more at the offset. */
function repeated(letter: NewRecord | undefined, offset: number): LogRecord {
  const { key = null, value = null, headers = {} } = letter ?? {};
  const again = repetitionOf({ offset: 0, timestampMs: 0, key, value, headers }, 'changes');
  return {
    offset,
    timestampMs: 0,
    key: again.key,
    value: again.value,
    headers: again.headers ?? {},
  };
}

test('a letter goes back into the log as it came, and is taken where it stands there', async () => {
  const world = opened();
  await world.decode([record(3)]);
  const again = repeated(world.appended[0], 8);
  const { [retryHeader]: names, ...headers } = again.headers;
  expect([names, { ...again, headers }]).toEqual(['3', record(8)]);
  world.decodes.all = true;
  await world.decode([again]);
  expect(await world.letters.read(sequencerOrigin, 3)).toMatchObject({
    position: 1_000_000 + 3 * 1024,
    retriedAt: 1_000_000 + 8 * 1024,
  });
  expect(world.waiting).toEqual([1, 0]);
});

test('one that still does not decode is one more try, not one more letter', async () => {
  const world = opened();
  await world.decode([record(3)]);
  const again = repeated(world.appended[0], 8);
  // Delivered twice: the try is counted once.
  await world.decode([again]);
  await world.decode([again]);
  await world.decode([{ ...again, offset: 9 }]);
  expect(world.appended).toHaveLength(1);
  expect(await world.letters.read(sequencerOrigin, 3)).toMatchObject({ tries: 2, retriedAt: null });
});

test('a record that names a letter that nobody knows is a letter of its own', async () => {
  const world = opened();
  await world.decode([record(8, { headers: { [retryHeader]: '3' } })]);
  expect(world.appended).toHaveLength(1);
  expect(world.waiting).toEqual([1]);
});

const many = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => record(from + at));

test('however many letters a batch has, they are counted once, after it, and written at once', async () => {
  const costs: unknown[] = [];
  for (const count of [1, 50]) {
    const world = opened();
    await world.decode(many(count));
    expect(world.waiting).toEqual([count]);
    expect(world.outcomes).toHaveLength(count);
    expect(world.appended).toHaveLength(count);
    costs.push([world.reads, world.awaited]);
  }
  expect(costs[1]).toEqual(costs[0]);
  expect(costs[0]).toMatchObject([{ pages: 1, letters: 0 }, expect.any(Array)]);
});

test('a batch without letters awaits nothing for its records', async () => {
  const world = opened();
  world.decodes.all = true;
  await world.decode(many(200));
  expect(world.awaited).toEqual(['load schemas']);
  expect(world.waiting).toEqual([]);
});

/** Somebody says that the letter will never be taken. */
const discardOf = (letter: number, offset: number): LogRecord => {
  const place = { ...sequencerOrigin, projection: sequencerOrigin.origin, offset: letter };
  const value = encodeRetry({ ...place, requestedAt: 1, value: Buffer.alloc(0), discard: true });
  return record(offset, { key: null, value, headers: {} });
};
const fate = async (world: ReturnType<typeof opened>, offset: number) => {
  const letter = await world.letters.read(sequencerOrigin, offset);
  return letter && fateOf(letter);
};

test('a letter that is discarded waits no longer, and what comes again is passed over', async () => {
  const world = opened();
  await world.decode([record(3), record(4)]);
  await world.decode([discardOf(3, 8)]);
  await world.decode([discardOf(3, 8), discardOf(3, 9), discardOf(77, 10)]);
  expect(world.waiting).toEqual([2, 1, 1]);
  expect(await world.letters.read(sequencerOrigin, 3)).toMatchObject({
    discardedAt: 1_000_000 + 8 * 1024,
  });
  // A retry behind it is neither folded nor one more try, whether it decodes by now or not.
  for (const all of [false, true]) {
    world.decodes.all = all;
    const [decoded] = await world.decode([repeated(world.appended[0], 11)]);
    expect(decoded?.source).toMatchObject({ reason: expect.stringContaining('was discarded') });
  }
  expect(await world.letters.read(sequencerOrigin, 3)).toMatchObject({ tries: 0, retriedAt: null });
  expect(await fate(world, 4)).toBe('waits');
});

test('a letter that was taken is not discarded', async () => {
  const world = opened();
  await world.decode([record(3)]);
  world.decodes.all = true;
  await world.decode([repeated(world.appended[0], 8), discardOf(3, 9)]);
  expect(await fate(world, 3)).toBe('retried');
});

const change: RowChange = {
  table: 'steps',
  operation: 'read',
  key: { agentTurnUid: 'a', idx: 0 },
  formerKey: null,
  row: null,
};
const origin = { lsn: 7 as Lsn, transactionId: null, committedAt: 0, capturedAt: 0 };

test('what a snapshot read is not taken by a retry: it has no place among later changes', async () => {
  const ofSnapshots: readonly SourceRecord[] = [
    { kind: 'row', change, origin, snapshot: 'last' },
    { kind: 'row', change, origin, snapshot: 'inside', cut: [{ row: 'r', column: 'c', chars: 9 }] },
    { kind: 'snapshot-begin' },
    { kind: 'snapshot-end', endedAt: 0 },
  ];
  for (const as of ofSnapshots) {
    const world = opened();
    await world.decode([record(3)]);
    Object.assign(world.decodes, { all: true, as });
    const [decoded] = await world.decode([repeated(world.appended[0], 8)]);
    expect(decoded?.source).toBeNull();
    expect(await world.letters.read(sequencerOrigin, 3)).toMatchObject({
      tries: 1,
      triedError: expect.stringContaining('discard the letter'),
      retriedAt: null,
    });
  }
});

test('what is repeated across a TRUNCATE of its table or a snapshot is overtaken, all else is not', () => {
  const again = record(8, { headers: { [retryHeader]: '3' } });
  const row: SourceRecord = { kind: 'row', change, origin, snapshot: null };
  const truncate: SourceRecord = { kind: 'truncate', tables: ['steps'], origin };
  const at = (offset: number) => 1_000_000 + offset * 1024;
  const truncated = (table: SourceTable, offset: number) =>
    withCovered(firstLedger, [table], at(offset));
  const reading = (offset: number) => withSnapshot(firstLedger, at(offset), 9 as Lsn);
  const cases: readonly (readonly [Ledger, boolean])[] = [
    [firstLedger, false],
    [truncated('steps', 5), true],
    [truncated('steps', 2), false],
    [truncated('sessions', 5), false],
    [reading(5), true],
    [withoutSnapshot(reading(5)), true],
    [withoutSnapshot(reading(2)), false],
    [withoutSnapshot(firstLedger), false],
  ];
  for (const [ledger, expected] of cases) {
    for (const source of [row, truncate]) {
      expect(isOvertaken(again, source, ledger, 1_000_000)).toBe(expected);
      expect(isOvertaken(record(8), source, ledger, 1_000_000)).toBe(false);
    }
  }
  expect(isOvertaken(again, { kind: 'heartbeat', origin }, firstLedger, 0)).toBe(true);
});

test('a TRUNCATE that is repeated overtakes what came before it first stood there, and nothing since', () => {
  const truncate = { kind: 'truncate', tables: ['steps'], origin } as const;
  const row: SourceRecord = { kind: 'row', change, origin, snapshot: null };
  const settings = { positionBase: 1_000_000 };
  const again = record(9, { headers: { [retryHeader]: '5' } });
  const ledger = withTruncated(firstLedger, again, truncate, settings);
  const repeats = (offset: number) => record(10, { headers: { [retryHeader]: String(offset) } });
  expect(isOvertaken(repeats(4), row, ledger, 1_000_000)).toBe(true);
  expect(isOvertaken(repeats(7), row, ledger, 1_000_000)).toBe(false);
  const first = withTruncated(firstLedger, record(9), truncate, settings);
  expect(isOvertaken(repeats(7), row, first, 1_000_000)).toBe(true);
});

test('what a former owner set aside stays aside when it comes again, though it decodes by now', async () => {
  const world = opened();
  await world.decode([record(3), record(4)]);
  await world.decode([repeated(world.appended[0], 5), discardOf(4, 6)]);
  world.decodes.all = true;
  // The next owner goes on from 3: the log may have events of 7 already.
  world.aside.offsets = null;
  const batch = [record(3), record(4), repeated(world.appended[0], 5), record(7)];
  const decoded = await world.decode(batch);
  expect(decoded.map(({ source }) => source)).toEqual([null, null, null, irrelevant]);
  expect(world.outcomes).toHaveLength(6);
  expect(world.appended).toHaveLength(2);
  expect(await world.letters.read(sequencerOrigin, 3)).toMatchObject({ tries: 1, retriedAt: null });
  expect(world.waiting.at(-1)).toBe(1);
  // A retry behind all that takes it.
  await world.decode([repeated(world.appended[0], 8)]);
  expect(await fate(world, 3)).toBe('retried');
});

test('a row whose text was cut is folded each time that it comes', async () => {
  const world = opened();
  const cut = [{ row: 'r', column: 'c', chars: 9 }];
  const as: SourceRecord = { kind: 'row', change, origin, snapshot: null, cut };
  Object.assign(world.decodes, { all: true, as });
  for (const _ of [1, 2]) {
    world.aside.offsets = null;
    const [decoded] = await world.decode([record(3)]);
    expect(decoded?.source).toBe(as);
  }
  expect(world.waiting).toEqual([0, 1, 1, 1]);
});
