/**
 * Which build of a projection a command is about: the one that readers use, or where nothing was
 * promoted yet the one that the first worker will make so.
 */
import { formerVersions, projections as registered } from '../../projections/index.ts';
import {
  type GenerationId,
  type GenerationStore,
  generationName,
  isSameGeneration,
} from '../engine/generations.ts';
import type { ReadModel } from '../engine/store.ts';
import { type Definitions, definitionsOf, versionOf } from '../projection/definitions.ts';
import type { Projection } from '../projection/projection.ts';

export type Build = {
  readonly id: GenerationId;
  /** The definition of its version; the present one, if this build of the program has no other. */
  readonly projection: Projection;
  readonly isLive: boolean;
};

const firstGeneration = 1;

/** Of the projections, with the former versions that the registry has. */
export function definitionsFor(projections: readonly Projection[]): readonly Definitions[] {
  const names = new Set(projections.map(({ name }) => name));
  return definitionsOf(registered, formerVersions).filter(({ present }) => names.has(present.name));
}

export async function liveBuilds(
  generations: Pick<GenerationStore, 'live'>,
  projections: readonly Projection[],
): Promise<readonly Build[]> {
  const live = await generations.live(projections.map(({ name }) => name));
  return projections.map((projection) => {
    const id = live.get(projection.name);
    return id === undefined ? firstBuild(projection) : { ...buildOf(projection, id), isLive: true };
  });
}

/** What it is where no worker has started yet. */
export function firstBuild(projection: Projection): Build {
  const { name, version } = projection;
  const id = { projection: name, version, generation: firstGeneration };
  return { id, projection, isLive: true };
}

/** The builds that are called by the names of their tables: `steps_by_type_day_v1_g2`. */
export async function namedBuilds(
  generations: Pick<GenerationStore, 'list'>,
  projections: readonly Projection[],
  names: readonly string[],
  live: readonly Build[],
): Promise<readonly Build[]> {
  const found: Build[] = [];
  for (const projection of projections) {
    const wanted = names.filter((name) => name.startsWith(`${projection.name}_v`));
    if (wanted.length === 0) continue;
    for (const id of await generations.list(projection.name)) {
      const isKnown = live.some((build) => isSameGeneration(build.id, id));
      if (isKnown || !wanted.includes(generationName(id))) continue;
      found.push({ ...buildOf(projection, id), isLive: false });
    }
  }
  return found;
}

/** Its columns are those of the definition: where that is of another version, only its name and checkpoints count. */
export function modelOf({ projection, id }: Build): ReadModel {
  const shape = { ...projection.shape, version: id.version };
  return { shape, generation: id.generation };
}

/** Whether this build of the program knows the columns of the table. */
export function isDefined({ projection, id }: Build): boolean {
  return projection.version === id.version;
}

function buildOf(present: Projection, { projection, version, generation }: GenerationId) {
  const [definitions] = definitionsFor([present]);
  const own = definitions === undefined ? undefined : versionOf(definitions, version);
  return { id: { projection, version, generation }, projection: own ?? present };
}
