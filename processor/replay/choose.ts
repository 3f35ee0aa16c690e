/**
 * Which generation a replay builds: the one that an earlier replay left unfinished, so that a killed one
 * goes on where it was, or else the next number (generations.ts).
 */
import {
  type Generation,
  type GenerationId,
  type GenerationStore,
  isSameGeneration,
  type Live,
  type Until,
} from '../engine/generations.ts';
import type { CheckpointStore, ReadModel } from '../engine/store.ts';
import type { Projection } from '../projection/projection.ts';

export type Target = {
  readonly projection: Projection;
  readonly id: GenerationId;
  /** Nobody has written to it yet. */
  readonly isNew: boolean;
};

type Ports = {
  readonly generations: GenerationStore;
  readonly checkpoints: CheckpointStore;
  readonly clock: { readonly nowMs: () => number };
};

/** The projection's lease is held. */
export async function chooseTarget(
  ports: Ports,
  projection: Projection,
  until: Until | null,
): Promise<Target> {
  const { generations } = ports;
  const { name, version } = projection;
  await adoptFirst(ports, projection);
  const left = await unfinished(generations, projection, until);
  if (left !== null) return { projection, id: left, isNew: false };
  const { generation } = await generations.create(name, version, until);
  return { projection, id: { projection: name, version, generation }, isNew: true };
}

/** The newest that was begun for the same purpose by a build of the same version. */
export async function unfinished(
  generations: Pick<GenerationStore, 'list' | 'live'>,
  { name, version }: Pick<Projection, 'name' | 'version'>,
  until: Until | null,
): Promise<GenerationId | null> {
  const live = (await generations.live([name])).get(name) ?? null;
  const found = (await generations.list(name)).filter(
    (each) => each.version === version && isUnfinished(each, live) && sameUntil(each.until, until),
  );
  const newest = found.at(-1);
  return newest === undefined ? null : idOf(newest);
}

function isUnfinished(generation: Generation, live: Live | null): boolean {
  const { builtAtMs, promotedAtMs, droppedAtMs } = generation;
  const begun = builtAtMs === null && promotedAtMs === null && droppedAtMs === null;
  return begun && !isSameGeneration(live, generation);
}

function sameUntil(one: Until | null, other: Until | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export function idOf({ projection, version, generation }: GenerationId): GenerationId {
  return { projection, version, generation };
}

/** The store's words for a generation, whose table has the columns of its own version. */
export function modelOf({ shape }: Projection, { version, generation }: GenerationId): ReadModel {
  return { shape: { ...shape, version }, generation };
}

/** What a worker of a former release has built is what readers use, though nobody has said so yet. */
async function adoptFirst(ports: Ports, projection: Projection): Promise<void> {
  const { generations, checkpoints, clock } = ports;
  const { name, version } = projection;
  if ((await generations.live([name])).has(name)) return;
  if ((await generations.list(name)).length > 0) return;
  for (let older = version; older >= 1; older -= 1) {
    const id = { projection: name, version: older, generation: 1 };
    if ((await checkpoints.load(modelOf(projection, id))).size === 0) continue;
    await generations.first(name, older);
    await generations.promote(id, null, clock.nowMs());
    return;
  }
}
