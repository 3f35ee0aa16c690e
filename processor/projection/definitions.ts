/**
 * The definitions that a build has: of each projection the present one, and former versions that are
 * kept so that this build can keep a read model of theirs up to date until a replay has built the
 * present one. Pure.
 */
import { TurnstreamError } from '../error.ts';
import type { Projection } from './projection.ts';

export type Definitions = {
  readonly present: Projection;
  /** The newest first; all of lower versions. */
  readonly former: readonly Projection[];
};

/** In the order of the present ones. Throws CONFIGURATION for versions that contradict each other. */
export function definitionsOf(
  present: readonly Projection[],
  former: readonly Projection[],
): readonly Definitions[] {
  const names = present.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw wrong(`${twice} is defined twice; a former version belongs to formerVersions`);
  }
  const stray = former.find(({ name }) => !names.includes(name));
  if (stray !== undefined) {
    throw wrong(`${stray.name} has a former version ${stray.version} and no present definition`);
  }
  return present.map((projection) => {
    const older = former
      .filter(({ name }) => name === projection.name)
      .toSorted((one, other) => other.version - one.version);
    const versions = [projection, ...older].map(({ version }) => version);
    const wrongAt = versions.findIndex(
      (version, at) => at > 0 && version >= (versions[at - 1] ?? 0),
    );
    if (wrongAt < 0) return { present: projection, former: older };
    throw wrong(
      `${projection.name} is version ${projection.version}, and a former version is ${versions[wrongAt]}; ` +
        'a changed definition has a higher version than each former one, and each former one is there once',
    );
  });
}

export function versionOf(
  { present, former }: Definitions,
  version: number,
): Projection | undefined {
  return [present, ...former].find((each) => each.version === version);
}

function wrong(what: string): TurnstreamError {
  return new TurnstreamError('CONFIGURATION', `${what} (projections/index.ts).`);
}
