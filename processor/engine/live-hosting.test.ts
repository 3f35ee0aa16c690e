import { beforeEach, expect, test } from 'vitest';
import { cards, counts } from '../../test/worker/history.ts';
import { turn, VirtualClock } from '../../test/worker/virtual-clock.ts';
import { TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';
import { definitionsOf } from '../projection/definitions.ts';
import type { Projection } from '../projection/projection.ts';
import { generationName } from './generations.ts';
import { type Place, placeSentence, versionsBehind } from './hosting.ts';
import { type HostingPorts, LiveHosting } from './live-hosting.ts';
import { MemoryGenerations } from './memory-generations.ts';
import { MemoryHolds } from './memory-holds.ts';
import { MemoryStore } from './memory-store.ts';
import type { ReadModel } from './store.ts';

const version = (projection: Projection, number: number): Projection => {
  const shape = { ...projection.shape, version: number };
  return { ...projection, version: number, shape };
};

let clock: VirtualClock;
let generations: MemoryGenerations;
let holds: MemoryHolds;
let store: MemoryStore;
let said: string[];
let places: readonly Place[];
let prepared: string[];

beforeEach(() => {
  clock = new VirtualClock(1_700_000_000_000);
  generations = new MemoryGenerations(clock);
  holds = new MemoryHolds(clock);
  store = new MemoryStore();
  said = [];
  places = [];
  prepared = [];
});

function ports(more: Partial<HostingPorts> = {}): HostingPorts {
  const say = (_: object, message: string) => said.push(message);
  const logger = { trace: say, debug: say, info: say, warn: say, error: say } as unknown as Logger;
  const nameOf = ({ shape, generation }: ReadModel) =>
    generationName({ projection: shape.projection, version: shape.version, generation });
  return {
    generations,
    holds,
    checkpoints: store,
    clock,
    logger,
    prepare: async (models) => {
      prepared.push(...models.map(nameOf));
    },
    told: (all) => {
      places = all;
    },
    said: new Map(),
    ...more,
  };
}

const hostedOf = (hosting: LiveHosting) =>
  hosting.current().map(({ projection, generation }) => {
    return `${projection.name}_v${projection.version}_g${generation}`;
  });
const presentOnly = (...projections: readonly Projection[]) => definitionsOf(projections, []);
const id = (projection: string, number: number, generation: number) => {
  return { projection, version: number, generation };
};

test('where nothing is live the first generation becomes so, and is hosted', async () => {
  const hosting = await LiveHosting.open(ports(), presentOnly(cards(), counts()));
  expect(hostedOf(hosting)).toEqual(['cards_v1_g1', 'counts_v1_g1']);
  expect(prepared).toEqual(['cards_v1_g1', 'counts_v1_g1']);
  expect([...(await generations.live(['cards', 'counts'])).values()]).toMatchObject([
    id('cards', 1, 1),
    id('counts', 1, 1),
  ]);
  expect(places.map(versionsBehind)).toEqual([0, 0]);
});

test('a process that begins again and again says what it hosts once, and says a switch', async () => {
  const all = ports();
  for (let start = 0; start < 3; start += 1) await LiveHosting.open(all, presentOnly(cards()));
  const { generation } = await generations.create('cards', 1, null);
  await generations.promote(id('cards', 1, generation), id('cards', 1, 1), 1);
  for (let start = 0; start < 3; start += 1) await LiveHosting.open(all, presentOnly(cards()));
  expect(said.filter((text) => text.startsWith('hosts'))).toEqual([
    'hosts cards_v1_g1',
    'hosts cards_v1_g2',
  ]);
});

test('any number of workers that start at once host the same', async () => {
  const definitions = presentOnly(version(cards(), 3));
  const all = await Promise.all(
    Array.from({ length: 5 }, () => LiveHosting.open(ports(), definitions)),
  );
  for (const hosting of all) expect(hostedOf(hosting)).toEqual(['cards_v3_g1']);
  expect(await generations.list('cards')).toHaveLength(1);
});

test('an installation from before there were generations goes on with the tables that it has', async () => {
  const checkpoint = { offset: 7, position: 7, watermark: null, deadLetters: 0 };
  await store.save({ shape: cards().shape, generation: 1 }, 0, checkpoint);
  const definitions = definitionsOf([version(cards(), 2)], [cards()]);
  const hosting = await LiveHosting.open(ports(), definitions);
  expect(hostedOf(hosting)).toEqual(['cards_v1_g1']);
});

test('a generation as of the past, or one that was dropped, does not become the first live one', async () => {
  await generations.create('cards', 1, { committedAtMs: 5 });
  await generations.create('cards', 1, null);
  await generations.dropped(id('cards', 1, 2), 6);
  expect(hostedOf(await LiveHosting.open(ports(), presentOnly(cards())))).toEqual(['cards_v1_g3']);
  await generations.create('counts', 1, { committedAtMs: 5 });
  await generations.create('counts', 1, null);
  expect(hostedOf(await LiveHosting.open(ports(), presentOnly(counts())))).toEqual([
    'counts_v1_g2',
  ]);
});

async function lived(...numbers: readonly [version: number, generations: number][]) {
  for (const [number, count] of numbers) {
    for (let made = 0; made < count; made += 1) await generations.create('cards', number, null);
  }
  await generations.promote(id('cards', 1, 1), null, 1);
}

test('what readers use is hosted by the definition of its version, never by another (I5)', async () => {
  await lived([1, 2], [2, 1]);
  const both = await LiveHosting.open(ports(), definitionsOf([version(cards(), 2)], [cards()]));
  expect(hostedOf(both)).toEqual(['cards_v1_g1']);
  expect(places.map(versionsBehind)).toEqual([1]);
  expect(said.at(-1)).toMatch(/hosts cards_v1_g1: .* version 2 .*`turnstream replay cards`/);
  const newer = await LiveHosting.open(ports(), presentOnly(version(cards(), 2)));
  expect(hostedOf(newer)).toEqual([]);
  expect(said.at(-1)).toMatch(/hosts nothing of cards.*cards_v1_g1.*formerVersions/);
  await generations.promote(id('cards', 2, 1), id('cards', 1, 1), 2);
  const older = await LiveHosting.open(ports(), presentOnly(cards()));
  expect(hostedOf(older)).toEqual([]);
  expect(places.map(versionsBehind)).toEqual([-1]);
  expect(said.at(-1)).toMatch(/hosts nothing of cards.*build that has version 2.*--back/);
});

async function followed(hosting: LiveHosting) {
  const stop = new AbortController();
  const hosted: string[][] = [];
  const done = hosting.follow(() => hosted.push(hostedOf(hosting)), stop.signal);
  const pass = async (looks: number) => {
    for (let look = 0; look < looks; look += 1) {
      await turn();
      clock.jump();
      await turn();
    }
  };
  return { hosted, pass, stop: () => stop.abort(), done };
}

test('a switch is followed within a second, to a former version and back, and told once', async () => {
  await lived([1, 2], [2, 1]);
  const definitions = definitionsOf([version(cards(), 2)], [cards()]);
  const hosting = await LiveHosting.open(ports(), definitions);
  const { hosted, pass, stop, done } = await followed(hosting);
  const startedAtMs = clock.nowMs();
  await pass(2);
  expect(hosted).toEqual([]);
  expect(clock.nowMs() - startedAtMs).toBeLessThanOrEqual(1000);
  const before = hosting.current();
  await generations.promote(id('cards', 2, 1), id('cards', 1, 1), 2);
  await pass(2);
  expect(hosted).toEqual([['cards_v2_g1']]);
  expect(hosting.current()).not.toBe(before);
  expect(prepared.at(-1)).toBe('cards_v2_g1');
  expect(places.map(versionsBehind)).toEqual([0]);
  await generations.promote(id('cards', 1, 2), id('cards', 2, 1), 3);
  await pass(4);
  expect(hosted).toEqual([['cards_v2_g1'], ['cards_v1_g2']]);
  stop();
  await done;
});

test('while the database is away, or a table cannot be used, it goes on with what it hosts', async () => {
  await lived([1, 2]);
  let failure: Error | null = null;
  let unusable: Error | null = null;
  const failing = {
    ...ports(),
    generations: {
      ...passing(),
      live: (names: readonly string[]) =>
        failure === null ? generations.live(names) : Promise.reject(failure),
    },
    prepare: () => (unusable === null ? Promise.resolve() : Promise.reject(unusable)),
  };
  const hosting = await LiveHosting.open(failing, presentOnly(cards()));
  const { hosted, pass, stop, done } = await followed(hosting);
  failure = new TurnstreamError('STORE', 'no node answers', { retriable: true });
  await generations.promote(id('cards', 1, 2), id('cards', 1, 1), 2);
  await pass(5);
  expect(hosted).toEqual([]);
  expect(said.filter((each) => each.includes('no node answers'))).toHaveLength(1);
  failure = null;
  unusable = new TurnstreamError('SCHEMA', 'another shape');
  await pass(3);
  expect(hosted).toEqual([]);
  expect(hostedOf(hosting)).toEqual(['cards_v1_g1']);
  expect(said.some((each) => each.includes('another shape'))).toBe(true);
  unusable = null;
  await pass(2);
  expect(hosted).toEqual([['cards_v1_g2']]);
  stop();
  await done;
});

test('totals that are held are hosted by nobody, until they are given back or the hold has run out', async () => {
  const all = ports();
  const hosting = await LiveHosting.open(all, presentOnly(cards(), counts()));
  const { hosted, pass, stop, done } = await followed(hosting);
  const hold = (owner: string, forMs: number) =>
    holds.hold('counts', { owner, untilMs: clock.nowMs() + forMs });
  await hold('one', 60_000);
  await pass(2);
  expect(hosted).toEqual([['cards_v1_g1']]);
  expect(said.at(-1)).toMatch(/stands still with counts_v1_g1/);
  // Who starts meanwhile stands still too.
  expect(hostedOf(await LiveHosting.open(all, presentOnly(counts())))).toEqual([]);
  expect(places).toMatchObject([{ isHeld: true, hosted: null }]);
  await pass(4);
  expect(hosted).toHaveLength(1);
  await holds.release('counts', 'one');
  await pass(2);
  expect(hosted.at(-1)).toEqual(['cards_v1_g1', 'counts_v1_g1']);
  // Whoever asked for it is no more: it runs out by itself.
  await hold('two', 3000);
  await pass(2);
  expect(hosted.at(-1)).toEqual(['cards_v1_g1']);
  await pass(8);
  expect(hosted.at(-1)).toEqual(['cards_v1_g1', 'counts_v1_g1']);
  expect(hosted).toHaveLength(4);
  stop();
  await done;
});

test('what people are told says what they can do', async () => {
  await lived([1, 1]);
  await LiveHosting.open(ports(), presentOnly(cards()));
  const [place] = places;
  expect(place && placeSentence(place)).toEqual({ level: 'info', text: 'hosts cards_v1_g1' });
});

function passing() {
  return {
    live: (names: readonly string[]) => generations.live(names),
    list: (name: string) => generations.list(name),
    first: (name: string, number: number) => generations.first(name, number),
    create: (name: string, number: number) => generations.create(name, number, null),
    lease: () => Promise.resolve(null),
    leased: () => Promise.resolve(null),
    release: () => Promise.resolve(),
    built: () => Promise.resolve(),
    dropped: () => Promise.resolve(),
    promote: (...args: Parameters<MemoryGenerations['promote']>) => generations.promote(...args),
  };
}
