/**
 * How Debezium marks a snapshot whose first table is empty: the sequencer must know its beginning
 * without a first mark, and one snapshot from another, by the LSN that all its rows share.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CaptureSandbox, rowsOf } from './capture-sandbox.ts';

const sandbox = new CaptureSandbox();

beforeAll(async () => {
  await sandbox.createSchema();
  await sandbox.pool.query(`
    INSERT INTO agent_turns (uid, session_uid) VALUES ('a', 's');
    INSERT INTO steps SELECT 'a', n, 1, '{}', now() FROM generate_series(0, 2) n`);
  await sandbox.connect();
  await sandbox.read();
});

afterAll(() => sandbox.drop());

it('no row is marked first when the first table is empty, and all rows have one LSN', async () => {
  await sandbox.until(() => sandbox.records.some(({ kind }) => kind === 'heartbeat'));
  const rows = rowsOf(sandbox.records);
  expect(rows.map(({ snapshot }) => snapshot)).toEqual(['inside', 'inside', 'inside', 'last']);
  expect(new Set(rows.map(({ origin }) => origin.lsn)).size).toBe(1);
});
