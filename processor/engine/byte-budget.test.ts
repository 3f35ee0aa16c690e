import { expect, test } from 'vitest';
import { turn } from '../../test/worker/virtual-clock.ts';
import { ByteBudget } from './byte-budget.ts';

const patient = new AbortController().signal;

test('whoever does not fit waits until there is room, in the order of asking', async () => {
  const budget = new ByteBudget(10);
  const entered: string[] = [];
  const ask = (name: string, bytes: number) =>
    void budget.acquire(bytes, patient).then(() => entered.push(name));
  ask('a', 6);
  ask('b', 6);
  ask('c', 1);
  await turn();
  // c would fit, but it came after b, which would then never get its turn.
  expect(entered).toEqual(['a']);
  budget.release(6);
  await turn();
  expect(entered).toEqual(['a', 'b', 'c']);
  expect(budget.used).toBe(7);
});

test('a request larger than all of it enters alone', async () => {
  const budget = new ByteBudget(10);
  expect(await budget.acquire(99, patient)).toBe(true);
  const next = budget.acquire(1, patient);
  await turn();
  expect(budget.used).toBe(99);
  budget.release(99);
  expect(await next).toBe(true);
});

test('who gives up takes nothing and lets the next one in', async () => {
  const budget = new ByteBudget(10);
  await budget.acquire(8, patient);
  const impatient = new AbortController();
  const gaveUp = budget.acquire(9, impatient.signal);
  const small = budget.acquire(2, patient);
  impatient.abort();
  expect(await gaveUp).toBe(false);
  expect(await small).toBe(true);
  expect(budget.used).toBe(10);
  expect(await budget.acquire(1, impatient.signal)).toBe(false);
});
