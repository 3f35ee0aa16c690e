/**
 * A logger that says what repeats itself once in a while: a broker that is away for minutes makes
 * the same complaint many times a second. What is left out is counted, and the next line that is
 * written says how much it was; nothing is left out for longer than the interval.
 */
import type { Logger } from '../logger.ts';

type Fields = Parameters<Logger['info']>[0];
type Level = 'debug' | 'info' | 'warn' | 'error';

export type Sparing = {
  /** The same line is written at most so often. */
  readonly repeatMsMin: number;
  readonly nowMs: () => number;
  /** Whether the line is one that may repeat itself; others are always written. */
  readonly repeats: (fields: Fields) => boolean;
};

type Said = { readonly atMs: number; leftOut: number };

/** Kinds of lines that are remembered; beyond, the one that was said first is forgotten. */
const kindsMax = 200;

export function sparingLogger(logger: Logger, sparing: Sparing): Logger {
  const said = new Map<string, Said>();
  return wrapped(logger, (level, fields, message) => {
    if (!sparing.repeats(fields)) return { leftOut: 0 };
    const kind = kindOf(level, fields, message);
    const nowMs = sparing.nowMs();
    const before = said.get(kind);
    if (before !== undefined && nowMs - before.atMs < sparing.repeatMsMin) {
      before.leftOut += 1;
      return null;
    }
    said.delete(kind);
    said.set(kind, { atMs: nowMs, leftOut: 0 });
    for (const oldest of said.keys()) {
      if (said.size <= kindsMax) break;
      said.delete(oldest);
    }
    return { leftOut: before?.leftOut ?? 0 };
  });
}

/** A line that tells of one of many tries. */
export function tellsOfAnotherTry(fields: Fields): boolean {
  return 'attempt' in fields;
}

type Decide = (
  level: Level,
  fields: Fields,
  message: string,
) => { readonly leftOut: number } | null;

function wrapped(logger: Logger, decide: Decide): Logger {
  const at =
    (level: Level) =>
    (fields: Fields, message: string): void => {
      const decision = decide(level, fields, message);
      if (decision === null) return;
      const { leftOut } = decision;
      logger[level](leftOut === 0 ? fields : { ...fields, leftOut }, message);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrapped(logger.child(fields), decide),
  };
}

/** Numbers differ from try to try: rows, offsets, pauses. */
function kindOf(level: Level, fields: Fields, message: string): string {
  const { operation, projection, error, err } = fields;
  const reason = err instanceof Error ? err.message : error;
  const parts = [level, operation, projection, message, reason].map((part) => String(part ?? ''));
  return parts.join('|').replace(/\d+/g, '#');
}
