import { expect, test } from 'vitest';
import { describeHoldStoreContract } from '../engine/totals-holds.contract.ts';
import { DecidingFixture } from './deciding-fixture.ts';
import { CqlHoldStore } from './hold-store.ts';
import { bigintValue, textValue } from './values.ts';

describeHoldStoreContract(
  'its statements on one node',
  async (nowMs) => new CqlHoldStore(new DecidingFixture(), 'app', { nowMs }),
);

test('it is taken from whoever was seen to have it, and nothing goes without a condition', async () => {
  const session = new DecidingFixture();
  let nowMs = 5;
  const store = new CqlHoldStore(session, 'app', { nowMs: () => nowMs });
  await store.hold('counts', { owner: 'one', untilMs: 9 });
  nowMs = 9;
  await store.hold('counts', { owner: 'two', untilMs: 20 });
  await store.release('counts', 'two');
  const set =
    'UPDATE "app"."totals_holds" SET "hold_owner" = ?, "hold_until" = ? WHERE "projection" = ? IF ';
  const [one, two, name] = ['one', 'two', 'counts'].map(textValue);
  expect(session.statements).toEqual([
    {
      query: `${set}"hold_owner" = null AND "hold_until" = null`,
      params: [one, bigintValue(9), name],
    },
    {
      query: `${set}"hold_owner" = ? AND "hold_until" = ?`,
      params: [two, bigintValue(20), name, one, bigintValue(9)],
    },
    { query: `${set}"hold_owner" = ?`, params: [null, null, name, two] },
  ]);
});
