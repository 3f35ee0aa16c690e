/**
 * The record by which somebody asks, in `changes`, for a dead letter of a projection to be tried again
 * (DESIGN 3.5): its place in the one log is the retry's position. It carries the original record of
 * `events`, so that nobody has to look for it: a line of JSON, a newline, then the bytes as they are.
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
};

/** JSON.stringify keeps the order of the members, so our own records begin like this. */
const opening = Buffer.from('{"kind":"retry",');
const newline = 0x0a;

export function isRetry(value: Buffer): boolean {
  return value.subarray(0, opening.length).equals(opening);
}

export function encodeRetry({ value, ...letter }: LetterRetry): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ kind: 'retry', ...letter })}\n`), value]);
}

/** Throws DECODE for a value that encodeRetry did not make. */
export function decodeRetry(value: Buffer): LetterRetry {
  const end = value.indexOf(newline);
  const letter = end < 0 ? undefined : parsed(value.toString('utf8', 0, end));
  if (!isLetter(letter)) {
    throw new TurnstreamError('DECODE', 'A record that asks for a retry does not name its letter.');
  }
  const { projection, version, generation, partition, offset, requestedAt } = letter;
  const bytes = value.subarray(end + 1);
  return { projection, version, generation, partition, offset, requestedAt, value: bytes };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const numbers = ['version', 'generation', 'partition', 'offset', 'requestedAt'] as const;

function isLetter(value: unknown): value is Omit<LetterRetry, 'value'> {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Readonly<Record<string, unknown>>;
  return (
    typeof members['projection'] === 'string' &&
    numbers.every((name) => Number.isFinite(members[name]))
  );
}
