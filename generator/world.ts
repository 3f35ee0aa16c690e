/**
 * What one lane of the mixed changes knows of the tables: the keys of the rows that it alone
 * touches. Lanes share no row, so their transactions interleave freely and still end in the same
 * rows for the same seed. A mutation changes it only once its statements are to be kept.
 */
import { between, createRandom, pick, type Random, uuid } from './random.ts';
import type { Micros } from './rows.ts';

export type StepKey = { readonly turn: string; readonly idx: number };

export type World = {
  readonly random: Random;
  /** Around which new times lie. */
  readonly endAt: Micros;
  readonly sessions: string[];
  readonly humanTurns: string[];
  readonly agentTurns: string[];
  readonly steps: StepKey[];
  /** Per turn the indices in use, and those that were given out and perhaps never used. */
  readonly takenIdx: Map<string, Set<number>>;
  /** Keys without a row to which other rows refer: deleted, renamed, or not yet inserted. */
  readonly lostSessions: string[];
  readonly lostAgentTurns: string[];
};

const worldStream = 2;

export function emptyWorld(seed: number, lane: number, endAt: Micros): World {
  return {
    random: createRandom(seed, worldStream, lane),
    endAt,
    sessions: [],
    humanTurns: [],
    agentTurns: [],
    steps: [],
    takenIdx: new Map(),
    lostSessions: [],
    lostAgentTurns: [],
  };
}

export function newUid(world: World): string {
  return uuid(world.random);
}

/** One of the items; undefined when there are none. */
export function some<T>(world: World, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : pick(world.random, items);
}

/** Takes one out, for good: a key must not come back twice. */
export function takeSome<T>(world: World, items: T[]): T | undefined {
  const item = some(world, items);
  if (item !== undefined) remove(items, item);
  return item;
}

export function remove<T>(items: T[], item: T): void {
  const at = items.indexOf(item);
  const last = items.pop();
  if (at < 0) {
    if (last !== undefined) items.push(last);
  } else if (last !== undefined && at < items.length) {
    items[at] = last;
  }
}

export function replace<T>(items: T[], item: T, by: T): void {
  const at = items.indexOf(item);
  if (at >= 0) items[at] = by;
}

/** An index that no step of the turn has; before, between and after the others. Taken from now on. */
export function freeIdx(world: World, turn: string): number {
  const taken = takenOf(world, turn);
  let idx = between(world.random, -3, 40);
  while (taken.has(idx)) idx += 7;
  taken.add(idx);
  return idx;
}

export function addStep(world: World, step: StepKey): void {
  takenOf(world, step.turn).add(step.idx);
  world.steps.push(step);
}

/** Its index may be taken again. */
export function removeStep(world: World, step: StepKey): void {
  remove(world.steps, step);
  takenOf(world, step.turn).delete(step.idx);
}

export function stepsOf(world: World, turn: string): readonly StepKey[] {
  return world.steps.filter((step) => step.turn === turn);
}

function takenOf(world: World, turn: string): Set<number> {
  const known = world.takenIdx.get(turn);
  if (known !== undefined) return known;
  const taken = new Set<number>();
  world.takenIdx.set(turn, taken);
  return taken;
}
