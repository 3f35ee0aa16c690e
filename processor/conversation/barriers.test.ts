/** What a carry puts in order: rounds of writes, and no segment across a barrier. */
import { expect, test } from 'vitest';
import type { Position } from '../source/position.ts';
import { Barriers, isDestination } from './barriers.ts';
import { Container } from './container.ts';
import { foldDefaults, segmentDefaults } from './limits.ts';

const carry = (removal: number) => ({
  removal: removal as Position,
  arrival: (removal + 256) as Position,
});

test('for each carry: what came before, the destination, the source; then what came after the last', () => {
  const barriers = new Barriers();
  for (const removal of [1024, 3072]) {
    barriers.begin(carry(removal), 0);
    barriers.end(carry(removal));
  }
  const rounds = barriers.take();
  const of = (position: number) => rounds.roundOf({ position });
  expect(rounds.count).toBe(7);
  expect([511, 1023].map(of)).toEqual([0, 0]);
  expect([1280, 1535].map(of)).toEqual([1, 1]);
  expect([1024, 1279].map(of)).toEqual([2, 2]);
  expect([1536, 2303, 3071].map(of)).toEqual([3, 3, 3]);
  expect([3328, 3072].map(of)).toEqual([4, 5]);
  expect([3584, 99_999].map(of)).toEqual([6, 6]);
  expect(Array.from({ length: 7 }, (_, at) => isDestination(at))).toEqual([
    ...[false, true, false],
    ...[false, true, false],
    false,
  ]);
});

test('without a carry all is one round; a change that carries from several containers is one carry', () => {
  const barriers = new Barriers();
  expect(barriers.take().count).toBe(1);
  barriers.begin(carry(1024), 10);
  barriers.end(carry(1024));
  barriers.begin(carry(1024), 20);
  barriers.end(carry(1024));
  expect(barriers.carriedBytes).toBe(30);
  expect(barriers.take().count).toBe(4);
  expect(barriers.carriedBytes).toBe(0);
});

test('a container closes its segment at a barrier, before the carry and after it', () => {
  const barriers = new Barriers();
  const limits = { ...foldDefaults, ...segmentDefaults };
  const [from, to] = ['s:from', 's:to'].map(
    (name) => new Container(name, -1, limits, barriers.last),
  ) as [Container, Container];
  const change = (container: Container, position: number) => {
    const ref = { kind: 'child', family: 'human:a1', uid: `${position}` } as const;
    container.put(ref, { uid: `${position}`, at: null, present: true });
    container.advance(position);
  };
  for (const container of [from, to]) {
    change(container, 100);
    change(container, 200);
  }
  barriers.begin(carry(1024), 0);
  change(from, 1279);
  change(to, 1535);
  barriers.end(carry(1024));
  for (const container of [from, to]) {
    change(container, 2303);
    change(container, 2400);
  }
  const positions = (container: Container) =>
    container.takeSegments().map(({ position }) => position);
  expect(positions(from)).toEqual([200, 1279, 2400]);
  expect(positions(to)).toEqual([200, 1535, 2400]);
});
