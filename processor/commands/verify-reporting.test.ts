import { expect, test } from 'vitest';
import { silentLogger } from '../logger.ts';
import type { VerifyProgress } from '../verify/ports.ts';
import { reporterOf } from './verify.ts';
import { readingText, verifyBars, verifyLines } from './verify-reporting.ts';

const clock = () => {
  let atMs = 1_700_000_000_000;
  return {
    nowMs: () => atMs,
    pass: (ms: number) => {
      atMs += ms;
    },
  };
};

const read = (what: string, rows: number, share: number | null): VerifyProgress => {
  return { what, pass: 'comparing', rows, share };
};

test('a bar for each read model and the source: how far, how fast, how long yet', () => {
  const { nowMs, pass } = clock();
  const shown = new Map<string, readonly [number, string]>();
  const { progress, close } = verifyBars(nowMs, {
    show: (name, ratio, text) => void shown.set(name, [ratio, text]),
    stop: () => void shown.set('stopped', [1, '']),
  });
  progress(read('cards', 500, 0));
  pass(1000);
  progress(read('cards', 1500, 0.25));
  progress(read('source', 0, 0));
  pass(1000);
  progress(read('source', 30, 0.1));
  expect(shown.get('cards')).toEqual([0.25, 'cards: 25.0 %, 2,000 rows, 2,000/s, 3.0 s left']);
  expect(shown.get('source')).toEqual([0.1, 'source: 10.0 %, 30 rows, 30/s, 9.0 s left']);
  progress(read('cards', 0, 1));
  expect(shown.get('cards')?.[0]).toBe(1);
  expect(shown.get('cards')?.[1]).toMatch(/^cards: 100\.0 %, 2,000 rows, [\d,]+\/s$/);
  close();
  expect(shown.has('stopped')).toBe(true);
});

test('what is read once more begins anew, and says why', () => {
  const { nowMs, pass } = clock();
  const shown: string[] = [];
  const { progress } = verifyBars(nowMs, {
    show: (_, ratio, text) => void shown.push(`${ratio} ${text}`),
    stop: () => undefined,
  });
  progress(read('cards', 900, 1));
  pass(1000);
  progress({ ...read('cards', 10, 0.5), pass: 'looking closer' });
  progress({ ...read('cards', 3, 1), pass: 'settling' });
  expect(shown.slice(1)).toEqual([
    '0.5 cards, looking closer at what differs: 50.0 %, 10 rows, 0/s, nobody can tell how long yet',
    '1 cards, again at what was changing: 100.0 %, 3 rows, 0/s',
  ]);
});

test('told of every session, it looks a few times a second, and never misses the end', () => {
  const { nowMs, pass } = clock();
  const shown: string[] = [];
  const show = (_: string, ratio: number, text: string) => void shown.push(`${ratio} ${text}`);
  const { progress } = verifyBars(nowMs, { show, stop: () => undefined });
  for (let session = 1; session <= 5000; session += 1) {
    pass(1);
    progress(read('source', 2, session / 5000));
  }
  expect(shown.length).toBeLessThan(60);
  expect(shown.at(-1)).toMatch(/^1 source: 100\.0 %, 10,000 rows/);
});

test('where nobody knows how much there is, it says what is read; nothing is whole before it is', () => {
  const reading = { what: 'source', pass: 'comparing', rows: 7, rowsPerSecond: 3.2 } as const;
  expect(readingText({ ...reading, share: null, etaMs: null })).toBe('source: 7 rows, 3/s');
  expect(readingText({ ...reading, share: 0.99999, etaMs: 5 })).toContain('99.9 %');
});

test('in the log it is a line every so often, with figures for programs', () => {
  const { nowMs, pass } = clock();
  const lines: unknown[] = [];
  const info = (fields: object, text: string) => void lines.push([fields, text]);
  const { progress } = verifyLines({ info } as never, { intervalMs: 5000, nowMs });
  for (let count = 0; count < 10; count += 1) {
    progress(read('cards', 100, count / 10));
    pass(1000);
  }
  expect(lines).toHaveLength(2);
  expect(lines[1]).toEqual([
    { reading: 'cards', pass: 'comparing', share: 0.5, rows: 600, rowsPerSecond: 120 },
    'verifying: cards: 50.0 %, 600 rows, 120/s, 5.0 s left',
  ]);
});

test('bars are on a terminal alone, and never beside --json', () => {
  const lines: string[] = [];
  const log = { ...silentLogger, info: (_: object, text: string) => void lines.push(text) };
  const told = (interactive: boolean, json: boolean) => {
    lines.length = 0;
    const reporter = reporterOf({ interactive, json, log } as never);
    reporter.progress(read('cards', 1, 0.5));
    reporter.close();
    return lines.length;
  };
  expect([told(true, false), told(true, true), told(false, false)]).toEqual([0, 1, 1]);
});
