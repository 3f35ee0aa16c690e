/**
 * The cost of a change in rows, not in time: what is read and written for it is the same in a session
 * of a few steps and in one of many, wherever the session's state is (DESIGN 3.2); and what a batch
 * reads is read together.
 */
import { expect, test } from 'vitest';
import { turnStepsReadMax } from '../../processor/conversation/limits.ts';
import { MemoryStateStore } from '../../processor/sequencer/memory-state-store.ts';
import type { RowChange } from '../../processor/source/row-change.ts';
import { addStep, addTurns, conversation, reviseStep } from './conversations.ts';
import { counting, noStoreCounts, type StoreCounts } from './counting-store.ts';
import { FoldRig } from './fold-rig.ts';

type Shape = { readonly turns: number; readonly stepsPerTurn: number };

/** A turn of fewer steps is read whole when one of them changes. */
const stepsPerTurn = turnStepsReadMax + 8;
const short: Shape = { turns: 2, stepsPerTurn };
const long: readonly (readonly [string, Shape])[] = [
  ['two turns of 400 steps', { turns: 2, stepsPerTurn: 400 }],
  ['80 turns as long', { turns: 80, stepsPerTurn }],
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

const evicted = { containerBytesMax: everything, cacheBytesMax: 0 };

test.each([2, 8, 16])(
  'a revised step of a turn of %i is read with all its steps, at once',
  async (count) => {
    const cost = await costOf(
      { turns: 2, stepsPerTurn: count },
      () => [reviseStep('s', 0, 1)],
      evicted,
    );
    expect(cost).toMatchObject({ slices: 1, neighbours: 0 });
  },
);

const whole = (shape: Shape, session = 's') => [
  ...conversation(session, shape.turns, shape.stepsPerTurn),
];

test.each(long)('a snapshot that finds %s as they were reads them together', async (_, shape) => {
  const counts = noStoreCounts();
  const rig = new FoldRig(counting(new MemoryStateStore(), counts));
  await rig.batch(whole(shape), 0);
  Object.assign(counts, noStoreCounts());
  await rig.batch(whole(shape).map(asRead), 0);
  expect(counts.rowsFound).toBeGreaterThan(shape.turns * shape.stepsPerTurn);
  // Hints, containers, rows.
  expect(counts.reads).toBe(3);
});

test.each([1, 30])(
  'what is read for a step at the end of %i sessions is read together',
  async (count) => {
    const sessions = Array.from({ length: count }, (_, at) => `s${at}`);
    const counts = noStoreCounts();
    const rig = new FoldRig(counting(new MemoryStateStore(), counts));
    for (const session of sessions) await rig.batch(whole(short, session), 0);
    Object.assign(counts, noStoreCounts());
    await rig.batch(
      sessions.map((session) => addStep(session, short.turns - 1, 999)),
      0,
    );
    expect(counts.rowsFound).toBeGreaterThan(count);
    // Hints, containers, rows, what those hang on.
    expect(counts.reads).toBe(4);
  },
);

test('all steps of many turns are revised: a read for each turn, none for a step', async () => {
  const shape = { turns: 40, stepsPerTurn: 20 };
  const counts = noStoreCounts();
  const rig = new FoldRig(counting(new MemoryStateStore(), counts));
  await rig.batch(whole(shape), 0);
  Object.assign(counts, noStoreCounts());
  const steps = turnsOf(shape).flatMap((turn) =>
    Array.from({ length: shape.stepsPerTurn }, (_, idx) => reviseStep('s', turn, idx)),
  );
  await rig.batch(steps, 0);
  expect(counts).toMatchObject({ slices: shape.turns, neighbours: 0, reads: shape.turns + 4 });
});

function turnsOf({ turns }: Shape): readonly number[] {
  return Array.from({ length: turns }, (_, turn) => turn);
}

function asRead(change: RowChange): RowChange {
  return { ...change, operation: 'read' };
}
