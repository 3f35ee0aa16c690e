import { expect, test, vi } from 'vitest';
import type { FetchedBatch, LogRecord } from './log.ts';
import { PartitionBuffer } from './partition-buffer.ts';

const record = (offset: number, bytes = 0): LogRecord => {
  return { offset, timestampMs: 0, key: null, value: Buffer.alloc(bytes), headers: {} };
};

function setUp(limits = { queueBytesMax: 10_000, batchRecordsMax: 3 }) {
  const delivered: number[][] = [];
  const ends: number[] = [];
  const flow: string[] = [];
  const failures: unknown[] = [];
  const releases: (() => void)[] = [];
  const ports = {
    deliver: (batch: FetchedBatch) => {
      delivered.push(batch.records.map(({ offset }) => offset));
      ends.push(batch.endOffset);
      return new Promise<void>((resolve) => releases.push(resolve));
    },
    pause: () => flow.push('pause'),
    resume: () => flow.push('resume'),
    fail: (error: unknown) => failures.push(error),
  };
  const buffer = new PartitionBuffer(0, ports, limits);
  const release = async (): Promise<void> => {
    const calls = delivered.length;
    releases.shift()?.();
    await vi.waitFor(() => expect(delivered.length).toBeGreaterThanOrEqual(calls));
    await Promise.resolve();
  };
  return { buffer, delivered, ends, flow, failures, release, ports };
}

test('one batch at a time is with the handler, and what came meanwhile is handed over together', async () => {
  const { buffer, delivered, release } = setUp();
  buffer.offer([record(0)], 1, 9);
  buffer.offer([record(1)], 2, 9);
  buffer.offer([record(2)], 3, 9);
  expect(delivered).toEqual([[0]]);
  await release();
  await vi.waitFor(() => expect(delivered).toEqual([[0], [1, 2]]));
  expect(buffer.next).toBe(3);
});

test('the end is never before the records, though the broker looked at it before it read them', () => {
  const { buffer, ends } = setUp();
  buffer.offer([record(0), record(1)], 2, 1);
  expect(ends).toEqual([2]);
});

test('a large fetch is handed over in batches of bounded size', async () => {
  const { buffer, delivered, release } = setUp();
  buffer.offer(
    [0, 1, 2, 3, 4, 5, 6].map((offset) => record(offset)),
    7,
    7,
  );
  for (let n = 0; n < 3; n++) await release();
  await vi.waitFor(() => expect(delivered).toEqual([[0, 1, 2], [3, 4, 5], [6]]));
});

test('no more bytes are handed over at a time than the bound, but for one record above it', async () => {
  const { buffer, delivered, release } = setUp({ queueBytesMax: 10_000, batchRecordsMax: 100 });
  const sizes = [4_000, 4_000, 4_000, 50_000, 100, 100];
  const records = sizes.map((bytes, offset) => record(offset, bytes));
  buffer.offer(records, 6, 6);
  for (let n = 0; n < 4; n++) await release();
  await vi.waitFor(() => expect(delivered).toEqual([[0, 1], [2], [3], [4, 5]]));
});

test('fetching pauses while too many bytes wait, and resumes when half of them are gone', async () => {
  const { buffer, flow, release } = setUp({ queueBytesMax: 10_000, batchRecordsMax: 1 });
  buffer.offer([record(0)], 1, 9);
  buffer.offer([record(1, 4_000), record(2, 4_000)], 3, 9);
  expect(flow).toEqual([]);
  buffer.offer([record(3, 4_000)], 4, 9);
  expect(flow).toEqual(['pause']);
  await release();
  expect(flow).toEqual(['pause']);
  await release();
  await vi.waitFor(() => expect(flow).toEqual(['pause', 'resume']));
});

test('a closed buffer hands nothing more over', async () => {
  const { buffer, delivered, release } = setUp();
  buffer.offer([record(0)], 1, 9);
  buffer.offer([record(1)], 2, 9);
  buffer.close();
  buffer.offer([record(2)], 3, 9);
  await release();
  expect(delivered).toEqual([[0]]);
});

test('a handler that fails is reported once, and nothing more is handed over by it', async () => {
  const failures: unknown[] = [];
  const deliver = vi.fn(async () => {
    throw new Error('full');
  });
  const { ports } = setUp();
  const fail = (error: unknown): void => {
    failures.push(error);
  };
  const limits = { queueBytesMax: 1_000_000, batchRecordsMax: 1 };
  const buffer = new PartitionBuffer(0, { ...ports, deliver, fail }, limits);
  buffer.offer([record(0), record(1)], 2, 2);
  await vi.waitFor(() => expect(failures).toHaveLength(1));
  expect(deliver).toHaveBeenCalledOnce();
});
