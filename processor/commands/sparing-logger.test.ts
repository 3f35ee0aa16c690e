import { expect, test } from 'vitest';
import { createLogger } from '../logger.ts';
import { sparingLogger, tellsOfAnotherTry } from './sparing-logger.ts';

function open() {
  const lines: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) };
  const clock = { nowMs: 0 };
  const logger = sparingLogger(createLogger({ level: 'info', pretty: false, stream }), {
    repeatMsMin: 30_000,
    nowMs: () => clock.nowMs,
    repeats: tellsOfAnotherTry,
  });
  const said = () => lines.map(({ msg, leftOut }) => [msg, leftOut]);
  return { logger, clock, lines, said };
}

test('what repeats itself is said once in a while, and how often it was left out', () => {
  const { logger, clock, said } = open();
  for (let attempt = 1; attempt <= 1300; attempt += 1) {
    clock.nowMs = attempt * 100;
    logger.warn({ attempt }, `writing ${attempt} rows failed`);
  }
  expect(said()).toEqual([
    ['writing 1 rows failed', undefined],
    ['writing 301 rows failed', 299],
    ['writing 601 rows failed', 299],
    ['writing 901 rows failed', 299],
    ['writing 1201 rows failed', 299],
  ]);
});

test('another operation, projection, level or reason is another line', () => {
  const { logger, lines } = open();
  logger.warn({ attempt: 1, operation: 'write' }, 'again');
  logger.warn({ attempt: 1, operation: 'read' }, 'again');
  logger.warn({ attempt: 1, operation: 'read', projection: 'p' }, 'again');
  logger.error({ attempt: 1, operation: 'read', projection: 'p' }, 'again');
  logger.error({ attempt: 1, operation: 'read', projection: 'p', err: new Error('x') }, 'again');
  logger.child({ part: 'a' }).error({ attempt: 1, operation: 'read', projection: 'p' }, 'again');
  expect(lines).toHaveLength(5);
});

test('a line that tells of no further try is always written', () => {
  const { logger, lines } = open();
  for (let offset = 0; offset < 10; offset += 1) logger.error({ offset }, 'was dead-lettered');
  expect(lines).toHaveLength(10);
});
