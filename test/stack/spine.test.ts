/** What must be true of the whole on the real stack: every kind of change arrives, exactly. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import { Spine } from './support/spine.ts';

const spine = new Spine();
const endAtMs = Date.parse('2026-03-05T12:00:00Z');

beforeAll(async () => {
  // Rows that are there before capture starts: the snapshot reads them.
  await spine.prepare(async (pool) => {
    await createTables(pool);
    await generate(pool, { seed: 3, sessions: 40, endAtMs });
  });
  spine.startBoth();
});

afterAll(() => spine.drop());

test('rows that a snapshot reads are in the read models, key by key', async () => {
  expect(await spine.judged()).toBeNull();
}, 120_000);

const statements: readonly (readonly [string, readonly string[]])[] = [
  [
    'a conversation, steps before their turn, turns before their session',
    [
      `INSERT INTO steps VALUES ('a1', 0, 0, '{"text":"hm"}', '2026-03-01 10:00:02.000500Z'),
                                ('a1', 1, 1, '{"text":"hello 👋"}', '2026-03-01 10:00:03Z')`,
      `INSERT INTO agent_turns VALUES ('a1', 's1', 'h1', NULL, '2026-03-01 10:00:01Z')`,
      `INSERT INTO human_turns VALUES ('h1', 's1', NULL, 'a1', 'hi', '2026-03-01 10:00:00Z')`,
      `INSERT INTO sessions VALUES ('s1', 'acc1', 'first')`,
      `INSERT INTO human_turns VALUES ('h2', 's1', 'a1', NULL, 'more', '2026-03-01 10:01:00Z')`,
      `INSERT INTO agent_turns VALUES ('a2', 's1', 'h2', NULL, '2026-03-01 10:01:01Z')`,
      `INSERT INTO steps SELECT 'a2', i, i % 4, '{}', timestamptz '2026-03-01 10:01:02Z' + i * interval '1 s' FROM generate_series(0, 9) i`,
      `INSERT INTO sessions VALUES ('s2', 'acc2', NULL)`,
    ],
  ],
  [
    'UPDATE of every column of every table',
    [
      `UPDATE sessions SET title = 'renamed' WHERE uid = 's1'`,
      `UPDATE human_turns SET prompt = 'hi there' WHERE uid = 'h1'`,
      `UPDATE human_turns SET active_child = NULL WHERE uid = 'h1'`,
      `UPDATE human_turns SET created_at = '2026-02-28 23:59:59.999Z' WHERE uid = 'h1'`,
      `UPDATE human_turns SET parent_uid = NULL WHERE uid = 'h2'`,
      `UPDATE human_turns SET parent_uid = 'a1' WHERE uid = 'h2'`,
      `UPDATE agent_turns SET created_at = '2026-03-01 10:00:01.5Z', active_child = 'h2' WHERE uid = 'a1'`,
      `UPDATE agent_turns SET parent_uid = 'h1' WHERE uid = 'a2'`,
      `UPDATE steps SET content = repeat('long ', 4000) WHERE agent_turn_uid = 'a2' AND idx = 3`,
      `UPDATE steps SET tpe = 99 WHERE agent_turn_uid = 'a2' AND idx = 3`,
      `UPDATE steps SET created_at = '2026-03-02 00:00:00Z' WHERE agent_turn_uid = 'a2' AND idx = 9`,
      `UPDATE steps SET tpe = NULL WHERE agent_turn_uid = 'a2' AND idx = 5`,
      `UPDATE steps SET content = NULL, created_at = NULL WHERE agent_turn_uid = 'a2' AND idx = 6`,
      `UPDATE steps SET content = 'not json' WHERE agent_turn_uid = 'a2' AND idx = 7`,
    ],
  ],
  [
    'a session to another account and back, a turn to another session',
    [
      `UPDATE sessions SET account_uid = 'acc9' WHERE uid = 's1'`,
      `BEGIN; UPDATE sessions SET account_uid = 'acc8' WHERE uid = 's1'; UPDATE sessions SET account_uid = 'acc7' WHERE uid = 's1'; COMMIT`,
      `UPDATE agent_turns SET session_uid = 's2' WHERE uid = 'a2'`,
      `UPDATE human_turns SET session_uid = 's2' WHERE uid = 'h2'`,
      `UPDATE agent_turns SET session_uid = NULL WHERE uid = 'a2'`,
      `UPDATE agent_turns SET session_uid = 's1' WHERE uid = 'a2'`,
    ],
  ],
  [
    'a step’s type, index, turn and time; keys of turns and sessions',
    [
      `UPDATE steps SET idx = 50 WHERE agent_turn_uid = 'a2' AND idx = 0`,
      `UPDATE steps SET agent_turn_uid = 'a1', idx = 7 WHERE agent_turn_uid = 'a2' AND idx = 3`,
      `UPDATE steps SET agent_turn_uid = 'nowhere' WHERE agent_turn_uid = 'a2' AND idx = 4`,
      `UPDATE agent_turns SET uid = 'a3' WHERE uid = 'a2'`,
      `UPDATE steps SET agent_turn_uid = 'a3' WHERE agent_turn_uid = 'a2'`,
      `UPDATE sessions SET uid = 's3' WHERE uid = 's1'`,
      `UPDATE human_turns SET session_uid = 's3' WHERE session_uid = 's1'`,
      `UPDATE agent_turns SET session_uid = 's3' WHERE session_uid = 's1'`,
    ],
  ],
  [
    'rolled back work and savepoints',
    [
      `BEGIN; INSERT INTO steps VALUES ('a1', 20, 1, 'x', now()); ROLLBACK`,
      `BEGIN; INSERT INTO steps VALUES ('a1', 21, 1, 'x', '2026-03-01Z'); SAVEPOINT p;
       INSERT INTO steps VALUES ('a1', 22, 1, 'x', '2026-03-01Z'); ROLLBACK TO p;
       INSERT INTO steps VALUES ('a1', 23, 1, 'x', '2026-03-01Z'); COMMIT`,
    ],
  ],
  [
    'DELETE of every kind of row, and its return',
    [
      `DELETE FROM steps WHERE agent_turn_uid = 'a1' AND idx = 0`,
      `DELETE FROM agent_turns WHERE uid = 'a1'`,
      `DELETE FROM human_turns WHERE uid = 'h1'`,
      `DELETE FROM sessions WHERE uid = 's3'`,
      `INSERT INTO agent_turns VALUES ('a1', 's2', 'h2', NULL, '2026-03-03Z')`,
      `INSERT INTO sessions VALUES ('s3', 'acc3', 'again')`,
      `DELETE FROM steps WHERE agent_turn_uid = 'a3'`,
      `DELETE FROM steps; DELETE FROM human_turns; DELETE FROM agent_turns; DELETE FROM sessions`,
    ],
  ],
];

test.each(statements)(
  '%s',
  async (_, group) => {
    for (const statement of group) {
      await spine.pool.query(statement);
      expect(await spine.judged(), statement).toBeNull();
    }
  },
  120_000,
);

test('after 20,000 mixed changes the read models equal SQL over Postgres, key by key', async () => {
  const startedAt = performance.now();
  const summary = await generate(spine.pool, {
    seed: 7,
    sessions: 80,
    endAtMs,
    mixedChanges: 20_000,
  });
  expect(summary.changes).toBeGreaterThan(20_000);
  const generatedAt = performance.now();
  expect(await spine.judged()).toBeNull();
  const seconds = (from: number, to: number) => ((to - from) / 1000).toFixed(1);
  console.log(
    `${summary.changes} changes made in ${seconds(startedAt, generatedAt)} s, equal after ${seconds(generatedAt, performance.now())} s`,
  );
}, 400_000);

test('TRUNCATE is a delete of all its rows, and rows come in again after it', async () => {
  await spine.pool.query('TRUNCATE steps');
  await spine.pool.query(
    `INSERT INTO steps SELECT uid, 0, 1, 'after', '2026-03-04Z' FROM agent_turns LIMIT 10`,
  );
  expect(await spine.judged()).toBeNull();
  await spine.pool.query('TRUNCATE sessions, human_turns, agent_turns, steps');
  expect(await spine.judged()).toBeNull();
}, 400_000);
