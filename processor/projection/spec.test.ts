/** The examples' own language: an example that is wrong must fail. */
import { describe, expect, it } from 'vitest';
import { bigint, int, text } from './columns.ts';
import { defineAggregate, defineMap } from './define.ts';
import { added, changed, removed, sessionFact } from './facts.ts';
import { specOf, together } from './spec.ts';

const head = { version: 1, about: 'A session.', of: 'session' } as const;
const map = specOf(
  defineMap({
    ...head,
    name: 'sessions',
    key: { uid: text },
    partitionBy: ['uid'],
    values: { steps: int },
    rows: ({ uid, steps }) => {
      if (steps < 0) throw new Error(`${steps} steps`);
      return [{ uid, steps }];
    },
  }),
);
const aggregate = specOf(
  defineAggregate({
    ...head,
    name: 'accounts',
    key: { account: text },
    partitionBy: ['account'],
    totals: { sessions: bigint },
    contribute: (one) => [{ key: { account: one.accountUid ?? '' }, totals: { sessions: 1 } }],
  }),
);

const one = sessionFact({ uid: '1', steps: 1, accountUid: 'a' });
const two = sessionFact({ uid: '2', steps: 2, accountUid: 'a' });

describe('given, when, then', () => {
  it('compares whole tables, in any order of rows', () => {
    map.given(one, two).then({ uid: '2', steps: 2 }, { uid: '1', steps: 1 });
    const wrong = [
      () => map.given(one, two).then({ uid: '1', steps: 1 }),
      () => map.given(one).then({ uid: '1', steps: 1 }, { uid: '2', steps: 2 }),
      () => map.given(one).then({ uid: '1', steps: 2 }),
      () => map.given(one).then({ uid: '1' }),
      () => map.given(one).then({ uid: '1', steps: 1, title: null }),
      () => map.given(one).then(),
    ];
    for (const example of wrong) expect(example).toThrow('other rows');
  });

  it('starts from nothing when nothing is given', () => {
    map.given().then();
    map.given().when(added(one)).then({ uid: '1', steps: 1 });
  });

  it('delivers changes in order, and again as often as told', () => {
    map
      .given(one)
      .when([changed(one, { steps: 5 }), removed({ ...one, steps: 5 })], { times: 3 })
      .then();
    aggregate
      .given(one)
      .when([added(two)], { times: 3 })
      .then({ account: 'a', sessions: 2 });
  });

  it('sums over shards and leaves out totals of zero', () => {
    aggregate
      .given(one, two)
      .when([removed(one), removed(two)])
      .then();
  });

  it('takes changes put together as one event', () => {
    map
      .given(one)
      .when(together(removed(one), added({ ...one, steps: 7 })))
      .then({ uid: '1', steps: 7 });
  });

  it('passes the error of a projection function on, unless the example expects it', () => {
    const odd = map.given(one).when([changed(one, { steps: -1 }), added(two)]);
    expect(() => odd.then({ uid: '1', steps: 1 })).toThrow('-1 steps');
    odd.thenRefused(/-1 steps/);
    expect(() => odd.thenRefused()).toThrow('other errors');
    expect(() => odd.thenRefused(/-2 steps/)).toThrow('other errors');
    expect(() => map.given(one).thenRefused(/steps/)).toThrow('other errors');
  });
});
