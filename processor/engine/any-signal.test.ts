import { expect, test } from 'vitest';
import { anySignal } from './any-signal.ts';

test('aborts with the first of them, and by itself', () => {
  const [one, two] = [new AbortController(), new AbortController()];
  const any = anySignal(one.signal, two.signal);
  expect(any.signal.aborted).toBe(false);
  two.abort();
  expect(any.signal.aborted).toBe(true);
  const alone = anySignal(one.signal);
  alone.abort();
  expect([alone.signal.aborted, one.signal.aborted]).toEqual([true, false]);
});

test('an abort that came first counts', () => {
  expect(anySignal(AbortSignal.abort()).signal.aborted).toBe(true);
});

test('released, it no longer follows', () => {
  const one = new AbortController();
  const any = anySignal(one.signal);
  any.release();
  one.abort();
  expect(any.signal.aborted).toBe(false);
});
