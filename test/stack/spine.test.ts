import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import { Spine } from './spine.ts';

const spine = new Spine();

beforeAll(async () => {
  await spine.prepare(createTables);
  spine.startBoth();
});

afterAll(() => spine.drop());

test('after 20,000 mixed changes the read models equal SQL over Postgres, key by key', async () => {
  const summary = await generate(spine.pool, {
    seed: 7,
    sessions: 300,
    endAtMs: Date.now(),
    mixedChanges: 20_000,
    concurrency: 16,
  });
  expect(summary.changes).toBeGreaterThan(20_000);
  expect(await spine.judged()).toBeNull();
}, 300_000);
