import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { isFencing, logError } from './kafkajs-errors.ts';
import { requests } from './kafkajs-producer.ts';
import type { NewRecord } from './log.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

test('kafkajs is imported by its own files of processor/kafka alone', () => {
  const importers = ['processor', 'projections', 'connectors', 'generator', 'local']
    .flatMap(sources)
    .filter((file) => !file.endsWith('.test.ts'))
    .filter((file) =>
      /from 'kafkajs|import\('kafkajs/.test(readFileSync(join(root, file), 'utf8')),
    );
  expect(importers.length).toBeGreaterThan(0);
  for (const file of importers) {
    expect(file).toMatch(/^processor\/kafka\/(kafkajs-[a-z]+|codecs)\.ts$/);
  }
});

const record = (bytes: number): NewRecord => {
  return { topic: 't', partition: 0, key: null, value: Buffer.alloc(bytes) };
};

test('an append is cut into requests of bounded size, in order; a larger record goes alone', () => {
  const records = [10, 20, 500, 30, 300, 300, 900].map(record);
  const sizes = [...requests(records, 640)].map((run) => run.map(({ value }) => value?.length));
  expect(sizes).toEqual([[10, 20], [500, 30], [300], [300], [900]]);
  expect([...requests([], 640)]).toEqual([]);
});

test('headers count towards the size of a request', () => {
  const headers = { error: 'e'.repeat(100) };
  const records = [record(10), { ...record(10), headers }, record(10)];
  expect([...requests(records, 300)].map((run) => run.length)).toEqual([1, 1, 1]);
});

const failure = (type: string, more: object = {}) =>
  Object.assign(new Error(type), { type, ...more });

test.each([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
])('%s is a fence, also as the cause of another error', (type) => {
  expect(isFencing(failure(type))).toBe(true);
  expect(isFencing(new Error('given up', { cause: failure(type) }))).toBe(true);
});

test.each([
  [failure('REQUEST_TIMED_OUT'), 'LOG', true],
  [failure('NOT_COORDINATOR_FOR_GROUP'), 'LOG', true],
  [Object.assign(new Error('closed'), { name: 'KafkaJSConnectionClosedError' }), 'LOG', true],
  [failure('TOPIC_AUTHORIZATION_FAILED'), 'LOG', false],
  [new Error('outer', { cause: failure('MESSAGE_TOO_LARGE') }), 'LIMIT', false],
  [Object.assign(new Error('zstd'), { name: 'KafkaJSNotImplemented' }), 'LOG', false],
])('%s becomes %s, retriable: %s', (thrown, code, retriable) => {
  expect(isFencing(thrown)).toBe(false);
  expect(logError('reading t', thrown)).toMatchObject({ code, retriable, cause: thrown });
});
