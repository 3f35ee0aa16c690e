/** How people name a dead letter: `<origin>/<partition>/<offset>`, as `dead-letters list` prints it. Pure. */
import {
  type LetterOrigin,
  letterOriginOf,
  type StoredLetter,
  sequencerOrigin,
} from '../engine/dead-letter-store.ts';
import { TurnstreamError } from '../error.ts';
import type { Projection } from '../projection/projection.ts';
import { firstGeneration } from './select-projections.ts';

/** Where letters may be: `projection` is null for the sequencer. */
export type LetterSource = {
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
  { origin }: LetterSource,
  { offset }: Pick<StoredLetter, 'offset'>,
): string {
  return `${origin.origin}/${origin.partition}/${offset}`;
}

export function sourcesOf(
  projections: readonly Projection[],
  partitions: number,
): readonly LetterSource[] {
  const ofProjections = projections.flatMap((projection) =>
    Array.from({ length: partitions }, (_, partition) => ({
      origin: letterOriginOf({ shape: projection.shape, generation: firstGeneration }, partition),
      projection,
    })),
  );
  return [{ origin: sequencerOrigin, projection: null }, ...ofProjections];
}

/** Each name is an origin's or a letter's; none: all. Throws CONFIGURATION for what is neither. */
export function chosen(names: readonly string[], all: readonly LetterSource[]): LetterChoice {
  if (names.length === 0) return { sources: all, ids: null };
  const origins = new Set(all.map(({ origin }) => origin.origin));
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
  const sources = all.filter(({ origin }) =>
    whole.length > 0
      ? whole.includes(origin.origin)
      : ids.some((id) => id.startsWith(`${origin.origin}/${origin.partition}/`)),
  );
  return { sources, ids: whole.length > 0 ? null : new Set(ids) };
}

function isPlace(rest: readonly string[]): boolean {
  return rest.length === 2 && rest.every((part) => /^\d{1,15}$/.test(part));
}
