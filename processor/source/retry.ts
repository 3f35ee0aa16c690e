/**
 * The record by which somebody asks, in `changes`, for a dead letter of a projection to be tried again
 * (DESIGN 3.5), or for any letter to be discarded: its place in the one log is the position of that. A
 * retry carries the original record of `events`, so that nobody has to look for it: a line of JSON, a
 * newline, then the bytes as they are. Of a letter that is discarded nothing is needed.
 */
import { TurnstreamError } from '../error.ts';

export type LetterRetry = {
  readonly projection: string;
  readonly version: number;
  readonly generation: number;
  /** Of `events`, and the offset there of the record that was set aside. */
  readonly partition: number;
  readonly offset: number;
  /** By the clock of whoever asked; milliseconds. */
  readonly requestedAt: number;
  readonly value: Buffer;
  /** It is not to be tried any more. */
  readonly discard: boolean;
};

/** JSON.stringify keeps the order of the members, so our own records begin like this. */
const openings = [Buffer.from('{"kind":"retry",'), Buffer.from('{"kind":"discard",')];
const newline = 0x0a;

export function isRetry(value: Buffer): boolean {
  return openings.some((opening) => value.subarray(0, opening.length).equals(opening));
}

/** A kind of its own: a release that does not know it sets a discard aside, and takes it for no retry. */
export function encodeRetry({ value, discard, ...letter }: LetterRetry): Buffer {
  const kind = discard ? 'discard' : 'retry';
  return Buffer.concat([Buffer.from(`${JSON.stringify({ kind, ...letter })}\n`), value]);
}

/** Throws DECODE for a value that encodeRetry did not make. */
export function decodeRetry(value: Buffer): LetterRetry {
  const end = value.indexOf(newline);
  const letter = end < 0 ? undefined : parsed(value.toString('utf8', 0, end));
  if (!isLetter(letter)) {
    throw new TurnstreamError(
      'DECODE',
      'A record that asks for a retry or a discard does not name its letter.',
    );
  }
  const { kind, projection, version, generation, partition, offset, requestedAt } = letter;
  const named = { projection, version, generation, partition, offset, requestedAt };
  return { ...named, value: value.subarray(end + 1), discard: kind === 'discard' };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const numbers = ['version', 'generation', 'partition', 'offset', 'requestedAt'] as const;

type Named = Omit<LetterRetry, 'value' | 'discard'> & { readonly kind: unknown };

function isLetter(value: unknown): value is Named {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Readonly<Record<string, unknown>>;
  return (
    typeof members['projection'] === 'string' &&
    numbers.every((name) => Number.isFinite(members[name]))
  );
}
