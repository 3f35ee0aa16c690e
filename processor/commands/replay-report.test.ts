import { describe, expect, test } from 'vitest';
import type { ReplayProgress, ReplayResult } from '../replay/ports.ts';
import { dryRunReport, dryRunText, resultsText } from './replay-report.ts';
import { progressText } from './replay-reporting.ts';

const generation = { projection: 'cards', version: 2, generation: 7 };

describe('progress', () => {
  const progress: ReplayProgress = {
    projection: 'cards',
    generation,
    phase: 'building',
    done: 5040,
    total: 12_000,
    ratio: 0.42,
    eventsPerSecond: 9000.4,
    etaMs: 72_000,
  };

  test('says how far, how fast and how long yet', () => {
    expect(progressText(progress)).toBe(
      'cards_v2_g7: 42.0 % of 12,000 events, 9,000/s, 1.2 min left',
    );
    expect(progressText({ ...progress, etaMs: null })).toContain('nobody can tell how long yet');
  });

  test('is not at 100 % before it is done', () => {
    const late = { ...progress, ratio: 1, phase: 'catching up' } as const;
    expect(progressText(late)).toContain('99.9 %');
    expect(progressText({ ...late, phase: 'done' })).toContain('100.0 %');
    expect(progressText({ ...late, phase: 'verifying' })).toBe('cards_v2_g7: verifying');
  });
});

test('the end says what became of each, as of when, and what to do', () => {
  const result: ReplayResult = {
    projection: 'cards',
    generation,
    outcome: 'promoted',
    resumed: false,
    records: 12_345,
    seconds: 10,
    deadLetters: 0,
    asOf: { lsn: '0/16B3748', committedAt: '2026-03-05T12:00:00.000Z' },
    verification: { equal: true, summary: 'All 9 rows are equal.' },
    dropped: ['cards_v1_g1'],
    message: 'cards_v2_g7 is what readers use now',
  };
  expect(resultsText([result]).split('\n')).toEqual([
    'generation   outcome   events    took  per second  exact as of',
    'cards_v2_g7  promoted  12,345  10.0 s       1,235  0/16B3748, 2026-03-05T12:00:00.000Z',
    '',
    'cards_v2_g7 is what readers use now.',
    'All 9 rows are equal.',
    'Dropped: cards_v1_g1.',
  ]);
});

describe('a dry run', () => {
  const partitions = [{ partition: 0, records: 6000 }];
  const planned = [{ projection: 'cards', resumes: false, partitions, records: 6000 }];
  const sample = { records: 3000, seconds: 3, recordsPerSecond: 1000 };

  test('estimates by its sample, and says that writing is not in it', () => {
    const report = dryRunReport(planned, sample, null);
    expect(report.estimate?.seconds).toBe(6);
    expect(dryRunText(report)).toContain('At least 6.0 s, at 1,000 events a second');
    expect(dryRunText(report)).toContain('not written');
  });

  test('estimates by the throttle where that is slower', () => {
    const report = dryRunReport(planned, sample, 100);
    expect(report.estimate).toMatchObject({ seconds: 60, recordsPerSecond: 100 });
    expect(report.estimate?.basis).toContain('--events-per-second-max 100');
    expect(dryRunText(dryRunReport([], null, null))).toContain('nothing to read');
  });
});
