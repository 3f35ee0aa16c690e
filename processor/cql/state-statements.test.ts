import { expect, test } from 'vitest';
import type { StateRow } from '../sequencer/state-store.ts';
import type { Position } from '../source/position.ts';
import { stateRowOf, stateStatements } from './state-statements.ts';
import { bigintValue, booleanValue, intValue, textValue } from './values.ts';

const statements = stateStatements('app');
const at = 9 as Position;
const row: StateRow = {
  kind: 'step',
  uid: 't',
  idx: 2,
  other: '',
  lsn: 7,
  seen: 8,
  present: true,
  body: '{}',
  text: 'x',
  expires: false,
};
const inline = { inline: 'x', position: 0, chunks: 0 };
const key = [textValue('s:a'), textValue('step'), textValue('t'), intValue(2), textValue('')];
const written = [
  ...key,
  bigintValue(7),
  bigintValue(8),
  booleanValue(true),
  booleanValue(false),
  textValue('{}'),
  textValue('x'),
  bigintValue(0),
  intValue(0),
];
const insert =
  'INSERT INTO "app"."conversation_state" ("container", "kind", "uid", "idx", "other", "lsn", "seen", "present", "expires", "body", "text", "text_position", "text_chunks") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?';
const read =
  'SELECT "kind", "uid", "idx", "other", "lsn", "seen", "present", "expires", "body", "text", "text_position", "text_chunks", "position" FROM "app"."conversation_state" WHERE';

test('a row is written under the position of its segment', () => {
  expect(statements.upsertRow('s:a', row, inline, at)).toEqual({
    query: insert,
    params: [...written, bigintValue(9)],
  });
});

test('a row that expires has a time to live besides', () => {
  expect(statements.upsertExpiringRow('s:a', row, inline, at, 864_000)).toEqual({
    query: `${insert} AND TTL ?`,
    params: [...written, bigintValue(9), intValue(864_000)],
  });
});

test('position and tail of a container are static columns, written under the position', () => {
  expect(statements.setPosition('s:a', at, '[[9,[]]]')).toEqual({
    query:
      'UPDATE "app"."conversation_state" USING TIMESTAMP ? SET "position" = ?, "tail" = ? WHERE "container" = ?',
    params: [bigintValue(9), bigintValue(9), textValue('[[9,[]]]'), textValue('s:a')],
  });
  expect(statements.selectPosition('s:a')).toEqual({
    query:
      'SELECT DISTINCT "container", "position", "tail" FROM "app"."conversation_state" WHERE "container" = ?',
    params: [textValue('s:a')],
  });
});

test('rows are read by keys, by kind, by uid, and from an index on in both directions', () => {
  const { selectRows, selectKind, selectUid, selectStepsBefore, selectStepsAfter } = statements;
  expect(selectRows('s:a', [row, { ...row, idx: 3 }])).toEqual({
    query: `${read} "container" = ? AND ("kind", "uid", "idx", "other") IN ((?, ?, ?, ?), (?, ?, ?, ?))`,
    params: [...key, textValue('step'), textValue('t'), intValue(3), textValue('')],
  });
  expect(statements.selectWritten('s:a', [row])).toEqual({
    query: `${read.replace(' FROM', ', WRITETIME("body") AS "written" FROM')} "container" = ? AND ("kind", "uid", "idx", "other") IN ((?, ?, ?, ?))`,
    params: key,
  });
  expect(selectKind('s:a', 'step').query).toBe(`${read} "container" = ? AND "kind" = ?`);
  const ofTurn = `${read} "container" = ? AND "kind" = ? AND "uid" = ?`;
  expect(selectUid('s:a', 'step', 't')).toEqual({ query: ofTurn, params: key.slice(0, 3) });
  expect(selectStepsBefore('s:a', 't', 2)).toEqual({
    query: `${ofTurn} AND "idx" < ? ORDER BY "kind" DESC, "uid" DESC, "idx" DESC, "other" DESC`,
    params: key.slice(0, 4),
  });
  expect(selectStepsAfter('s:a', 't', 2)).toEqual({
    query: `${ofTurn} AND "idx" > ?`,
    params: key.slice(0, 4),
  });
});

test('chunks of a text are kept, read and removed by the position that brought them', () => {
  const chunk = Buffer.from('bytes');
  const where = '"container" = ? AND "kind" = ? AND "uid" = ? AND "idx" = ? AND "other" = ?';
  expect(statements.upsertChunk('s:a', row, 1, chunk, at)).toEqual({
    query:
      'INSERT INTO "app"."conversation_content" ("container", "kind", "uid", "idx", "other", "position", "chunk", "content") VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?',
    params: [...key, bigintValue(9), intValue(1), chunk, bigintValue(9)],
  });
  expect(statements.selectChunks('s:a', row, 9)).toEqual({
    query: `SELECT "chunk", "content" FROM "app"."conversation_content" WHERE ${where} AND "position" = ?`,
    params: [...key, bigintValue(9)],
  });
  expect(statements.removeChunks('s:a', row, at)).toEqual({
    query: `DELETE FROM "app"."conversation_content" USING TIMESTAMP ? WHERE ${where} AND "position" < ?`,
    params: [bigintValue(9), ...key, bigintValue(9)],
  });
});

test('hints are added and removed under their position', () => {
  const hint = { role: 'agent', uid: 't', sessionUid: 's', position: 9 } as const;
  const names = [textValue('agent'), textValue('t'), textValue('s')];
  expect(statements.addHint(hint)).toEqual({
    query:
      'INSERT INTO "app"."turn_sessions" ("role", "turn_uid", "session_uid") VALUES (?, ?, ?) USING TIMESTAMP ?',
    params: [...names, bigintValue(9)],
  });
  expect(statements.removeHint(hint)).toEqual({
    query:
      'DELETE FROM "app"."turn_sessions" USING TIMESTAMP ? WHERE "role" = ? AND "turn_uid" = ? AND "session_uid" = ?',
    params: [bigintValue(9), ...names],
  });
  expect(statements.selectHints(hint)).toEqual({
    query: 'SELECT "session_uid" FROM "app"."turn_sessions" WHERE "role" = ? AND "turn_uid" = ?',
    params: names.slice(0, 2),
  });
});

test('a decoded row has its text when that is inline, and says where it is otherwise', () => {
  const decoded = {
    ...row,
    lsn: 7n,
    seen: 8n,
    text: 'x',
    text_position: 0n,
    text_chunks: 0,
  };
  expect(stateRowOf(decoded)).toEqual({ row, text: inline });
  const apart = stateRowOf({ ...decoded, text: '', text_position: 9n, text_chunks: 3 });
  expect(apart).toEqual({
    row: { ...row, text: null },
    text: { inline: '', position: 9, chunks: 3 },
  });
  expect(stateRowOf({ ...decoded, text: '', text_chunks: -1 }).row.text).toBeNull();
});
