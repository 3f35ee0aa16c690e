import { expect, test } from 'vitest';
import { sequencerOrigin } from '../engine/dead-letter-store.ts';
import { MemoryLetters } from '../engine/memory-letters.ts';
import { TurnstreamError } from '../error.ts';
import type { LogRecord, NewRecord } from '../kafka/log.ts';
import { silentLogger } from '../logger.ts';
import { repetitionOf, retryHeader } from './dead-letter.ts';
import { decodeBatch } from './decode-batch.ts';
import { silentObserver } from './observer.ts';
import type { SequencerSettings } from './settings.ts';

const settings = {
  changesTopic: 'changes',
  deadLettersTopic: 'dead-letters',
  positionBase: 1_000_000,
} as SequencerSettings;

/** A sequencer's decoding, with what it appended and how many it said to wait. */
function opened() {
  const appended: NewRecord[] = [];
  const waiting: number[] = [];
  const decodes = { all: false };
  const letters = new MemoryLetters();
  const decode = (records: readonly LogRecord[]) =>
    decodeBatch(records, {
      letters,
      settings,
      producer: {
        append: async (records) => {
          appended.push(...records);
        },
        close: async () => undefined,
      },
      nowMs: () => 5,
      insist: (_, run) => run(),
      counted: { is: true },
      observer: { ...silentObserver, lettersWaiting: (count) => waiting.push(count) },
      logger: silentLogger,
      decoder: {
        load: async () => undefined,
        decode: () => {
          if (decodes.all) return { kind: 'irrelevant', reason: '' };
          throw new TurnstreamError('DECODE', 'the registry has no schema 9');
        },
      },
    });
  return { appended, waiting, decodes, letters, decode };
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
