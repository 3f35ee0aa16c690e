/** What `turnstream wait` and `turnstream check-flow` ask for and say, without servers. */
import { expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import { flowConversation } from '../verify/flow.ts';
import { deletesOf, flowText, insertsOf, withoutAbsent } from './check-flow.ts';
import { waitables, waitedFor } from './wait.ts';

test('nothing named waits for every server and the control tables', () => {
  expect(waitedFor([]).map(({ what }) => what)).toEqual([...waitables]);
});

test('servers and projections can be waited for, in the order given', () => {
  const names = ['schema', projections[0]?.name ?? ''];
  expect(waitedFor(names).map(({ what }) => what)).toEqual(names);
});

test('an unknown name is answered with the known ones', () => {
  expect(() => waitedFor(['kafak'])).toThrow(/kafak can't be waited for; there are: postgres, /);
});

test('columns that a customer does not have are not expected in the read models', () => {
  const rows = flowConversation((part) => part, 1);
  const kept = { sessions: [], human_turns: [], steps: [] };
  const without = withoutAbsent(rows, { ...kept, agent_turns: ['uid', 'session_uid'] });
  expect(without.agentTurns.map(({ parentUid, createdAt }) => [parentUid, createdAt])).toEqual([
    [null, null],
    [null, null],
  ]);
  const all = ['uid', 'session_uid', 'parent_uid', 'active_child', 'created_at'];
  expect(withoutAbsent(rows, { ...kept, agent_turns: all })).toEqual(rows);
});

test('what is written and deleted goes by the names that the tables have in Postgres', () => {
  const rows = flowConversation((part) => part, 1);
  const names = { sessions: 'Chats', human_turns: 'h', agent_turns: 'sessions', steps: 'parts' };
  const columns = {
    sessions: ['uid', 'account_uid', 'title'],
    human_turns: ['uid', 'session_uid'],
    agent_turns: ['uid'],
    steps: ['agent_turn_uid', 'idx'],
  };
  const inserts = new Set(insertsOf(rows, columns, names).map(([text]) => text));
  expect([...inserts]).toEqual([
    'INSERT INTO "Chats" (uid, account_uid, title) VALUES ($1, $2, $3)',
    'INSERT INTO "h" (uid, session_uid) VALUES ($1, $2)',
    'INSERT INTO "sessions" (uid) VALUES ($1)',
    'INSERT INTO "parts" (agent_turn_uid, idx) VALUES ($1, $2)',
  ]);
  expect(deletesOf(rows, names).map(([text]) => text.split(' WHERE')[0])).toEqual([
    'DELETE FROM "parts"',
    'DELETE FROM "sessions"',
    'DELETE FROM "h"',
    'DELETE FROM "Chats"',
  ]);
});

test('a check of the flow says what it saw', () => {
  const results = [{ projection: 'turns_by_account', rows: 4, readableMs: 51.4, goneMs: 48 }];
  expect(flowText('turnstream-check-1', results)).toBe(
    'Session turnstream-check-1 was written to Postgres, read, deleted, and is gone:\n  turns_by_account: 4 rows as they should be after 51 ms, none 48 ms after the deletion',
  );
});
