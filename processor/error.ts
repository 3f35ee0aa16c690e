/**
 * The one error family. A message says what happened, to what (projection, partition, position),
 * and what to do. `retriable` tells a caller whether the same call may succeed later without
 * anybody doing anything; `code` is for programs, the message for people.
 */

export const errorCodes = [
  'CONFIGURATION',
  'PREFLIGHT',
  'CONNECT',
  'REGISTRY',
  'LOG',
  'FENCED',
  'STATE_MOVED',
  'STORE',
  'SCHEMA',
  'DECODE',
  'PROJECTION',
  'GENERATION',
  'PARTITION_COUNT',
  'LIMIT',
  'VERIFY',
  'STALLED',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export class TurnstreamError extends Error {
  readonly code: ErrorCode;
  readonly retriable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly retriable?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'TurnstreamError';
    this.code = code;
    this.retriable = options.retriable ?? false;
  }
}

/** The text of anything that was thrown, without its stack. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** For switches that must be exhaustive: reaching it is a programmer's error. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
