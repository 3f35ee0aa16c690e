import { expect, test } from 'vitest';
import { TurnstreamError } from './error.ts';
import type { LogLevel } from './log-level.ts';
import { createLogger } from './logger.ts';

function collect(level: LogLevel, pretty: boolean) {
  const lines: string[] = [];
  const stream = { write: (line: string) => lines.push(line) };
  return { lines, logger: createLogger({ level, pretty, stream }) };
}

test('for machines: one JSON object a line, an error as its sentence and code', () => {
  const { lines, logger } = collect('info', false);
  const err = new TurnstreamError('STORE', 'No node answers.', { cause: new Error('refused') });
  logger.child({ projection: 'p' }).error({ err }, 'a write failed');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'error',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    projection: 'p',
    err: { message: 'No node answers.', code: 'STORE', cause: 'refused' },
    msg: 'a write failed',
  });
});

test('the stack is logged at debug alone', () => {
  const err = new Error('boom');
  for (const level of ['info', 'debug'] as const) {
    const { lines, logger } = collect(level, false);
    logger.error({ err }, 'failed');
    expect(lines.join('').includes('logger.test.ts'), level).toBe(level === 'debug');
  }
});

test('below the level nothing is logged', () => {
  const { lines, logger } = collect('warn', false);
  logger.info({}, 'unheard');
  logger.warn({}, 'heard');
  expect(lines).toHaveLength(1);
});

test('for people: one short line, whatever the fields hold', () => {
  const { lines, logger } = collect('info', true);
  logger.info({ partition: 3, reason: 'two words', list: ['a\nb'] }, 'something happened');
  expect(lines).toEqual([
    expect.stringMatching(
      /^\d\d:\d\d:\d\d\.\d{3} info {2}something happened {2}partition=3 {2}reason="two words" {2}list=\["a\\nb"\]\n$/,
    ),
  ]);
});
