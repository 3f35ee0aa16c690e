import { describe, expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import type { Checkpoint } from '../engine/store.ts';
import { TurnstreamError } from '../error.ts';
import type { Lsn } from '../source/lsn.ts';
import { type LagPorts, lagInputs } from './lag-inputs.ts';
import { bytes, duration, type LagInputs, lagReport, lagText } from './lag-report.ts';

const nowMs = Date.UTC(2026, 0, 2);

function checkpoint(offset: number, lsn: number, ageMs: number, deadLetters = 0): Checkpoint {
  const watermark = { lsn: lsn as Lsn, committedAt: nowMs - ageMs };
  return { offset, position: offset, watermark, deadLetters };
}

const inputs: LagInputs = {
  nowMs,
  ends: [100, 50],
  projections: [
    {
      name: 'p',
      version: 2,
      generation: 3,
      checkpoints: new Map([
        [0, checkpoint(90, 0x1000, 2500, 3)],
        [1, checkpoint(50, 0x2000, 400)],
      ]),
    },
  ],
  sequencer: { committed: 7, end: 9 },
  primary: {
    currentLsn: 0x2800 as Lsn,
    slot: { name: 's', status: 'reserved', active: true, retainedBytes: 2048 },
  },
  problems: [],
};

describe('the report', () => {
  test('measures each partition against its end, the primary and the clock', () => {
    const [p] = lagReport(inputs).projections;
    expect(p).toMatchObject({
      version: 2,
      generation: 3,
      recordsBehind: 10,
      stalenessMs: 2500,
      degraded: true,
    });
    expect(p?.partitions[0]).toEqual({
      partition: 0,
      checkpointOffset: 90,
      endOffset: 100,
      recordsBehind: 10,
      watermarkLsn: '0/1000',
      watermarkAgeMs: 2500,
      bytesBehind: 0x1800,
      deadLetters: 3,
    });
    expect(lagReport(inputs).sequencer?.recordsBehind).toBe(2);
  });

  test('a partition without a checkpoint is behind by all of it', () => {
    const report = lagReport({
      ...inputs,
      projections: [{ name: 'p', version: 1, generation: 1, checkpoints: new Map() }],
    });
    expect(report.projections[0]).toMatchObject({ recordsBehind: 150, stalenessMs: null });
    expect(report.projections[0]?.partitions[0]?.checkpointOffset).toBeNull();
  });

  test('a checkpoint that moved on between two questions is at the end, not beyond', () => {
    const report = lagReport({ ...inputs, ends: [80, 50], sequencer: { committed: 10, end: 9 } });
    expect(report.projections[0]?.partitions[0]).toMatchObject({ endOffset: 90, recordsBehind: 0 });
    expect(report.sequencer).toMatchObject({ endOffset: 10, recordsBehind: 0 });
  });

  test('what could not be asked is null, not zero', () => {
    const report = lagReport({
      ...inputs,
      ends: null,
      primary: null,
      sequencer: null,
      projections: [
        ...inputs.projections,
        { name: 'q', version: null, generation: null, checkpoints: null },
      ],
      problems: ['Kafka is away.'],
    });
    expect(report.projections[0]?.partitions[0]).toMatchObject({
      checkpointOffset: 90,
      recordsBehind: null,
      bytesBehind: null,
    });
    expect(report.projections[0]?.recordsBehind).toBeNull();
    expect(lagText(report)).toMatch(/q .*unknown/);
    expect(lagText(report)).toContain('Kafka is away.');
  });

  test('the text has a line for each partition, the sequencer and Postgres', () => {
    expect(lagText(lagReport(inputs)).split('\n')).toEqual([
      'projection  partition  checkpoint  end  behind  watermark     age  WAL behind',
      'p                   0          90  100      10     0/1000   2.5 s     6.0 KiB  degraded: 3 dead letters',
      'p                   1          50   50       0     0/2000  400 ms     2.0 KiB',
      '',
      'sequencer  at 7 of 9 changes, 2 behind',
      'Postgres   at 0/2800; slot s is reserved, holds back 2.0 KiB, Debezium is connected',
    ]);
  });

  test('a missing slot says which command makes one', () => {
    const slot = { name: 's', status: 'missing', active: false, retainedBytes: null } as const;
    const report = lagReport({ ...inputs, primary: { currentLsn: 1 as Lsn, slot } });
    expect(lagText(report)).toContain('there is no slot s: `turnstream connect` makes one');
  });
});

describe('the questions', () => {
  const names = projections.map(({ name }) => name);
  const models = projections.map(({ shape }) => ({ shape, generation: 4 }));
  const topics = { changesTopic: 'c', eventsTopic: 'e', sequencerGroup: 'g' };
  const ports: LagPorts = {
    nowMs: () => nowMs,
    admin: async () => ({
      partitionCount: async () => 2,
      endOffsets: async (topic) => (topic === 'c' ? [9] : [1, 2]),
      committedOffsets: async () => [4],
    }),
    readModels: async () => ({
      checkpoints: { load: async () => new Map([[0, checkpoint(1, 1, 1)]]) },
      models,
    }),
    primary: async () => {
      throw new TurnstreamError('CONNECT', 'Postgres is away.');
    },
  };

  test('who is away becomes a problem, the others still answer', async () => {
    const asked = await lagInputs(ports, topics, names);
    expect(asked).toMatchObject({
      ends: [1, 2],
      sequencer: { committed: 4, end: 9 },
      primary: null,
      problems: ['Postgres is away.'],
    });
    expect(asked.projections.map(({ name }) => name)).toEqual(names);
    expect(asked.projections[0]).toMatchObject({ version: 1, generation: 4 });
    const away = { ...ports, readModels: () => Promise.reject(new Error('CQL is away.')) };
    expect((await lagInputs(away, topics, names)).projections).toEqual(
      names.map((name) => ({ name, version: null, generation: null, checkpoints: null })),
    );
  });

  test('an absent topic is told with what creates it', async () => {
    const admin = async () => ({ ...(await ports.admin()), partitionCount: async () => undefined });
    const { problems, ends } = await lagInputs({ ...ports, admin }, topics, names);
    expect(ends).toBeNull();
    expect(problems).toContain('There is no topic e yet; `turnstream connect` creates the topics.');
  });

  test('one cause is told once, however many questions it spoils', async () => {
    const admin = async () => {
      throw new TurnstreamError('LOG', 'Kafka is away.');
    };
    const { problems } = await lagInputs({ ...ports, admin }, topics, names);
    expect(problems.toSorted()).toEqual(['Kafka is away.', 'Postgres is away.']);
  });
});

test('durations and bytes in units that people read', () => {
  expect([999, 1500, 90_000, 7_200_000].map(duration)).toEqual([
    '999 ms',
    '1.5 s',
    '1.5 min',
    '2.0 h',
  ]);
  expect([0, 1023, 1024, 1.5 * 2 ** 20, 2 ** 50].map(bytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 MiB',
    '1024.0 TiB',
  ]);
});
