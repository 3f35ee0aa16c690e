/**
 * The cost of a change in rows, not in time: what is read and written for it is the same in a session
 * of 20 steps and in one of many, wherever the session's state is (DESIGN 3.2).
 */
import { expect, test } from 'vitest';
import { MemoryStateStore } from '../../processor/sequencer/memory-state-store.ts';
import type { RowChange } from '../../processor/source/row-change.ts';
import { addStep, addTurns, conversation, reviseStep } from './conversations.ts';
import { counting, noStoreCounts, type StoreCounts } from './counting-store.ts';
import { FoldRig } from './fold-rig.ts';

type Shape = { readonly turns: number; readonly stepsPerTurn: number };

const short: Shape = { turns: 2, stepsPerTurn: 10 };
const long: readonly (readonly [string, Shape])[] = [
  ['two turns of 400 steps', { turns: 2, stepsPerTurn: 400 }],
  ['80 turns of 10 steps', { turns: 80, stepsPerTurn: 10 }],
];

const everything = Number.POSITIVE_INFINITY;

type Limits = { readonly containerBytesMax: number; readonly cacheBytesMax: number };

const places: readonly (readonly [string, Limits])[] = [
  ['in memory', { containerBytesMax: everything, cacheBytesMax: everything }],
  ['in memory but for its steps', { containerBytesMax: 0, cacheBytesMax: everything }],
  ['evicted', { containerBytesMax: everything, cacheBytesMax: 0 }],
];

/** What the change costs in a session of that shape. */
async function costOf(
  shape: Shape,
  change: (last: number, next: number) => readonly RowChange[],
  { containerBytesMax, cacheBytesMax }: Limits,
): Promise<StoreCounts> {
  const counts = noStoreCounts();
  const rig = new FoldRig(counting(new MemoryStateStore(), counts), containerBytesMax);
  const { turns, stepsPerTurn } = shape;
  await rig.batch([...conversation('s', turns, stepsPerTurn)], everything);
  if (cacheBytesMax === 0) rig.workspace.evictHints(0);
  rig.workspace.settle(cacheBytesMax);
  const events = rig.events;
  Object.assign(counts, noStoreCounts());
  for (const one of change(turns - 1, stepsPerTurn)) await rig.batch([one], cacheBytesMax);
  expect(rig.events).toBeGreaterThan(events);
  return counts;
}

const changes: readonly (readonly [
  string,
  (last: number, next: number) => readonly RowChange[],
])[] = [
  ['a step at the end', (last, next) => [addStep('s', last, next)]],
  ['a step in an earlier turn', (_, next) => [addStep('s', 0, next)]],
  ['a question and its answer', (last) => addTurns('s', last + 1)],
  ['a revised step', () => [reviseStep('s', 0, 5)]],
];

for (const [where, limits] of places) {
  for (const [shapeName, shape] of long) {
    test.each(changes)(
      `%s costs the same rows in ${shapeName} as in a short session, ${where}`,
      async (_, change) => {
        const cost = await costOf(shape, change, limits);
        expect(cost).toEqual(await costOf(short, change, limits));
        expect(cost.rowsFound).toBeLessThan(16);
        expect(cost.rowsWritten).toBeGreaterThan(0);
      },
    );
  }
}

test('what is evicted is read again: the counts are of something', async () => {
  const cost = await costOf(short, (last, next) => [addStep('s', last, next)], {
    containerBytesMax: everything,
    cacheBytesMax: 0,
  });
  expect(cost).toMatchObject({ positions: 1, hints: 1, slices: 0, neighbours: 0 });
  expect(cost.rowsFound).toBeGreaterThan(1);
});
