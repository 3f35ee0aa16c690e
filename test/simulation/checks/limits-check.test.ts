import { expect, test } from 'vitest';
import { countsByAccount, everything } from '../projections.ts';
import { LimitsCheck } from './limits-check.ts';
import { SmallWorld } from './small-world.ts';

function begun() {
  const projections = [everything, countsByAccount];
  const world = new SmallWorld(projections);
  const limits = new LimitsCheck(world.context, world.events, {
    sequencer: { bytesInFlightMax: 1000, cacheBytesMax: 1500, hintsMax: 2, batchRecordsMax: 3 },
    worker: {
      bytesInFlightMax: 1000,
      totalsCacheEntriesMax: 3,
      batchRowsMax: 5,
      batchRecordsMax: 4,
      sliceRecords: 2,
      hosted: projections.map((projection) => ({ projection, generation: 1 })),
    },
    cql: { batchBytesMax: 100, batchRowsMax: 3 },
    segmentTailRows: 4,
  });
  const told = (run: () => void): string[] => {
    world.violations.length = 0;
    run();
    return world.violations.map(({ invariant, what }) => `${invariant} ${what}`);
  };
  return { world, limits, told };
}

const record = (bytes: number) => {
  return { offset: 0, timestampMs: 0, key: null, value: Buffer.alloc(bytes), headers: {} };
};

test('bytes in flight: the setting, or one fetch alone', () => {
  const { limits, told } = begun();
  expect(told(() => limits.bytesInFlight('worker', 'w', 1000))).toEqual([]);
  expect(told(() => limits.bytesInFlight('worker', 'w', 1001))).toHaveLength(1);
  limits.fetched('w', [record(2000)]);
  expect(told(() => limits.bytesInFlight('worker', 'w', 2200))).toEqual([]);
  expect(told(() => limits.bytesInFlight('worker', 'w', 2201))).toHaveLength(1);
  expect(told(() => limits.bytesInFlight('sequencer', 's', 2200))).toHaveLength(1);
});

test('the cache: the setting, or what the batches have changed that are written now', () => {
  const { limits, told } = begun();
  expect(told(() => limits.sequencerBatch('s', 4))).toHaveLength(1);
  expect(told(() => limits.cache('s', 10, 9000))).toEqual([]);
  limits.hints('s', 0);
  limits.sequencerBatch('s', 1);
  expect(told(() => limits.cache('s', 50, 1500))).toEqual([]);
  expect(told(() => limits.cache('s', 4, 9000))).toEqual([]);
  expect(told(() => limits.cache('s', 5, 1501))).toEqual([
    expect.stringContaining('I10 s keeps 5 containers of 1501 bytes, max 1500'),
  ]);
});

test('hints, totals and records of a batch', () => {
  const { limits, told } = begun();
  limits.sequencerBatch('s', 1);
  expect(told(() => limits.hints('s', 6))).toEqual([]);
  expect(told(() => limits.hints('s', 7))).toHaveLength(1);
  expect(told(() => limits.totalsCached('w', 0, 3))).toEqual([]);
  expect(told(() => limits.totalsCached('w', 0, 4))).toHaveLength(1);
  expect(told(() => limits.workerBatch('w', 4))).toEqual([]);
  expect(told(() => limits.workerBatch('w', 5))).toHaveLength(1);
});

test('rows of a batch: the setting, and the rows of the last slice', () => {
  const { world, limits, told } = begun();
  world.change('sessions', 's1', { accountUid: 'x' });
  // One row an event, two events a slice.
  expect(told(() => limits.rowsOfBatch('w', 'everything', 6))).toEqual([]);
  expect(told(() => limits.rowsOfBatch('w', 'everything', 7))).toHaveLength(1);
});

test('a CQL batch: the settings, or one row alone', () => {
  const { limits, told } = begun();
  const batch = (count: number, bytes: number, isSegment = false) => {
    const statements = Array.from({ length: count }, () => [Buffer.alloc(bytes), null]);
    return told(() => limits.cqlBatch({ table: 't', statements, isSegment }));
  };
  expect(batch(1, 500)).toEqual([]);
  expect(batch(2, 50)).toEqual([]);
  expect(batch(2, 51)).toEqual([expect.stringContaining('a batch of 102 bytes for t, max 100')]);
  expect(batch(4, 1)).toEqual([expect.stringContaining('a batch of 4 statements')]);
  // The rows that must go with a container's position.
  expect(batch(5, 500, true)).toEqual([]);
  expect(batch(6, 500, true)).toHaveLength(2);
});
