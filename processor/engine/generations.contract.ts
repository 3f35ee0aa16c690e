/** What every form of the store of generations keeps, as tests. The clock is the test's own. */
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Lsn } from '../source/lsn.ts';
import {
  type GenerationId,
  type GenerationStore,
  isSameGeneration,
  type Lease,
} from './generations.ts';

export type GenerationContractOptions = {
  readonly open: (nowMs: () => number) => Promise<GenerationStore>;
  /** Random interleavings that are tried. */
  readonly runs: number;
};

export function describeGenerationStoreContract(
  name: string,
  { open, runs }: GenerationContractOptions,
): void {
  describe(`the store of generations, ${name}`, () => {
    let store: GenerationStore;
    let nowMs = 1_700_000_000_000;
    let fresh = 0;
    let projection = '';
    const next = () => {
      fresh += 1;
      projection = `built_${fresh}`;
    };
    const id = (generation: number, version = 1): GenerationId => {
      return { projection, version, generation };
    };
    const liveOf = async () => (await store.live([projection])).get(projection) ?? null;
    const lease = (owner: string, forMs: number): Lease => {
      return { owner, about: `${owner}, process 7`, untilMs: nowMs + forMs };
    };

    beforeAll(async () => {
      store = await open(() => nowMs);
    });
    beforeEach(next);

    describe('numbers', () => {
      test('rise by one within a version, and are listed with what each one is', async () => {
        const lsn = 0x16b3748 as Lsn;
        await store.create(projection, 1, null);
        nowMs += 5;
        await store.create(projection, 2, { lsn });
        await store.create(projection, 2, { committedAtMs: 1_600_000_000_000.25 });
        const none = { builtAtMs: null, promotedAtMs: null, droppedAtMs: null };
        const expected = [
          { ...id(1), createdAtMs: nowMs - 5, until: null, ...none },
          { ...id(1, 2), createdAtMs: nowMs, until: { lsn }, ...none },
          {
            ...id(2, 2),
            createdAtMs: nowMs,
            until: { committedAtMs: 1_600_000_000_000.25 },
            ...none,
          },
        ];
        expect(await store.list(projection)).toEqual(expected);
        expect(await store.create(projection, 1, null)).toMatchObject(id(2));
        expect(await store.list('never_built')).toEqual([]);
        expect(await liveOf()).toBeNull();
      });

      test('are not given again after a drop', async () => {
        await store.create(projection, 1, null);
        await store.create(projection, 1, null);
        await store.dropped(id(2), nowMs);
        expect(await store.create(projection, 1, null)).toMatchObject(id(3));
        expect((await store.list(projection))[1]).toMatchObject({ droppedAtMs: nowMs });
      });

      test('are one each for all who ask at once', async () => {
        const created = await Promise.all(
          Array.from({ length: 4 }, () => store.create(projection, 1, null)),
        );
        expect(created.map(({ generation }) => generation).sort()).toEqual([1, 2, 3, 4]);
      });

      test('the first is the same for all who ask for it', async () => {
        const [one, other] = await Promise.all([
          store.first(projection, 3),
          store.first(projection, 3),
        ]);
        expect(one).toEqual(other);
        expect(one).toMatchObject({ ...id(1, 3), until: null, builtAtMs: null });
        nowMs += 5;
        expect(await store.first(projection, 3)).toEqual(one);
        expect(await store.list(projection)).toEqual([one]);
      });
    });

    describe('promoting', () => {
      test('is seen at once, by whoever asks for several, and kept with the generation', async () => {
        const other = projection;
        await store.first(other, 1);
        await store.promote(id(1), null, nowMs);
        next();
        await store.create(projection, 2, null);
        expect(await store.promote(id(1, 2), null, nowMs + 1.5)).toBe(true);
        const live = { ...id(1, 2), promotedAtMs: nowMs + 1 };
        expect(await store.live([projection, 'never_built', other])).toEqual(
          new Map([
            [projection, live],
            [other, { ...live, projection: other, version: 1, promotedAtMs: nowMs }],
          ]),
        );
        expect((await store.list(projection))[0]).toMatchObject(live);
      });

      test('needs that readers use what is said, and goes back and forth', async () => {
        for (const _ of [1, 2, 3]) await store.create(projection, 1, null);
        expect(await store.promote(id(2), id(1), nowMs)).toBe(false);
        expect(await liveOf()).toBeNull();
        expect(await store.promote(id(1), null, nowMs)).toBe(true);
        expect(await store.promote(id(2), null, nowMs)).toBe(false);
        expect(await store.promote(id(2), id(1), nowMs + 1)).toBe(true);
        expect(await store.promote(id(3), id(1), nowMs + 2)).toBe(false);
        expect(await store.promote(id(1), id(2), nowMs + 3)).toBe(true);
        expect(await liveOf()).toEqual({ ...id(1), promotedAtMs: nowMs + 3 });
        const promoted = (await store.list(projection)).map((each) => each.promotedAtMs);
        expect(promoted).toEqual([nowMs + 3, nowMs + 1, null]);
      });

      test('asked again with the same words is still true, until somebody else promotes', async () => {
        await store.create(projection, 1, null);
        await store.create(projection, 1, null);
        await store.promote(id(1), null, nowMs);
        expect(await store.promote(id(1), null, nowMs)).toBe(true);
        expect(await store.promote(id(1), null, nowMs + 1)).toBe(false);
        await store.promote(id(2), id(1), nowMs + 2);
        expect(await store.promote(id(1), null, nowMs)).toBe(false);
      });

      test('of what is not there or was dropped is refused', async () => {
        await store.create(projection, 1, null);
        await store.create(projection, 1, null);
        await store.dropped(id(2), nowMs);
        await expect(store.promote(id(2), null, nowMs)).rejects.toMatchObject({
          code: 'GENERATION',
          message: expect.stringContaining(`${projection}_v1_g2`),
        });
        await expect(store.promote(id(3), null, nowMs)).rejects.toMatchObject({
          code: 'GENERATION',
        });
        expect(await liveOf()).toBeNull();
        expect(await store.list(projection)).toHaveLength(2);
      });

      test('by many at once is done by one', async () => {
        const all = await Promise.all(
          Array.from({ length: 4 }, () => store.create(projection, 1, null)),
        );
        const outcomes = await Promise.all(
          all.map((to, late) => store.promote(to, null, nowMs + late)),
        );
        expect(outcomes.filter((won) => won)).toHaveLength(1);
        const winner = all[outcomes.indexOf(true)]!;
        expect(isSameGeneration(await liveOf(), winner)).toBe(true);
      });
    });

    describe('what became of a generation', () => {
      test('built: the last word holds; of one that is not there it is refused', async () => {
        await store.create(projection, 1, null);
        await store.built(id(1), nowMs);
        await store.built(id(1), nowMs + 7);
        expect((await store.list(projection))[0]).toMatchObject({ builtAtMs: nowMs + 7 });
        const absent = store.built(id(2), nowMs);
        await expect(absent).rejects.toMatchObject({ code: 'GENERATION', retriable: false });
        expect(await store.list(projection)).toHaveLength(1);
      });

      test('promoted and not said to be built before: it is by the same decision, or not at all', async () => {
        for (const _ of [1, 2, 3]) await store.create(projection, 1, null);
        await store.built(id(1), nowMs);
        await store.promote(id(1), null, nowMs + 1);
        await store.promote(id(2), id(1), nowMs + 2);
        expect(await store.promote(id(3), id(1), nowMs + 3)).toBe(false);
        const built = (await store.list(projection)).map(({ builtAtMs }) => builtAtMs);
        expect(built).toEqual([nowMs, nowMs + 2, null]);
      });

      test('what readers use is not dropped; what they used is', async () => {
        await store.create(projection, 1, null);
        await store.create(projection, 1, null);
        await store.promote(id(1), null, nowMs);
        await expect(store.dropped(id(1), nowMs)).rejects.toMatchObject({ code: 'GENERATION' });
        await expect(store.dropped(id(9), nowMs)).rejects.toMatchObject({ code: 'GENERATION' });
        await store.promote(id(2), id(1), nowMs + 1);
        await store.dropped(id(1), nowMs + 2);
        const [one, two] = await store.list(projection);
        expect([one?.droppedAtMs, two?.droppedAtMs]).toEqual([nowMs + 2, null]);
      });

      test('dropped and promoted at once: one of them is refused', async () => {
        await store.create(projection, 1, null);
        const [dropped, promoted] = await Promise.allSettled([
          store.dropped(id(1), nowMs),
          store.promote(id(1), null, nowMs),
        ]);
        expect([dropped.status, promoted.status].sort()).toEqual(['fulfilled', 'rejected']);
        const [found] = await store.list(projection);
        expect(found?.droppedAtMs === null).toBe(promoted.status === 'fulfilled');
        expect((await liveOf()) === null).toBe(promoted.status === 'rejected');
      });
    });

    describe('the lease', () => {
      test('is of one owner, who may renew it, until it has run out', async () => {
        const first = lease('one', 10);
        expect(await store.leased(projection)).toBeNull();
        expect(await store.lease(projection, first)).toBeNull();
        expect(await store.lease(projection, lease('two', 10))).toEqual(first);
        nowMs += 9;
        const renewed = lease('one', 10);
        expect(await store.lease(projection, renewed)).toBeNull();
        nowMs += 9;
        expect(await store.lease(projection, lease('two', 10))).toEqual(renewed);
        expect(await store.leased(projection)).toEqual(renewed);
        nowMs += 1;
        const second = lease('two', 10);
        expect(await store.lease(projection, second)).toBeNull();
        expect(await store.lease(projection, lease('one', 10))).toEqual(second);
      });

      test('is given back by its owner alone, and says nothing of another projection', async () => {
        await store.lease(projection, lease('one', 10));
        await store.release(projection, 'two');
        expect(await store.leased(projection)).toEqual(lease('one', 10));
        await store.release(projection, 'one');
        expect(await store.leased(projection)).toBeNull();
        expect(await store.lease(projection, lease('two', 10))).toBeNull();
        next();
        expect(await store.lease(projection, lease('one', 10))).toBeNull();
        expect(await store.list(projection)).toEqual([]);
        expect(await liveOf()).toBeNull();
      });

      test('renewed and taken by another when it has run out, at once: it is of one', async () => {
        await store.lease(projection, lease('one', 10));
        nowMs += 10;
        const given = await Promise.all([
          store.lease(projection, lease('one', 10)),
          store.lease(projection, lease('two', 10)),
        ]);
        expect(given.filter((held) => held === null)).toHaveLength(1);
        const winner = given[0] === null ? 'one' : 'two';
        expect(await store.leased(projection)).toEqual(lease(winner, 10));
      });

      test('asked for by many at once is of one', async () => {
        const owners = ['a', 'b', 'c', 'd'];
        const given = await Promise.all(
          owners.map((owner) => store.lease(projection, lease(owner, 10))),
        );
        const winner = owners[given.indexOf(null)]!;
        expect(given.filter((held) => held === null)).toHaveLength(1);
        for (const held of given) if (held !== null) expect(held.owner).toBe(winner);
      });
    });

    test('whoever asks for what in any order: one is live, one has the lease', async () => {
      const caller = fc.array(
        fc.constantFrom('promote', 'lease', 'release', 'drop', 'create', 'wait' as const),
        { minLength: 1, maxLength: 5 },
      );
      const callers = fc.array(caller, { minLength: 2, maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(callers, fc.nat(), async (scripts, salt) => {
          next();
          for (const _ of [1, 2]) await store.create(projection, 1, null);
          const wins: { readonly from: GenerationId | null; readonly to: GenerationId }[] = [];
          const held = new Map<string, number>();
          const problems: string[] = [];
          const play = async (script: readonly string[], number: number) => {
            const owner = `owner ${number}`;
            for (const [at, act] of script.entries()) {
              if (act === 'wait') nowMs += 3;
              if (act === 'create') await store.create(projection, 1, null);
              if (act === 'release') {
                held.delete(owner);
                await store.release(projection, owner);
              }
              const to = id(1 + ((salt + at * 7 + number) % 3));
              if (act === 'drop') await refusable(store.dropped(to, nowMs));
              if (act === 'promote') {
                const from = await liveOf();
                const atMs = nowMs + number / 8 + 1 + wins.length;
                const won = await refusable(store.promote(to, from, Math.floor(atMs) * 8 + number));
                if (won === true) wins.push({ from, to });
              }
              if (act === 'lease') {
                const wanted = lease(owner, 5);
                const holder = await store.lease(projection, wanted);
                if (holder === null) held.set(owner, wanted.untilMs);
                else if (holder.owner === owner)
                  problems.push(`${owner} was refused its own lease`);
                const valid = [...held].filter(([, untilMs]) => untilMs > nowMs);
                if (holder === null && valid.length > 1) problems.push(`two leases: ${valid}`);
              }
            }
          };
          await Promise.all(scripts.map(play));
          expect(problems).toEqual([]);
          const live = await liveOf();
          expect(isSameGeneration(live, chained(wins))).toBe(true);
          const all = await store.list(projection);
          expect(new Set(all.map(({ generation }) => generation)).size).toBe(all.length);
          const current = all.find((each) => isSameGeneration(each, live));
          if (live !== null) expect(current).toMatchObject({ droppedAtMs: null });
        }),
        { numRuns: runs },
      );
    });
  });
}

/** Refusals are answers; anything else fails the test. */
async function refusable<T>(call: Promise<T>): Promise<T | 'refused'> {
  try {
    return await call;
  } catch (thrown) {
    if ((thrown as { code?: string }).code === 'GENERATION') return 'refused';
    throw thrown;
  }
}

/** Where the switches lead, each from where the former one led; in whatever order they were told. */
function chained(
  wins: readonly { readonly from: GenerationId | null; readonly to: GenerationId }[],
): GenerationId | null {
  const ends = new Map<string, number>();
  const count = (id: GenerationId | null, by: number) => {
    const text = id === null ? 'none' : `${id.generation}`;
    ends.set(text, (ends.get(text) ?? 0) + by);
  };
  count(null, 1);
  for (const { from, to } of wins) {
    count(from, -1);
    count(to, 1);
  }
  const left = [...ends].filter(([, times]) => times !== 0);
  expect(left).toHaveLength(1);
  expect(left[0]?.[1]).toBe(1);
  return (
    wins.map(({ to }) => to).find(({ generation }) => `${generation}` === left[0]?.[0]) ?? null
  );
}
