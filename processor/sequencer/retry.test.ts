/** A retry on its way through the sequencer: a position of its own, in the partition of the letter. */
import { expect, test } from 'vitest';
import { MemoryLetters } from '../engine/memory-letters.ts';
import type { LogEntry } from '../event/event.ts';
import { MemoryLog } from '../kafka/memory-log.ts';
import { silentLogger } from '../logger.ts';
import { recordDecoder } from '../source/avro.ts';
import { memoryRegistry } from '../source/memory-registry.ts';
import { encodeRetry } from '../source/retry.ts';
import { encodeSweep } from '../source/sweep.ts';
import { MemoryStateStore } from './memory-state-store.ts';
import { silentObserver } from './observer.ts';
import { runSequencer } from './run.ts';
import type { SequencerSettings } from './settings.ts';

const settings = {
  changesTopic: 'changes',
  eventsTopic: 'events',
  deadLettersTopic: 'dead-letters',
  group: 'sequencer',
  eventsPartitions: 3,
  positionBase: 7000,
  batchRecordsMax: 2,
  batchBytesMax: 100_000,
  bytesInFlightMax: 100_000,
  cacheBytesMax: 100_000,
  containerBytesMax: 100_000,
  eventBytesTarget: 100_000,
  pendingEventsMax: 100,
  pendingEventBytesMax: 100_000,
  hintsMax: 10,
  writeConcurrencyMax: 1,
  idleWatermarkMs: 1000,
  retryDelayMsMin: 1,
  retryDelayMsMax: 1,
  drainMsMax: 1000,
} as const satisfies SequencerSettings;

const letter = (offset: number, partition: number, discard = false) => ({
  projection: 'p',
  version: 1,
  generation: 1,
  partition,
  offset,
  requestedAt: 1,
  value: Buffer.from(`original ${offset}`),
  discard,
});

test('retries and discards stand in the partitions of their letters, at the positions of their records', async () => {
  const log = new MemoryLog({ now: () => 0 });
  const topic = (name: string, partitions: number) => {
    return { topic: name, partitions, replicationFactor: 1, config: {} };
  };
  const admin = await log.admin();
  await admin.ensureTopics([topic('changes', 1), topic('events', 3), topic('dead-letters', 1)]);
  const producer = await log.producer();
  // The last one names a partition that there is not.
  const letters = [letter(5, 2), letter(6, 0), letter(5, 2, true), letter(8, 3)];
  await producer.append(
    letters.map((each) => {
      return { topic: 'changes', partition: 0, key: null, value: encodeRetry(each) };
    }),
  );
  const stop = new AbortController();
  const running = runSequencer(
    {
      log,
      store: new MemoryStateStore(),
      letters: new MemoryLetters(),
      decoder: recordDecoder({ registry: memoryRegistry(), topic: 'changes' }),
      encodeSweep,
      encode: (entry) => Buffer.from(JSON.stringify(entry)),
      clock: { nowMs: () => 0, delay: async () => undefined, yield: async () => undefined },
      random: () => 0.5,
      observer: silentObserver,
      logger: silentLogger,
    },
    settings,
    stop.signal,
  );
  await expect.poll(async () => await admin.committedOffsets('sequencer', 'changes')).toEqual([4]);
  stop.abort();
  await running;
  const placed = log.partitions('events').map(({ records }) =>
    records.map(({ value }) => {
      const entry = JSON.parse(String(value)) as LogEntry;
      return (
        entry.kind === 'retry' && [
          entry.position,
          entry.offset,
          entry.discard,
          String(Buffer.from(entry.value)),
        ]
      );
    }),
  );
  expect(placed).toEqual([
    [[7000 + 1024, 6, false, 'original 6']],
    [],
    [
      [7000, 5, false, 'original 5'],
      [7000 + 2048, 5, true, 'original 5'],
    ],
  ]);
  expect(log.partitions('dead-letters')[0]?.records).toEqual([]);
});
