/** Which build of which projections `turnstream verify` compares, and why one can't be compared. */
import {
  type Generation,
  type GenerationStore,
  generationName,
  isSameGeneration,
} from '../engine/generations.ts';
import { TurnstreamError } from '../error.ts';
import type { Projection } from '../projection/projection.ts';
import type { Target } from '../verify/ports.ts';
import { type Build, isDefined, liveBuilds, modelOf, namedBuilds } from './live-builds.ts';

export async function verifyTargets(
  generations: Pick<GenerationStore, 'live' | 'list'>,
  projections: readonly Projection[],
  generation: string | undefined,
): Promise<readonly Target[]> {
  const live = await liveBuilds(generations, projections);
  const builds =
    generation === undefined ? live : [await named(generations, projections, generation, live)];
  return await Promise.all(
    builds.map(async (build) => {
      const all = await generations.list(build.id.projection);
      check(
        build,
        all.find((each) => isSameGeneration(each, build.id)),
      );
      return { projection: build.projection, model: modelOf(build) };
    }),
  );
}

async function named(
  generations: Pick<GenerationStore, 'list'>,
  projections: readonly Projection[],
  wanted: string,
  live: readonly Build[],
): Promise<Build> {
  const [projection, ...others] = projections;
  if (projection === undefined || others.length > 0) {
    throw new TurnstreamError(
      'CONFIGURATION',
      'Name one projection with --generation: it is a build of that one.',
    );
  }
  // A number is of the version that readers use.
  const version = live[0]?.id.version ?? projection.version;
  const name = /^\d+$/.test(wanted) ? `${projection.name}_v${version}_g${wanted}` : wanted;
  const own = live.find(({ id }) => generationName(id) === name);
  const [found = own] = await namedBuilds(generations, [projection], [name], live);
  if (found !== undefined) return found;
  throw new TurnstreamError(
    'CONFIGURATION',
    `There is no ${name}; \`turnstream generations ${projection.name}\` lists what there is.`,
  );
}

function check(build: Build, generation: Generation | undefined): void {
  const name = generationName(build.id);
  if (!isDefined(build)) {
    throw new TurnstreamError(
      'VERIFY',
      `${name} can't be compared: this build of the program has no definition of version ${build.id.version}; verify with the one that has`,
    );
  }
  if ((generation?.droppedAtMs ?? null) !== null) {
    throw new TurnstreamError('VERIFY', `${name} was dropped: there is nothing to compare`);
  }
  if ((generation?.until ?? null) !== null) {
    throw new TurnstreamError(
      'VERIFY',
      `${name} is as of the past, and Postgres is not: nothing can be compared with it`,
    );
  }
}
