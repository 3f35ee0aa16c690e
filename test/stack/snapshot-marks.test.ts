/**
 * How Debezium tells of a snapshot: around its rows by notifications, which are all that there is of
 * one that finds no row. Where the first table is empty no row has the first mark: then the sequencer
 * knows one snapshot from another by the LSN that all its rows share.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { brief, CaptureSandbox, rowsOf } from './support/capture-sandbox.ts';

const sandbox = new CaptureSandbox();
const empty = new CaptureSandbox();

beforeAll(async () => {
  await sandbox.createSchema();
  await sandbox.pool.query(`
    INSERT INTO agent_turns (uid, session_uid) VALUES ('a', 's');
    INSERT INTO steps SELECT 'a', n, 1, '{}', now() FROM generate_series(0, 2) n`);
  await empty.createSchema();
  for (const each of [sandbox, empty]) {
    await each.connect();
    await each.read();
    await each.until(() => each.records.some(({ kind }) => kind === 'heartbeat'));
  }
});

afterAll(async () => {
  await sandbox.drop();
  await empty.drop();
});

/** Without what is of no consequence: notifications of single tables. */
const told = ({ records }: CaptureSandbox) =>
  records.filter(({ kind }) => kind !== 'irrelevant' && kind !== 'heartbeat').map(brief);

it('no row is marked first when the first table is empty, and all rows have one LSN', async () => {
  const rows = rowsOf(sandbox.records);
  expect(rows.map(({ snapshot }) => snapshot)).toEqual(['inside', 'inside', 'inside', 'last']);
  expect(new Set(rows.map(({ origin }) => origin.lsn)).size).toBe(1);
});

it('its beginning and its end are told, before the first row and after the last', () => {
  expect(told(sandbox)).toEqual([
    'snapshot-begin',
    'read agent_turns a',
    'read steps a/0',
    'read steps a/1',
    'read steps a/2',
    'snapshot-end',
  ]);
});

it('of four empty tables its beginning and its end are told', () => {
  expect(told(empty)).toEqual(['snapshot-begin', 'snapshot-end']);
});
