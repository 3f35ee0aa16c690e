/** Replays in memory: what they end in, whoever kills them and however often. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  append,
  expectRight,
  filled,
  liveGeneration,
  opened,
  ops,
} from '../../test/worker/filled-replay-world.ts';
import { cards, counts, poison, projected } from '../../test/worker/history.ts';
import { type Death, ReplayProcess, upToNow } from '../../test/worker/replay-world.ts';
import { TurnstreamError } from '../error.ts';
import type { Lsn } from '../source/lsn.ts';
import { type ReplayResult, silentReporter } from './ports.ts';
import { bringBack } from './replay.ts';

describe('to its end', () => {
  test('the next generation is built, verified and promoted; both end in the final facts', async () => {
    const world = await filled();
    const results = await world.ended(world.start());
    expect(results.map(({ outcome, resumed }) => [outcome, resumed])).toEqual([
      ['promoted', false],
      ['promoted', false],
    ]);
    expect(await liveGeneration(world)).toBe(2);
    expect(results[0]?.verification).toEqual({ equal: true, summary: 'equal' });
    expect(results[0]?.records).toBeGreaterThan(40);
    await expectRight(world);
    expect(world.dropped).toEqual([]);
    expect((await world.generations.leased('cards')) ?? null).toBeNull();
  });

  test('it is not promoted before it has passed the live one, while the log goes on', async () => {
    const world = await filled();
    world.verify = async () => {
      // While it is verified, the log goes on, and the new generation with it.
      await append(world, ops(20, 5));
      return { equal: true, summary: '' };
    };
    await world.ended(world.start());
    await world.world.settle();
    expect(await liveGeneration(world)).toBe(2);
    expect(world.world.readModels()).toEqual(world.world.expected());
  });

  test('a difference is not promoted, and said', async () => {
    const world = await filled();
    world.verify = async ({ projection }) => ({
      equal: projection !== 'cards',
      summary: '3 rows are missing',
    });
    const [one, other] = await world.ended(world.start());
    expect([one?.outcome, other?.outcome]).toEqual(['different', 'promoted']);
    expect(one?.message).toContain('3 rows are missing');
    expect(await liveGeneration(world)).toBe(1);
    expect(await liveGeneration(world, 'counts')).toBe(2);
  });

  test('with --no-promote it stays beside the live one, and the next replay builds another', async () => {
    const world = await filled();
    const results = await world.ended(world.start({ promote: false }));
    expect(results.map(({ outcome }) => outcome)).toEqual(['built', 'built']);
    expect(await liveGeneration(world)).toBe(1);
    await world.ended(world.start());
    expect(await liveGeneration(world)).toBe(3);
    // Nobody ever read generation 2.
    expect(world.dropped).toEqual(['cards_v1_g2', 'counts_v1_g2']);
  });

  test('events that the function throws on keep it from being promoted, unless that is accepted', async () => {
    const world = await opened({ projections: [cards()] });
    await append(world, [
      ...ops(5),
      { entity: 3, to: { account: 'a', tpe: 1, content: poison, partition: 0 } },
    ]);
    const [result] = await world.ended(world.start());
    expect(result).toMatchObject({ outcome: 'degraded', deadLetters: 1 });
    expect(await liveGeneration(world)).toBe(1);
    const [accepted] = await world.ended(world.start({ acceptDeadLetters: true }));
    expect(accepted).toMatchObject({ outcome: 'promoted', deadLetters: 1 });
    expect(await liveGeneration(world)).toBe(3);
  });

  test('a projection that halts fails alone', async () => {
    const world = await opened({ projections: [cards('halt'), counts()] });
    await append(world, [
      ...ops(5),
      { entity: 3, to: { account: 'a', tpe: 1, content: poison, partition: 0 } },
    ]);
    const [halted, other] = await world.ended(world.start({ acceptDeadLetters: true }));
    expect(halted?.outcome).toBe('failed');
    expect(halted?.message).toContain('halted at position');
    expect(other?.outcome).toBe('promoted');
  });

  test('progress ends at 1 and never goes back', async () => {
    const world = await filled(200);
    await world.ended(world.start({}, { lookMs: 1, batchRecordsMax: 4 }));
    const ratios = world.progress
      .filter(({ projection }) => projection === 'cards')
      .map(({ ratio }) => ratio);
    expect(ratios.at(-1)).toBe(1);
    expect(ratios).toEqual(ratios.toSorted((one, other) => one - other));
  });
});

describe('by several threads', () => {
  test('they share the partitions, and it ends as by one', async () => {
    const world = await filled(200);
    const run = world.start({ eventsPerSecondMax: 100 }, { threads: 2, lookMs: 50 });
    await world.world.until(() => (world.progress.at(-1)?.done ?? 0) > 100);
    const held = [run.process, ...run.process.threads].map(({ saved }) => [...saved]);
    expect(held.map(({ length }) => length)).toEqual([1, 1]);
    expect(held.flat().sort()).toEqual([0, 1]);
    const results = await world.ended(run);
    expect(results.map(({ outcome }) => outcome)).toEqual(['promoted', 'promoted']);
    expect(world.progress.at(-1)?.ratio).toBe(1);
    await world.world.settle();
    await expectRight(world);
  });

  test('one that is told to stop leaves its checkpoints, in all of them', async () => {
    const world = await filled(200);
    const run = world.start({ eventsPerSecondMax: 100 }, { threads: 2, lookMs: 50 });
    await world.world.until(() => (world.progress.at(-1)?.done ?? 0) > 100);
    run.process.stop();
    const [stopped] = await world.ended(run);
    expect(stopped).toMatchObject({ outcome: 'stopped' });
    const [result] = await world.ended(world.start({}, { threads: 2 }));
    expect(result).toMatchObject({ outcome: 'promoted', resumed: true });
    const all = world.world.log
      .partitions('events')
      .reduce((sum, one) => sum + one.records.length, 0);
    expect(stopped?.records).toBeGreaterThan(50);
    expect(result?.records).toBe(all - (stopped?.records ?? 0));
    await expectRight(world);
  });
});

describe('killed', () => {
  test('at any step, before it or after it: the next one goes on and ends in the same rows', async () => {
    const whole = await filled(24);
    const run = whole.start();
    await whole.ended(run);
    expect(run.process.steps).toBeGreaterThan(30);
    for (let step = 1; step <= run.process.steps; step += 1) {
      for (const when of ['before', 'after'] as const) {
        const world = await filled(24);
        await world.ended(world.start({}, {}, { step, when }));
        await world.ended(world.start());
        await expectRight(world);
      }
    }
  }, 240_000);

  const deaths: fc.Arbitrary<readonly Death[]> = fc.array(
    fc.record({
      step: fc.integer({ min: 1, max: 60 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
    { maxLength: 6 },
  );

  test('any number of times, while the log goes on: it ends in the final facts', async () => {
    await fc.assert(
      fc.asyncProperty(
        deaths,
        fc.record({
          batchRecordsMax: fc.integer({ min: 1, max: 30 }),
          totalsCacheEntriesMax: fc.integer({ min: 1, max: 4 }),
          checkpointIntervalMs: fc.constantFrom(0, 100, 10_000),
          gatherMsMax: fc.constantFrom(0, 50),
          decodesLate: fc.boolean(),
          foldsInTurn: fc.boolean(),
          threads: fc.constantFrom(1, 2),
        }),
        fc.boolean(),
        async (all, settings, isLive) => {
          const world = isLive ? await filled() : await opened();
          for (const [at, death] of all.entries()) {
            await append(world, ops(10, at));
            await world.ended(world.start({}, settings, death));
          }
          await world.ended(world.start({}, settings));
          const rows = await world.liveRows();
          expect(rows).toEqual(world.world.expected());
        },
      ),
      { numRuns: 150 },
    );
  }, 240_000);

  test('a stopped one leaves its checkpoints, and the next one needs not wait for its lease', async () => {
    const world = await filled(200);
    const run = world.start({ eventsPerSecondMax: 50 });
    await world.world.until(() => (world.progress.at(-1)?.done ?? 0) > 20);
    run.process.stop();
    const [stopped] = await world.ended(run);
    expect(stopped).toMatchObject({ outcome: 'stopped' });
    const startedMs = world.world.clock.nowMs();
    const [result] = await world.ended(world.start());
    expect(result).toMatchObject({ outcome: 'promoted', resumed: true });
    expect(result?.generation).toEqual(stopped?.generation);
    const all = world.world.log
      .partitions('events')
      .reduce((sum, one) => sum + one.records.length, 0);
    expect(stopped?.records).toBeGreaterThan(20);
    expect(result?.records).toBe(all - (stopped?.records ?? 0));
    expect(world.world.clock.nowMs() - startedMs).toBeLessThan(5_000);
    await expectRight(world);
  });
});

describe('what passes by itself', () => {
  test('a consumer that falls silent is opened again, and the replay goes on in the same process', async () => {
    const world = await filled(200);
    const run = world.start({ eventsPerSecondMax: 50 });
    await world.world.until(() => (world.progress.at(-1)?.done ?? 0) > 20);
    const [consumer] = run.process.consumers;
    if (consumer === undefined) throw new Error('it reads nothing');
    world.world.log.silence(consumer);
    await append(world, ops(5, 9));
    const results = await world.ended(run);
    expect(run.process.consumers.length).toBeGreaterThan(1);
    expect(results.map(({ outcome }) => outcome)).toEqual(['promoted', 'promoted']);
    await world.world.settle();
    await expectRight(world);
  });

  test('a verification that could not be made is made again, and not taken for a difference', async () => {
    const world = await filled();
    let tries = 0;
    world.verify = async () => {
      tries += 1;
      if (tries === 1) {
        throw new TurnstreamError('CONNECT', 'Postgres is away', { retriable: true });
      }
      return { equal: true, summary: '' };
    };
    const results = await world.ended(world.start());
    expect(results.map(({ outcome }) => outcome)).toEqual(['promoted', 'promoted']);
    expect(tries).toBe(3);
  });

  test('one that can’t be made at all fails, and readers stay where they are', async () => {
    const world = await filled();
    world.verify = async () => {
      throw new TurnstreamError('CONFIGURATION', 'the password is wrong');
    };
    const [result] = await world.ended(world.start());
    expect(result).toMatchObject({ outcome: 'failed', message: 'the password is wrong' });
    expect(await liveGeneration(world)).toBe(1);
  });
});

describe('a former generation', () => {
  test('is brought up to date from its checkpoints, verified and promoted; a lease keeps others out', async () => {
    const world = await filled();
    await world.ended(world.start());
    await append(world, ops(30, 8));
    await world.world.settle();
    const [, counted] = world.projections;
    if (counted === undefined) throw new Error('there are two');
    const [former] = await world.generations.list(counted.name);
    if (former === undefined) throw new Error('there was one');
    const process = new ReplayProcess(world, null);
    let result: ReplayResult | undefined;
    void bringBack(
      process.ports(),
      world.settings(),
      { projection: counted, generation: former },
      upToNow,
      silentReporter,
      process.signal,
    ).then((found) => {
      result = found;
    });
    await world.world.until(() => result !== undefined);
    expect(result).toMatchObject({ outcome: 'promoted', resumed: true });
    expect(await liveGeneration(world, counted.name)).toBe(1);
    expect(await world.rows(counted)).toEqual(projected(counted, world.world.history.facts()));
  });
});

describe('two at once', () => {
  test('the second is refused, and told who is at it', async () => {
    const world = await filled(200);
    const first = world.start({ eventsPerSecondMax: 2 });
    await world.world.until(() => (world.progress.at(-1)?.done ?? 0) > 3);
    await expect(world.ended(world.start())).rejects.toThrow('is being replayed by process 1');
    expect(first.outcome).toBeNull();
    await world.ended(first);
    await expectRight(world);
  });

  test.each([1, 2])(
    'one whose lease another has taken writes nothing more and promotes nothing: %d threads',
    async (threads) => {
      const world = await filled(100);
      const paused = world.start({ eventsPerSecondMax: 20 }, { threads });
      await world.world.until(() => (world.progress.at(-1)?.done ?? 0) > 10);
      // The process stands still while its lease runs out.
      const { clock } = world.world;
      clock.passMs(16_000);
      const other = { owner: 'other', about: 'process 2', untilMs: clock.nowMs() + 15_000 };
      expect(await world.generations.lease('cards', other)).toBeNull();
      const [lost] = await world.ended(paused);
      expect(lost).toMatchObject({ outcome: 'failed' });
      expect(lost?.message).toContain('the lease on cards is lost (process 2 has it now)');
      expect(await liveGeneration(world)).toBe(1);
      await world.generations.release('cards', 'other');
      await world.ended(world.start());
      expect(await liveGeneration(world)).toBe(2);
      await expectRight(world);
    },
  );

  test('one that could not renew its lease in time goes on if nobody else has it', async () => {
    const world = await filled(100);
    const paused = world.start({ eventsPerSecondMax: 20 });
    await world.world.until(() => (world.progress.at(-1)?.done ?? 0) > 10);
    world.world.clock.passMs(16_000);
    const [result] = await world.ended(paused);
    expect(result).toMatchObject({ outcome: 'promoted' });
    expect(await liveGeneration(world)).toBe(2);
    await expectRight(world);
  });
});

describe('as of the past', () => {
  test('until an LSN: the final facts as of the first watermark at or after it', async () => {
    for (const ask of [0, 1, 2]) {
      const world = await filled(20);
      const facts = [world.world.history.facts()];
      const marks: number[] = [1000 + 20 * 1024];
      for (const seed of [1, 2]) {
        await append(world, ops(15, seed));
        facts.push(world.world.history.facts());
        marks.push((marks.at(-1) ?? 0) + 16 * 1024);
      }
      await append(world, ops(15, 3));
      await world.world.settle();
      // A little before the watermark: that is the first one at or after it.
      const lsn = ((marks[ask] ?? 0) - 3) as Lsn;
      const results = await world.ended(world.start({ until: { lsn } }, { batchRecordsMax: 3 }));
      for (const [at, projection] of world.projections.entries()) {
        expect(results[at]?.outcome).toBe('built');
        const rows = await world.rows(projection, results[at]?.generation.generation);
        expect(rows).toEqual(projected(projection, facts[ask] ?? []));
      }
      expect(await liveGeneration(world)).toBe(1);
    }
  });

  test('killed at any step and resumed, it takes nothing from behind the cut', async () => {
    const build = async () => {
      const world = await filled(12);
      const facts = world.world.history.facts();
      await append(world, ops(12, 4));
      return { world, facts };
    };
    const until = { committedAtMs: 1_700_000_000_000 + 12 * 1024 };
    const whole = await build();
    const run = whole.world.start({ until });
    await whole.world.ended(run);
    for (let step = 1; step <= run.process.steps; step += 1) {
      const { world, facts } = await build();
      await world.ended(world.start({ until }, {}, { step, when: 'after' }));
      const results = await world.ended(world.start({ until }));
      for (const [at, projection] of world.projections.entries()) {
        const generation = results[at]?.generation.generation;
        expect(await world.rows(projection, generation)).toEqual(projected(projection, facts));
      }
    }
  }, 240_000);
});
