import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { cards } from '../../test/worker/history.ts';
import { VirtualClock } from '../../test/worker/virtual-clock.ts';
import { type Generation, generationName, isSameGeneration } from '../engine/generations.ts';
import { MemoryGenerations } from '../engine/memory-generations.ts';
import type { ReadModel } from '../engine/store.ts';
import { silentLogger } from '../logger.ts';
import { idOf } from './choose.ts';
import { dropNamed, generationNamed } from './drop-named.ts';
import { dropFormer, toDrop } from './dropping.ts';

const dropDelayMs = 60_000;

function generation(number: number, more: Partial<Generation>): Generation {
  const none = { until: null, builtAtMs: null, promotedAtMs: null, droppedAtMs: null };
  return { projection: 'p', version: 1, generation: number, createdAtMs: number, ...none, ...more };
}

const names = (all: readonly Generation[]) => all.map(({ generation: number }) => number);

const moment = fc.option(fc.integer({ min: 0, max: 300_000 }));
const generations = fc
  .array(fc.record({ promotedAtMs: moment, droppedAtMs: moment, past: fc.boolean() }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((all) =>
    all.map(({ past, ...more }, at) =>
      generation(at + 1, { ...more, until: past ? { committedAtMs: 5 } : null }),
    ),
  );

test('what is live, what was asked for as of the past, and what readers may still hold, is never dropped', () => {
  fc.assert(
    fc.property(
      generations,
      fc.nat({ max: 8 }),
      fc.nat({ max: 3 }),
      fc.integer({ min: 0, max: 500_000 }),
      (all, which, keep, nowMs) => {
        const live = all[which % all.length] as Generation;
        const dropped = toDrop(all, live, { nowMs, keep, dropDelayMs });
        for (const each of dropped) {
          expect(isSameGeneration(each, live)).toBe(false);
          expect(each.until).toBeNull();
          expect(each.droppedAtMs).toBeNull();
          const { promotedAtMs } = each;
          if (promotedAtMs === null) continue;
          expect(nowMs - promotedAtMs).toBeGreaterThanOrEqual(dropDelayMs);
          // The newest former ones are kept.
          const newer = all.filter(
            (other) =>
              other !== live &&
              other.until === null &&
              other.droppedAtMs === null &&
              !dropped.includes(other) &&
              (other.promotedAtMs ?? -1) >= promotedAtMs,
          );
          expect(newer.length).toBeGreaterThanOrEqual(keep);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('the former ones beyond those that are kept, and builds that nobody ever read', () => {
  const all = [
    generation(1, { promotedAtMs: 1000 }),
    generation(2, { promotedAtMs: 2000 }),
    generation(3, {}),
    generation(4, { promotedAtMs: 4000 }),
    generation(5, { promotedAtMs: 100_000 }),
    generation(6, {}),
  ];
  const at = (nowMs: number, keep: number) =>
    names(toDrop(all, all[4] as Generation, { nowMs, keep, dropDelayMs }));
  expect(at(200_000, 1)).toEqual([2, 1, 3]);
  expect(at(200_000, 0)).toEqual([4, 2, 1, 3]);
  // 4 was what readers used until a moment ago.
  expect(at(130_000, 0)).toEqual([2, 1, 3]);
  expect(names(toDrop(all, null, { nowMs: 200_000, keep: 0, dropDelayMs }))).toEqual([]);
});

test('one that was killed between saying and dropping: the table goes with the next', async () => {
  const clock = new VirtualClock(1_000_000);
  const store = new MemoryGenerations(clock);
  const first = await store.first('cards', 1);
  await store.promote(idOf(first), null, 1);
  const second = await store.create('cards', 1, null);
  await store.promote(idOf(second), idOf(first), 2);
  await store.dropped(idOf(first), clock.nowMs());
  const tables: string[] = [];
  const ports = {
    generations: store,
    logger: silentLogger,
    dropTable: async ({ generation: number }: { readonly generation: number }) => {
      tables.push(generationName({ ...idOf(first), generation: number }));
    },
  };
  const keeping = { nowMs: clock.nowMs(), keep: 0, dropDelayMs };
  expect(await dropFormer(ports, cards(), keeping)).toEqual([]);
  expect(tables).toEqual(['cards_v1_g1']);
});

describe('dropping by hand', () => {
  const clock = new VirtualClock(1_000_000);
  let store: MemoryGenerations;
  let tables: string[];

  beforeEach(async () => {
    store = new MemoryGenerations(clock);
    tables = [];
    const first = await store.first('cards', 1);
    await store.promote(idOf(first), null, 1);
    await store.promote(idOf(await store.create('cards', 1, null)), idOf(first), clock.nowMs());
    await store.create('cards', 1, { committedAtMs: 5 });
  });

  const drop = (table: string, ms = 0) => {
    const dropTable = async ({ shape, generation: number }: ReadModel) => {
      const { projection, version } = shape;
      tables.push(generationName({ projection, version, generation: number }));
    };
    const ports = { generations: store, dropTable, clock: { nowMs: () => clock.nowMs() + ms } };
    return dropNamed(ports, generationNamed([cards()], table), dropDelayMs);
  };
  const refused = (code: string, message: RegExp) => ({
    code,
    message: expect.stringMatching(message),
  });

  test('one as of the past goes, once more does no harm', async () => {
    await drop('cards_v1_g3');
    await drop('cards_v1_g3');
    expect(tables).toEqual(['cards_v1_g3', 'cards_v1_g3']);
    const all = await store.list('cards');
    expect(all.map(({ droppedAtMs }) => droppedAtMs)).toEqual([null, null, clock.nowMs()]);
  });

  test('never what readers use, nor what they used until a moment ago', async () => {
    await expect(drop('cards_v1_g2')).rejects.toMatchObject(refused('GENERATION', /readers use/));
    await expect(drop('cards_v1_g1', 1)).rejects.toMatchObject(
      refused('GENERATION', /until a moment ago.*in \d+ s/),
    );
    expect(tables).toEqual([]);
    await drop('cards_v1_g1', dropDelayMs);
    expect(tables).toEqual(['cards_v1_g1']);
  });

  test('what is not there is named', async () => {
    await expect(drop('cards_v1_g9')).rejects.toMatchObject(refused('GENERATION', /cards_v1_g9/));
    expect(() => generationNamed([cards()], 'sessions_v1_g1')).toThrow(/no generation.*cards/);
    expect(() => generationNamed([cards()], 'cards')).toThrow(/no generation/);
    expect(tables).toEqual([]);
  });
});
