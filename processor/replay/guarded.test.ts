import { expect, test } from 'vitest';
import { cards } from '../../test/worker/history.ts';
import { letterOriginOf } from '../engine/dead-letter-store.ts';
import { beginning } from '../engine/lane-batch.ts';
import { MemoryLetters } from '../engine/memory-letters.ts';
import { MemoryStore } from '../engine/memory-store.ts';
import { TurnstreamError } from '../error.ts';
import type { Position } from '../source/position.ts';
import { guarded } from './guarded.ts';

test('once the lease is lost nothing is written any more, whatever it is', async () => {
  const lost = new AbortController();
  const memory = new MemoryStore();
  const letters = new MemoryLetters();
  const stores = guarded({ store: memory, checkpoints: memory, letters }, lost.signal);
  const model = { shape: cards().shape, generation: 1 };
  const origin = letterOriginOf(model, 0);
  await stores.store.ensure([model]);
  const row = { op: 'upsert', key: ['a', 't', 1], values: ['x'], position: 5 as Position } as const;
  await stores.store.writeRows(model, [row]);
  lost.abort(new TurnstreamError('GENERATION', 'the lease is lost'));
  const other = { ...row, key: ['b', 't', 1] } as const;
  const calls = [
    () => stores.store.ensure([model]),
    () => stores.store.writeRows(model, [other]),
    () => stores.store.writeTotals(model, []),
    () => stores.checkpoints.save(model, 0, { ...beginning, position: 9 }),
    () => stores.letters.add(origin, []),
    () => stores.letters.decide(origin, 0, { kind: 'retried', position: 9 as Position }),
  ];
  for (const call of calls) await expect(call()).rejects.toThrow('the lease is lost');
  expect(memory.rows(model)).toHaveLength(1);
  expect((await stores.checkpoints.load(model)).size).toBe(0);
});
