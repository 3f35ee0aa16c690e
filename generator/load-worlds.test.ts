import type { Pool } from 'pg';
import { expect, test } from 'vitest';
import { loadWorlds } from './load-worlds.ts';

test('a Postgres that is lost while keys are read is told like one that is lost later', async () => {
  const released: boolean[] = [];
  const client = {
    query: () => Promise.reject(new Error('terminating connection')),
    on: () => undefined,
    off: () => undefined,
    release: (broken: boolean) => released.push(broken),
  };
  const pool = { connect: async () => client } as unknown as Pool;
  await expect(loadWorlds(pool, { seed: 1, lanes: 2, endAt: 0 })).rejects.toMatchObject({
    code: 'CONNECT',
    message: expect.stringContaining('terminating connection'),
  });
  expect(released).toEqual([true]);
});
