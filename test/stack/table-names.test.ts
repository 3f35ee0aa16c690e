/** The four tables under names of the customer's: through capture, sequencer, workers, check-flow and verification. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tables } from './support/capture-sandbox.ts';
import { Spine } from './support/spine.ts';

// One name is that of another of our tables, one has capitals.
const spine = new Spine({
  TURNSTREAM_POSTGRES_SESSIONS_TABLE: 'Chats',
  TURNSTREAM_POSTGRES_HUMAN_TURNS_TABLE: 'questions',
  TURNSTREAM_POSTGRES_AGENT_TURNS_TABLE: 'sessions',
  TURNSTREAM_POSTGRES_STEPS_TABLE: 'answer_parts',
});

beforeAll(() =>
  spine.prepare(async (pool) => {
    await pool.query(`${tables}
      ALTER TABLE sessions RENAME TO "Chats";
      ALTER TABLE human_turns RENAME TO questions;
      ALTER TABLE agent_turns RENAME TO sessions;
      ALTER TABLE steps RENAME TO answer_parts;
      INSERT INTO "Chats" VALUES ('old', 'a', 'Before capture');
      INSERT INTO questions VALUES ('old-h', 'old', NULL, 'old-a', 'A question', now());
      INSERT INTO sessions VALUES ('old-a', 'old', 'old-h', NULL, now());
      INSERT INTO answer_parts SELECT 'old-a', n, 1, '{}', now() FROM generate_series(0, 2) AS n`);
  }),
);
afterAll(() => spine.drop());

test('a conversation comes to every read model and goes again', async () => {
  spine.startBoth();
  await spine.caughtUp();
  const said = await spine.command('check-flow', '--timeout', '60');
  expect(said).toMatch(/rows as they should be after/);
});

test('rows of the snapshot, changes, a changed key and TRUNCATE all arrive', async () => {
  await spine.pool.query(`
    INSERT INTO questions VALUES ('new-h', 'old', 'old-a', NULL, 'Another', now());
    UPDATE "Chats" SET account_uid = 'b' WHERE uid = 'old';
    UPDATE sessions SET uid = 'new-a', session_uid = 'old' WHERE uid = 'old-a';
    DELETE FROM questions WHERE uid = 'new-h'`);
  await spine.caughtUp();
  expect(await spine.command('verify')).toContain('equal');
  await spine.pool.query('TRUNCATE answer_parts');
  await spine.caughtUp();
  expect(await spine.command('verify')).toContain('equal');
});
