/**
 * How people name a dead letter: `<origin>/<partition>/<offset>`, as `dead-letters list` prints it. The
 * origin is a projection, of which the build is meant that readers use; another build is named like
 * its table: `steps_by_type_day_v1_g2/3/1042`. Pure.
 */

import {
  type LetterOrigin,
  letterOriginOf,
  type StoredLetter,
  sequencerOrigin,
} from '../engine/dead-letter-store.ts';
import { generationName } from '../engine/generations.ts';
import { TurnstreamError } from '../error.ts';
import type { Projection } from '../projection/projection.ts';
import { type Build, modelOf } from './live-builds.ts';

/** Where letters may be: `projection` is null for the sequencer. */
export type LetterSource = {
  /** What people call the origin. */
  readonly name: string;
  readonly origin: LetterOrigin;
  readonly projection: Projection | null;
};

/** What the command line asks for: all letters of some sources, or some letters. */
export type LetterChoice = {
  readonly sources: readonly LetterSource[];
  /** Ids; null for all. */
  readonly ids: ReadonlySet<string> | null;
};

export function letterId(
  { name, origin }: LetterSource,
  { offset }: Pick<StoredLetter, 'offset'>,
): string {
  return `${name}/${origin.partition}/${offset}`;
}

export function sourcesOf(builds: readonly Build[], partitions: number): readonly LetterSource[] {
  const ofBuilds = builds.flatMap((build) =>
    Array.from({ length: partitions }, (_, partition) => ({
      name: build.isLive ? build.id.projection : generationName(build.id),
      origin: letterOriginOf(modelOf(build), partition),
      projection: build.projection,
    })),
  );
  return [{ name: sequencerOrigin.origin, origin: sequencerOrigin, projection: null }, ...ofBuilds];
}

/** Each name is an origin's or a letter's; none: all. Throws CONFIGURATION for what is neither. */
export function chosen(names: readonly string[], all: readonly LetterSource[]): LetterChoice {
  if (names.length === 0) return { sources: all, ids: null };
  const origins = new Set(all.map(({ name }) => name));
  const strangers = names.filter((name) => {
    const [origin = '', ...rest] = name.split('/');
    return !origins.has(origin) || !(rest.length === 0 || isPlace(rest));
  });
  if (strangers.length > 0) {
    throw new TurnstreamError(
      'CONFIGURATION',
      `${strangers.join(', ')} is no letter and has none; give ids as \`turnstream dead-letters list\` prints them ` +
        `(steps_by_type_day/3/1042), or names: ${[...origins].join(', ')}.`,
    );
  }
  const whole = names.filter((name) => !name.includes('/'));
  const ids = names.filter((name) => name.includes('/'));
  if (whole.length > 0 && ids.length > 0) {
    throw new TurnstreamError('CONFIGURATION', 'Give ids of letters, or names, but not both.');
  }
  const sources = all.filter(({ name, origin }) =>
    whole.length > 0
      ? whole.includes(name)
      : ids.some((id) => id.startsWith(`${name}/${origin.partition}/`)),
  );
  return { sources, ids: whole.length > 0 ? null : new Set(ids) };
}

function isPlace(rest: readonly string[]): boolean {
  return rest.length === 2 && rest.every((part) => /^\d{1,15}$/.test(part));
}
