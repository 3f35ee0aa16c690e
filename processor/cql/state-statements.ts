/**
 * The statements of the sequencer's state (state-store.ts): all writes carry a position, the
 * segment's or the hint's. A row's text is in the row while it is small, otherwise in chunks of
 * `conversation_content`, under the position of the write that brought it, so that two texts of one
 * row never mix. Columns hold no null, which would be a tombstone in every row. Pure.
 */
import type { Hint, StateKey, StateRow, StateRowKind, TurnId } from '../sequencer/state-store.ts';
import type { Position } from '../source/position.ts';
import { among, controlTables, listed, marks, matching, qualified, quoted } from './names.ts';
import type { Statement } from './statements.ts';
import { bigintValue, booleanValue, intValue, textValue } from './values.ts';

/** Where a row's text is. `chunks`: -1 for a null text, 0 for an inline one. */
export type StoredText = {
  readonly inline: string;
  readonly position: number;
  readonly chunks: number;
};

export type StateStatements = ReturnType<typeof stateStatements>;

const keyColumns = ['container', 'kind', 'uid', 'idx', 'other'];
const plainColumns = ['lsn', 'seen', 'present', 'expires', 'body'];
const textColumns = ['text', 'text_position', 'text_chunks'];

export function stateStatements(keyspace: string) {
  return {
    ...writesOfState(qualified(keyspace, controlTables.state)),
    ...readsOfState(qualified(keyspace, controlTables.state)),
    ...ofContent(qualified(keyspace, controlTables.content)),
    ...ofHints(qualified(keyspace, controlTables.hints)),
  };
}

function writesOfState(table: string) {
  const columns = [...keyColumns, ...plainColumns, ...textColumns];
  const insert = `INSERT INTO ${table} (${listed(columns)}) VALUES (${marks(columns.length)}) USING TIMESTAMP ?`;
  return {
    upsertRow: (
      container: string,
      row: StateRow,
      text: StoredText,
      position: Position,
    ): Statement => ({
      query: insert,
      params: [...rowParams(container, row, text), bigintValue(position)],
    }),
    upsertExpiringRow: (
      container: string,
      row: StateRow,
      text: StoredText,
      position: Position,
      ttlSeconds: number,
    ): Statement => ({
      query: `${insert} AND TTL ?`,
      params: [...rowParams(container, row, text), bigintValue(position), intValue(ttlSeconds)],
    }),
    /** `tail`: the rows that are in the same batch (state-tail.ts). */
    setPosition: (container: string, position: Position, tail: string): Statement => ({
      query: `UPDATE ${table} USING TIMESTAMP ? SET "position" = ?, "tail" = ? WHERE "container" = ?`,
      params: [bigintValue(position), bigintValue(position), textValue(tail), textValue(container)],
    }),
  };
}

function readsOfState(table: string) {
  const read = listed([...keyColumns.slice(1), ...plainColumns, ...textColumns, 'position']);
  const steps = `SELECT ${read} FROM ${table} WHERE ${matching(['container', 'kind', 'uid'])}`;
  const backwards = ['kind', 'uid', 'idx', 'other'].map((name) => `${quoted(name)} DESC`);
  return {
    selectPosition: (container: string): Statement => ({
      query: `SELECT DISTINCT "container", "position", "tail" FROM ${table} WHERE "container" = ?`,
      params: [textValue(container)],
    }),
    /** Whole rows with their write time, `written`: a read repairs only the columns that it names. */
    selectWritten: (container: string, keys: readonly StateKey[]): Statement => ({
      query: `SELECT ${read}, WRITETIME("body") AS "written" FROM ${table} WHERE "container" = ? AND ${among(keyColumns.slice(1), keys.length)}`,
      params: [textValue(container), ...keys.flatMap((key) => keyParams(container, key).slice(1))],
    }),
    selectRows: (container: string, keys: readonly StateKey[]): Statement => ({
      query: `SELECT ${read} FROM ${table} WHERE "container" = ? AND ${among(keyColumns.slice(1), keys.length)}`,
      params: [textValue(container), ...keys.flatMap((key) => keyParams(container, key).slice(1))],
    }),
    selectKind: (container: string, kind: StateRowKind): Statement => ({
      query: `SELECT ${read} FROM ${table} WHERE ${matching(['container', 'kind'])}`,
      params: [textValue(container), textValue(kind)],
    }),
    selectUid: (container: string, kind: StateRowKind, uid: string): Statement => ({
      query: steps,
      params: [textValue(container), textValue(kind), textValue(uid)],
    }),
    selectStepsBefore: (container: string, turnUid: string, idx: number): Statement => ({
      query: `${steps} AND "idx" < ? ORDER BY ${backwards.join(', ')}`,
      params: [textValue(container), textValue('step'), textValue(turnUid), intValue(idx)],
    }),
    selectStepsAfter: (container: string, turnUid: string, idx: number): Statement => ({
      query: `${steps} AND "idx" > ?`,
      params: [textValue(container), textValue('step'), textValue(turnUid), intValue(idx)],
    }),
    /** With the position, though nobody wants it: what a scan repairs of a row must not be ahead of it. */
    scan: (): Statement => ({
      query: `SELECT ${listed([...keyColumns, ...plainColumns, 'position'])}, WRITETIME("body") AS "written" FROM ${table}`,
      params: [],
    }),
  };
}

