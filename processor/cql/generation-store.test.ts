import { expect, test } from 'vitest';
import { describeGenerationStoreContract } from '../engine/generations.contract.ts';
import { TurnstreamError } from '../error.ts';
import type { Lsn } from '../source/lsn.ts';
import { DecidingFixture } from './deciding-fixture.ts';
import { generationOf, generationStatements, leaseOf, liveOf } from './generation-statements.ts';
import { CqlGenerationStore } from './generation-store.ts';
import type { Statement } from './statements.ts';
import { bigintValue, intValue, textValue } from './values.ts';

describeGenerationStoreContract('its statements on one node', {
  open: async (nowMs) => new CqlGenerationStore(new DecidingFixture(), 'app', { nowMs }),
  runs: 400,
});

const statements = generationStatements('app');
const id = { projection: 'steps', version: 2, generation: 3 };
const key = [textValue('steps'), intValue(2), intValue(3)];
const at = (ms: number) => bigintValue(ms);
const generation = {
  ...id,
  createdAtMs: 5,
  until: null,
  builtAtMs: null,
  promotedAtMs: null,
  droppedAtMs: null,
};
const live = { projection: 'steps', version: 1, generation: 9, promotedAtMs: 4 };

test('a switch is one write: on the condition of what was live, and of the row it is about', () => {
  const set =
    'UPDATE "app"."generations" SET "live_version" = ?, "live_generation" = ?, "live_table" = ?, "live_promoted_at" = ?, "promoted_at" = ?, "built_at" = ? WHERE "projection" = ? AND "version" = ? AND "generation" = ? IF ';
  const values = [intValue(2), intValue(3), textValue('steps_v2_g3'), at(7), at(7), at(7), ...key];
  expect(statements.promote(generation, live, 7.9)).toEqual({
    query: `${set}"live_version" = ? AND "live_generation" = ? AND "created_at" = ? AND "dropped_at" = null`,
    params: [...values, intValue(1), intValue(9), at(5)],
  });
  expect(statements.promote(generation, null, 7)).toEqual({
    query: `${set}"live_version" = null AND "live_generation" = null AND "created_at" = ? AND "dropped_at" = null`,
    params: [...values, at(5)],
  });
  expect(statements.drop(generation, live, 7)).toEqual({
    query:
      'UPDATE "app"."generations" SET "dropped_at" = ? WHERE "projection" = ? AND "version" = ? AND "generation" = ? IF "live_version" = ? AND "live_generation" = ? AND "created_at" = ?',
    params: [at(7), ...key, intValue(1), intValue(9), at(5)],
  });
});

test('a generation is made once, with its table and until when it is built', () => {
  const query =
    'INSERT INTO "app"."generations" ("projection", "version", "generation", "table_name", "created_at", "until_lsn", "until_at") VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS';
  const params = [...key, textValue('steps_v2_g3'), at(5)];
  expect(statements.create(generation)).toEqual({ query, params: [...params, null, null] });
  const until = { lsn: 77 as Lsn };
  expect(statements.create({ ...generation, until }).params).toEqual([...params, at(77), null]);
  expect(statements.built(id, 8)).toEqual({
    query:
      'UPDATE "app"."generations" SET "built_at" = ? WHERE "projection" = ? AND "version" = ? AND "generation" = ? IF EXISTS',
    params: [at(8), ...key],
  });
});

test('a lease is taken from whoever was seen to have it', () => {
  const set =
    'UPDATE "app"."generations" SET "lease_owner" = ?, "lease_about" = ?, "lease_until" = ? WHERE "projection" = ? IF ';
  const lease = { owner: 'me', about: 'here', untilMs: 6 };
  const params = [textValue('me'), textValue('here'), at(6), textValue('steps')];
  expect(statements.lease('steps', lease, null)).toEqual({
    query: `${set}"lease_owner" = null AND "lease_until" = null`,
    params,
  });
  expect(statements.lease('steps', lease, { owner: 'you', about: '', untilMs: 3 })).toEqual({
    query: `${set}"lease_owner" = ? AND "lease_until" = ?`,
    params: [...params, textValue('you'), at(3)],
  });
  expect(statements.release('steps', 'me')).toEqual({
    query: `${set}"lease_owner" = ?`,
    params: [null, null, null, textValue('steps'), textValue('me')],
  });
});

test('what is read often is read of one partition, its static columns alone', () => {
  expect(statements.live('steps')).toEqual({
    query:
      'SELECT DISTINCT "projection", "live_version", "live_generation", "live_promoted_at" FROM "app"."generations" WHERE "projection" = ?',
    params: [textValue('steps')],
  });
});

test('columns that are not there are nothing', () => {
  expect(generationOf('steps', { version: null, generation: null })).toBeNull();
  expect(liveOf('steps', { live_version: null })).toBeNull();
  expect(leaseOf({ lease_owner: null, lease_until: null })).toBeNull();
});

test('nothing goes without a condition, and an answer that got lost is found when asked again', async () => {
  const session = new DecidingFixture();
  const lost = new TurnstreamError('STORE', 'timed out', { retriable: true });
  let losing = false;
  const store = new CqlGenerationStore(
    {
      ...passing(session),
      decide: async (doing, statement) => {
        const applied = await session.decide(doing, statement);
        if (losing) throw lost;
        return applied;
      },
    },
    'app',
    { nowMs: () => 5 },
  );
  await store.first('steps', 1);
  losing = true;
  const to = { projection: 'steps', version: 1, generation: 1 };
  await expect(store.promote(to, null, 9)).rejects.toBe(lost);
  losing = false;
  expect(await store.promote(to, null, 9)).toBe(true);
  expect(await store.promote(to, null, 10)).toBe(false);
  expect(session.statements.every(({ query }) => / IF /.test(query))).toBe(true);
});

test('what others overtake again and again is given up as worth another try', async () => {
  const session = new DecidingFixture();
  const store = new CqlGenerationStore({ ...passing(session), decide: async () => false }, 'app', {
    nowMs: () => 5,
  });
  await expect(store.create('steps', 1, null)).rejects.toMatchObject({
    code: 'STORE',
    retriable: true,
  });
});

function passing(session: DecidingFixture) {
  return {
    read: (doing: string, statement: Statement) => session.read(doing, statement),
    readDecided: (doing: string, statement: Statement) => session.readDecided(doing, statement),
    write: () => session.write(),
    pages: () => session.pages(),
  };
}
