/** What every form of the store of holds keeps, as tests. The clock is the test's own. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Hold, HoldStore } from './totals-holds.ts';

export function describeHoldStoreContract(
  name: string,
  open: (nowMs: () => number) => Promise<HoldStore>,
): void {
  describe(`the store of holds, ${name}`, () => {
    let store: HoldStore;
    let nowMs = 1_700_000_000_000;
    let fresh = 0;
    let projection = '';
    const hold = (owner: string, forMs: number): Hold => ({ owner, untilMs: nowMs + forMs });

    beforeAll(async () => {
      store = await open(() => nowMs);
    });
    beforeEach(() => {
      fresh += 1;
      projection = `held_${fresh}`;
    });

    test('one has it, and may renew it, until it has run out', async () => {
      const first = hold('one', 10);
      expect(await store.held([projection])).toEqual(new Map());
      expect(await store.hold(projection, first)).toBeNull();
      expect(await store.hold(projection, hold('two', 10))).toEqual(first);
      expect(await store.held([projection, 'never_held'])).toEqual(new Map([[projection, first]]));
      nowMs += 9;
      const renewed = hold('one', 10);
      expect(await store.hold(projection, renewed)).toBeNull();
      expect(await store.hold(projection, hold('two', 10))).toEqual(renewed);
      nowMs += 10;
      // Run out, it still stands there: whoever looks has a clock.
      expect(await store.held([projection])).toEqual(new Map([[projection, renewed]]));
      const second = hold('two', 10);
      expect(await store.hold(projection, second)).toBeNull();
      expect(await store.hold(projection, hold('one', 10))).toEqual(second);
    });

    test('it is given back by its owner alone, and says nothing of another projection', async () => {
      await store.hold(projection, hold('one', 10));
      await store.release(projection, 'two');
      expect(await store.held([projection])).toEqual(new Map([[projection, hold('one', 10)]]));
      expect(await store.held([`${projection}_other`])).toEqual(new Map());
      await store.release(projection, 'one');
      expect(await store.held([projection])).toEqual(new Map());
      expect(await store.hold(projection, hold('two', 10))).toBeNull();
    });

    test('asked for by many at once it is of one', async () => {
      const owners = ['a', 'b', 'c', 'd'];
      const given = await Promise.all(
        owners.map((owner) => store.hold(projection, hold(owner, 10))),
      );
      const winner = owners[given.indexOf(null)]!;
      expect(given.filter((held) => held === null)).toHaveLength(1);
      for (const held of given) if (held !== null) expect(held.owner).toBe(winner);
    });
  });
}