function ofContent(table: string) {
  const columns = [...keyColumns, 'position', 'chunk', 'content'];
  return {
    upsertChunk: (
      container: string,
      key: StateKey,
      chunk: number,
      bytes: Buffer,
      position: Position,
    ): Statement => ({
      query: `INSERT INTO ${table} (${listed(columns)}) VALUES (${marks(columns.length)}) USING TIMESTAMP ?`,
      params: [
        ...keyParams(container, key),
        bigintValue(position),
        intValue(chunk),
        bytes,
        bigintValue(position),
      ],
    }),
    selectChunks: (container: string, key: StateKey, textPosition: number): Statement => ({
      query: `SELECT "chunk", "content" FROM ${table} WHERE ${matching([...keyColumns, 'position'])}`,
      params: [...keyParams(container, key), bigintValue(textPosition)],
    }),
    /** All texts of the row that are older than the position. */
    removeChunks: (container: string, key: StateKey, position: Position): Statement => ({
      query: `DELETE FROM ${table} USING TIMESTAMP ? WHERE ${matching(keyColumns)} AND "position" < ?`,
      params: [bigintValue(position), ...keyParams(container, key), bigintValue(position)],
    }),
  };
}

function ofHints(table: string) {
  const columns = ['role', 'turn_uid', 'session_uid'];
  return {
    addHint: ({ role, uid, sessionUid, position }: Hint): Statement => ({
      query: `INSERT INTO ${table} (${listed(columns)}) VALUES (?, ?, ?) USING TIMESTAMP ?`,
      params: [...[role, uid, sessionUid].map(textValue), bigintValue(position)],
    }),
    removeHint: ({ role, uid, sessionUid, position }: Hint): Statement => ({
      query: `DELETE FROM ${table} USING TIMESTAMP ? WHERE ${matching(columns)}`,
      params: [bigintValue(position), ...[role, uid, sessionUid].map(textValue)],
    }),
    selectHints: ({ role, uid }: TurnId): Statement => ({
      query: `SELECT "session_uid" FROM ${table} WHERE ${matching(['role', 'turn_uid'])}`,
      params: [role, uid].map(textValue),
    }),
  };
}

function keyParams(container: string, { kind, uid, idx, other }: StateKey): Buffer[] {
  const texts = [container, kind, uid].map(textValue);
  return [...texts, intValue(idx), textValue(other)];
}

function rowParams(container: string, row: StateRow, text: StoredText): Buffer[] {
  return [
    ...keyParams(container, row),
    bigintValue(row.lsn),
    bigintValue(row.seen),
    booleanValue(row.present),
    booleanValue(row.expires),
    textValue(row.body),
    textValue(text.inline),
    bigintValue(text.position),
    intValue(text.chunks),
  ];
}

/** A row as the driver decoded it, without its text unless that is inline, and where the text is. */
export function stateRowOf(decoded: Readonly<Record<string, unknown>>): {
  readonly row: StateRow;
  readonly text: StoredText;
} {
  const text: StoredText = {
    inline: String(decoded['text'] ?? ''),
    position: Number(decoded['text_position'] ?? 0),
    chunks: Number(decoded['text_chunks'] ?? -1),
  };
  const row: StateRow = {
    kind: String(decoded['kind']) as StateRowKind,
    uid: String(decoded['uid']),
    idx: Number(decoded['idx']),
    other: String(decoded['other']),
    lsn: Number(decoded['lsn']),
    seen: Number(decoded['seen']),
    present: decoded['present'] === true,
    expires: decoded['expires'] === true,
    body: String(decoded['body']),
    text: text.chunks === 0 ? text.inline : null,
  };
  return { row, text };
}
