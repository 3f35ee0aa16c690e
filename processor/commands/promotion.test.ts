import { beforeEach, describe, expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import type { GenerationStore } from '../engine/generations.ts';
import { MemoryGenerations } from '../engine/memory-generations.ts';
import { MemoryStore } from '../engine/memory-store.ts';
import { TurnstreamError } from '../error.ts';
import type { Projection } from '../projection/projection.ts';
import type { Lsn } from '../source/lsn.ts';
import { promotionJson, promotionText } from './promote.ts';
import { type PromotionOptions, type PromotionPorts, promote, type Wanted } from './promotion.ts';

const [{ name, shape }] = projections as readonly [Projection];
const id = (generation: number, version = 1) => ({ projection: name, version, generation });
const committedAt = Date.UTC(2026, 0, 2);

let nowMs = 0;
let generations: MemoryGenerations;
let checkpoints: MemoryStore;
let brought: unknown[];

beforeEach(() => {
  nowMs = 1_000_000;
  generations = new MemoryGenerations({ nowMs: () => nowMs });
  checkpoints = new MemoryStore();
  brought = [];
});

async function reach(generation: number, offset: number, deadLetters = 0, version = 1) {
  const watermark = { lsn: (offset * 16) as Lsn, committedAt: committedAt + offset };
  const model = { shape: { ...shape, version }, generation };
  await checkpoints.save(model, 0, { offset, position: offset, watermark, deadLetters });
}

/** Generation 1 is live and at 10; 2 is built, at 10 too. */
async function rebuilt() {
  await generations.first(name, 1);
  await generations.promote(id(1), null, nowMs);
  await generations.create(name, 1, null);
  await generations.built(id(2), nowMs);
  await reach(1, 10);
  await reach(2, 10);
}

function ports(more: Partial<PromotionPorts> = {}): PromotionPorts {
  return {
    generations,
    checkpoints,
    clock: { nowMs: () => nowMs++ },
    bringUpToDate: null,
    ...more,
  };
}

const options = (wanted: Wanted['kind'] | string, more: Partial<PromotionOptions> = {}) => {
  const isKind = wanted === 'newest' || wanted === 'back';
  return {
    wanted: isKind ? ({ kind: wanted } as const) : ({ kind: 'named', name: wanted } as const),
    asIs: false,
    acceptDeadLetters: false,
    ...more,
  };
};
const liveNow = async () => (await generations.live([name])).get(name)?.generation;
const tried = (...args: Parameters<typeof options>) => promote(ports(), shape, options(...args));
const refusal = (message: RegExp) => ({
  code: 'GENERATION',
  retriable: false,
  message: expect.stringMatching(message),
});

describe('which one', () => {
  test('what was built last, and back to what readers used before', async () => {
    await rebuilt();
    const { to, from } = await tried('newest');
    expect([to.generation, from?.generation, await liveNow()]).toEqual([2, 1, 2]);
    expect((await tried('back')).to.generation).toBe(1);
    expect((await tried('back')).to.generation).toBe(2);
    await expect(tried('newest')).rejects.toMatchObject(refusal(/turnstream replay/));
  });

  test('the one that is named, by its number or its table', async () => {
    await rebuilt();
    await tried('2');
    expect(await liveNow()).toBe(2);
    await tried(`${name}_v1_g1`);
    expect(await liveNow()).toBe(1);
    await generations.create(name, 2, null);
    await expect(tried('1')).rejects.toMatchObject(refusal(/_v1_g1 or .*_v2_g1/));
  });
});

describe('refused is', () => {
  test('one that is not there', async () => {
    await rebuilt();
    await expect(tried('7')).rejects.toMatchObject(refusal(/no generation 7/));
  });

  test('one that is not finished', async () => {
    await rebuilt();
    await generations.create(name, 1, null);
    await expect(tried('3')).rejects.toMatchObject(refusal(/not finished.*turnstream replay/));
    expect((await tried('newest')).to.generation).toBe(2);
  });

  test('one that was dropped', async () => {
    await rebuilt();
    await generations.dropped(id(2), nowMs);
    await expect(tried('2')).rejects.toMatchObject(refusal(/was dropped/));
    await expect(tried('back')).rejects.toMatchObject(refusal(/nothing to go back to/));
  });

  test('a read model as of the past', async () => {
    await rebuilt();
    await generations.create(name, 1, { lsn: 0x160 as Lsn });
    await generations.built(id(3), nowMs);
    await expect(tried('3', { asIs: true })).rejects.toMatchObject(refusal(/as of 0\/160/));
    expect((await tried('newest')).to.generation).toBe(2);
  });

  test('what readers use already', async () => {
    await rebuilt();
    await expect(tried('1')).rejects.toMatchObject(refusal(/already/));
  });

  test('one that is degraded by dead letters, unless they are accepted', async () => {
    await rebuilt();
    await reach(2, 11, 3);
    await expect(tried('2')).rejects.toMatchObject(refusal(/3 events.*dead-letters list .*_v1_g2/));
    expect(await liveNow()).toBe(1);
    await tried('2', { acceptDeadLetters: true });
    expect(await liveNow()).toBe(2);
  });

  test('one that is behind, unless it is to be taken as it is', async () => {
    await rebuilt();
    await reach(1, 20);
    await expect(tried('2')).rejects.toMatchObject(refusal(/behind.*--as-is/));
    expect(await liveNow()).toBe(1);
    const promotion = await tried('2', { asIs: true });
    expect(await liveNow()).toBe(2);
    expect(promotionJson(promotion)).toEqual({
      projection: name,
      live: `${name}_v1_g2`,
      former: `${name}_v1_g1`,
      asOfLsn: '0/A0',
      asOf: new Date(committedAt + 10).toISOString(),
    });
    expect(promotionText(promotion)).toMatch(/committed by 2026-01-02T00:00:00.010Z, LSN 0\/A0/);
  });
});

test('one that is behind is brought up to date first, where that can be done', async () => {
  await rebuilt();
  await reach(1, 20);
  const bringUpToDate: PromotionPorts['bringUpToDate'] = async (target) => {
    brought.push([target.generation, await liveNow()]);
    await reach(2, 25);
  };
  const { watermark } = await promote(ports({ bringUpToDate }), shape, options('2'));
  expect(brought).toEqual([[2, 1]]);
  expect(watermark?.lsn).toBe(25 * 16);
  await promote(ports({ bringUpToDate }), shape, options('back', { asIs: true }));
  expect(brought).toHaveLength(1);
});

test('of two who promote at once one is refused, and told what readers use', async () => {
  await rebuilt();
  await generations.create(name, 1, null);
  await generations.built(id(3), nowMs);
  await reach(3, 10);
  const outcomes = await Promise.allSettled([tried('2'), tried('3')]);
  const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
  const lost = outcomes[1 - won] as PromiseRejectedResult;
  expect(await liveNow()).toBe(won + 2);
  const named = new RegExp(`somebody else was first.*_v1_g${won + 2} by now`);
  expect(lost.reason).toMatchObject(refusal(named));
});

test('an answer that got lost is asked for again, with the same words', async () => {
  await rebuilt();
  let lost = 0;
  const forgetful: GenerationStore = {
    live: (names) => generations.live(names),
    list: (each) => generations.list(each),
    first: (each, version) => generations.first(each, version),
    create: (each, version, until) => generations.create(each, version, until),
    lease: (each, lease) => generations.lease(each, lease),
    leased: (each) => generations.leased(each),
    release: (each, owner) => generations.release(each, owner),
    built: (each, atMs) => generations.built(each, atMs),
    dropped: (each, atMs) => generations.dropped(each, atMs),
    promote: async (...args) => {
      const done = await generations.promote(...args);
      lost += 1;
      if (lost < 3) throw new TurnstreamError('STORE', 'timed out', { retriable: true });
      return done;
    },
  };
  await promote(ports({ generations: forgetful }), shape, options('2'));
  expect([lost, await liveNow()]).toEqual([3, 2]);
});
