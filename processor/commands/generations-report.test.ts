import { expect, test } from 'vitest';
import { sumOf } from '../cql/size-estimates.ts';
import type { Generation } from '../engine/generations.ts';
import type { Checkpoint } from '../engine/store.ts';
import type { Lsn } from '../source/lsn.ts';
import { generationsReport, generationsText, type ProjectionFacts } from './generations-report.ts';

const nowMs = Date.UTC(2026, 0, 2, 12);
const minutes = (count: number) => nowMs - count * 60_000;

function generation(number: number, more: Partial<Generation> = {}): Generation {
  const id = { projection: 'p', version: 1, generation: number };
  const none = { builtAtMs: null, promotedAtMs: null, droppedAtMs: null };
  return { ...id, createdAtMs: minutes(60 - number), until: null, ...none, ...more };
}

const marks = (...lsns: readonly number[]): ReadonlyMap<number, Checkpoint> =>
  new Map(
    lsns.map((lsn, partition) => {
      const watermark = lsn === 0 ? null : { lsn: lsn as Lsn, committedAt: nowMs - lsn };
      return [partition, { offset: 1, position: 1, watermark, deadLetters: partition }];
    }),
  );

const facts: ProjectionFacts = {
  projection: 'p',
  version: 2,
  live: { projection: 'p', version: 1, generation: 2, promotedAtMs: minutes(5) },
  lease: { owner: 'o', about: 'host one, process 7', untilMs: nowMs + 1 },
  generations: [
    { generation: generation(1, { droppedAtMs: minutes(3) }), checkpoints: new Map(), size: null },
    {
      generation: generation(2, { builtAtMs: minutes(20), promotedAtMs: minutes(90) }),
      checkpoints: marks(400, 900),
      size: { bytes: 3_145_728, partitions: 7 },
    },
    {
      generation: generation(3, { promotedAtMs: minutes(30) }),
      checkpoints: marks(0, 9),
      size: null,
    },
    {
      generation: generation(4, { until: { lsn: 0x500 as Lsn }, builtAtMs: minutes(9) }),
      checkpoints: marks(0x500),
      size: null,
    },
    { generation: generation(5), checkpoints: marks(), size: null },
    { generation: generation(6), checkpoints: marks(100), size: null },
  ],
};

test('each generation says what it is, since when, and up to where it is complete', () => {
  const report = generationsReport([facts], nowMs);
  const [p] = report.projections;
  expect(p).toMatchObject({ live: 'p_v1_g2', buildingBy: 'host one, process 7' });
  expect(p?.generations.map(({ state }) => state)).toEqual([
    'dropped',
    'live',
    'kept',
    'built',
    'unfinished',
    'building',
  ]);
  expect(p?.generations[1]).toEqual({
    table: 'p_v1_g2',
    version: 1,
    generation: 2,
    state: 'live',
    createdAt: new Date(minutes(58)).toISOString(),
    builtAt: new Date(minutes(20)).toISOString(),
    promotedAt: new Date(minutes(5)).toISOString(),
    droppedAt: null,
    until: null,
    watermarkLsn: '0/190',
    watermarkAgeMs: 400,
    deadLetters: 1,
    estimatedBytes: 3_145_728,
    estimatedPartitions: 7,
  });
  // A partition without a watermark leaves the whole without one.
  expect(p?.generations[2]).toMatchObject({ watermarkLsn: null, watermarkAgeMs: null });
});

test('when nobody has the lease, what was begun is unfinished', () => {
  const free = { ...facts, lease: { owner: 'o', about: 'a', untilMs: nowMs } };
  const [p] = generationsReport([free], nowMs).projections;
  expect(p?.buildingBy).toBeNull();
  expect(p?.generations.at(-1)?.state).toBe('unfinished');
});

test('the text has a line for each, and says what is to be done', () => {
  const text = generationsText(generationsReport([facts], nowMs)).split('\n');
  expect(text.slice(0, 3)).toEqual([
    'table    state       created       built         promoted      watermark     age           size',
    'p_v1_g1  dropped     59.0 min ago  -             -                     -       -              -',
    'p_v1_g2  live        58.0 min ago  20.0 min ago  5.0 min ago       0/190  400 ms  about 3.0 MiB  degraded: 1 dead letters',
  ]);
  expect(text.some((line) => line.includes('as of 0/500'))).toBe(true);
  expect(text.slice(-2)).toEqual([
    'p: readers use version 1, this build defines version 2; `turnstream replay p` builds it and switches readers over.',
    'p: host one, process 7 has the lease to build one.',
  ]);
  const none = { ...facts, live: null, lease: null, generations: [] };
  expect(generationsText(generationsReport([none], nowMs))).toContain('nothing is live');
});

test('a node’s estimate is of its own part; without one the size is unknown', () => {
  const rows = [
    { partitions_count: 10n, mean_partition_size: 100n },
    { partitions_count: 5, mean_partition_size: 20 },
  ];
  expect(sumOf(rows, 3)).toEqual({ bytes: 3300, partitions: 45 });
  expect(sumOf([], 3)).toBeNull();
  expect(sumOf([{ partitions_count: 0, mean_partition_size: 0 }], 3)).toBeNull();
});
