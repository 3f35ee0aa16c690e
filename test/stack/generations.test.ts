/** A switch of generations on the real servers: workers go on in place (log-restart.contract.ts has the group). */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Hosting } from '../../processor/engine/hosting.ts';
import { LiveHosting } from '../../processor/engine/live-hosting.ts';
import { MemoryHolds } from '../../processor/engine/memory-holds.ts';
import { createWorker } from '../../processor/engine/worker.ts';
import { readModelOf } from '../../processor/engine/worker-settings.ts';
import { definitionsOf } from '../../processor/projection/definitions.ts';
import { projections } from '../../projections/index.ts';
import { projected } from '../worker/history.ts';
import { openRealWorld, type RealWorld } from '../worker/real-world.ts';
import { synthesise } from '../worker/synthetic.ts';

const partitions = 2;
const patience = { timeout: 60_000, interval: 20 };
/** Twice a second they look. */
const followedMsMax = 1_000;
let world: RealWorld;
const stops: AbortController[] = [];

beforeAll(async () => {
  world = await openRealWorld(projections, partitions);
});

afterAll(async () => {
  for (const stop of stops) stop.abort();
  await world.close();
});

function start(group: string, hosting: Hosting) {
  const stop = new AbortController();
  stops.push(stop);
  const settings = { ...world.settings, group };
  const worker = createWorker({ ...world.deps, hosting }, settings);
  const running = worker.run(stop.signal);
  return { worker, running, stop: () => stop.abort() };
}

function openHosting(): Promise<LiveHosting> {
  const { checkpoints, clock, logger, store } = world.deps;
  const ports = {
    generations: world.generations,
    holds: new MemoryHolds(clock),
    checkpoints,
    clock,
    logger,
    prepare: store.ensure.bind(store),
    told: () => undefined,
    said: new Map(),
  };
  return LiveHosting.open(ports, definitionsOf(projections, []));
}

test('workers under load follow a switch within a second, each in its partitions, and lose nothing', async () => {
  const { events, facts } = synthesise(1_500, partitions, Date.now());
  const entries = events.map(({ partition, event }) => ({ partition, entry: event }));
  const third = Math.floor(entries.length / 3);
  await world.append(entries.slice(0, third));
  // Both start while nothing is live.
  const hostings = await Promise.all([openHosting(), openHosting()]);
  const workers = hostings.map((hosting) => start(world.settings.group, hosting));
  const status = () => workers.map(({ worker }) => worker.status());
  const held = () => status().flatMap(({ projections: [first] }) => first?.partitions ?? []);
  const generationsNow = () =>
    status().flatMap(({ projections: all }) => all.map(({ generation }) => generation));
  await vi.waitFor(() => {
    for (const {
      projections: [first],
    } of status())
      expect(first?.partitions).toHaveLength(1);
  }, patience);

  const next = projections.map((projection) => ({ projection, generation: 2 }));
  for (const { projection } of next) {
    await world.generations.create(projection.name, projection.version, null);
  }
  await world.deps.store.ensure(next.map(readModelOf));
  const builder = start(`${world.settings.group}.builder`, {
    current: () => next,
    follow: () => Promise.resolve(),
  });
  await vi.waitFor(() => {
    const [first] = builder.worker.status().projections;
    expect(first?.partitions.some(({ reached }) => reached.offset > 0)).toBe(true);
  }, patience);
  builder.stop();
  await builder.running;

  const appending = (async () => {
    for (let from = third; from < entries.length; from += 200) {
      await world.append(entries.slice(from, from + 200));
      // A load over a while, in which the switch happens.
      await pause(10);
    }
  })();
  const partitionsBefore = held().map(({ partition }) => partition);
  let switchedAt = 0;
  for (const { projection } of next) {
    const { name, version } = projection;
    const [from, to] = [1, 2].map((generation) => ({ projection: name, version, generation }));
    expect(await world.generations.promote(to!, from!, Date.now())).toBe(true);
    switchedAt = performance.now();
  }
  await vi.waitFor(() => {
    expect(new Set(generationsNow())).toEqual(new Set([2]));
    expect(held().map(({ partition }) => partition)).toEqual(partitionsBefore);
  }, patience);
  expect(performance.now() - switchedAt).toBeLessThan(followedMsMax);
  await appending;
  await vi.waitFor(async () => {
    for (const { projection } of next) {
      expect(await world.readModel(projection, 2)).toEqual(projected(projection, facts));
    }
  }, patience);
  for (const { stop, running } of workers) {
    stop();
    await running;
  }
});
