/**
 * The statements of the dead letters' rows (engine/dead-letter-store.ts). Timestamps are positions: of
 * the event that was set aside, and in columns of their own of the retries that it met. No column is
 * ever null: at an equal position a null would win over a value. Pure.
 */
import type {
  Decision,
  LetterOrigin,
  NewLetter,
  StoredLetter,
} from '../engine/dead-letter-store.ts';
import { controlTables, listed, marks, matching, qualified } from './names.ts';
import type { DecodedRow } from './session.ts';
import type { Statement } from './statements.ts';
import { bigintValue, intValue, textValue } from './values.ts';

export type LetterStatements = {
  readonly add: (origin: LetterOrigin, letter: NewLetter) => Statement;
  readonly decide: (origin: LetterOrigin, offset: number, decision: Decision) => Statement;
  readonly read: (origin: LetterOrigin, offset: number) => Statement;
  readonly all: (origin: LetterOrigin) => Statement;
};

const originColumns = ['projection', 'version', 'generation', 'partition'];
const keyColumns = [...originColumns, 'offset'];
const letterColumns = ['position', 'event_type', 'session_uid', 'error', 'at'];
const failedColumns = ['tries', 'tried_at', 'tried_error'];
/** Errors are kept whole in the topic. */
const storedErrorCharsMax = 500;
/** Stands for "none": no position is below 0. */
const none = -1;

export function letterStatements(keyspace: string): LetterStatements {
  const table = qualified(keyspace, controlTables.deadLetters);
  const insert = (columns: readonly string[]) => {
    const all = [...keyColumns, ...columns];
    return `INSERT INTO ${table} (${listed(all)}) VALUES (${marks(all.length)}) USING TIMESTAMP ?`;
  };
  const columns = ['offset', ...letterColumns, ...failedColumns, 'retried_at', 'discarded_at'];
  const select = `SELECT ${listed(columns)} FROM ${table} WHERE `;
  const add = insert(letterColumns);
  const failed = insert(failedColumns);
  const settled = { retried: insert(['retried_at']), discarded: insert(['discarded_at']) };
  const read = select + matching(keyColumns);
  const all = select + matching(originColumns);
  return {
    add: (origin, letter) => ({
      query: add,
      params: [
        ...keyOf(origin),
        bigintValue(letter.offset),
        bigintValue(letter.position ?? none),
        textValue(letter.eventType ?? ''),
        textValue(letter.sessionUid ?? ''),
        textValue(letter.error.slice(0, storedErrorCharsMax)),
        bigintValue(Math.floor(letter.atMs)),
        bigintValue(Math.max(0, letter.position ?? letter.after)),
      ],
    }),
    decide: (origin, offset, decision) => {
      const key = [...keyOf(origin), bigintValue(offset)];
      const position = bigintValue(decision.position);
      if (decision.kind !== 'failed') {
        return { query: settled[decision.kind], params: [...key, position, position] };
      }
      const error = textValue(decision.error.slice(0, storedErrorCharsMax));
      return {
        query: failed,
        params: [...key, intValue(decision.tries), position, error, position],
      };
    },
    read: (origin, offset) => ({ query: read, params: [...keyOf(origin), bigintValue(offset)] }),
    all: (origin) => ({ query: all, params: keyOf(origin) }),
  };
}

/** Null for a row of which only a decision is there: its letter was never acknowledged. */
export function letterOf(row: DecodedRow): StoredLetter | null {
  if (row['at'] === null || row['at'] === undefined) return null;
  const position = Number(row['position']);
  return {
    offset: Number(row['offset']),
    position: position === none ? null : position,
    eventType: textOf(row['event_type']),
    sessionUid: textOf(row['session_uid']),
    error: String(row['error']),
    atMs: Number(row['at']),
    tries: Number(row['tries'] ?? 0),
    triedAt: numberOf(row['tried_at']),
    triedError: textOf(row['tried_error']),
    retriedAt: numberOf(row['retried_at']),
    discardedAt: numberOf(row['discarded_at']),
  };
}

function keyOf({ origin, version, generation, partition }: LetterOrigin): Buffer[] {
  return [textValue(origin), intValue(version), intValue(generation), intValue(partition)];
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined || value === '' ? null : String(value);
}

function numberOf(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
