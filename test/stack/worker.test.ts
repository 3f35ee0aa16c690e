/** The worker on a real broker and a real CQL server: what its memory tests hold, holds there. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createWorker } from '../../processor/engine/worker.ts';
import { projections } from '../../projections/index.ts';
import { projected } from '../worker/history.ts';
import { openRealWorld, type RealWorld } from '../worker/real-world.ts';
import { synthesise } from '../worker/synthetic.ts';

const partitions = 4;
const patience = { timeout: 90_000, interval: 100 };
let world: RealWorld;
const stops: AbortController[] = [];

beforeAll(async () => {
  world = await openRealWorld(projections, partitions);
});

afterAll(async () => {
  for (const stop of stops) stop.abort();
  await world.close();
});

function start() {
  const stop = new AbortController();
  stops.push(stop);
  const worker = createWorker(world.deps, world.settings);
  return { stop, worker, running: worker.run(stop.signal) };
}

test('two workers, one of which leaves under load, end in the rows of the final facts', async () => {
  const { events, facts } = synthesise(3_000, partitions, Date.now());
  const entries = events.map(({ partition, event }) => ({ partition, entry: event }));
  const half = entries.length / 2;
  await world.append(entries.slice(0, half));
  const one = start();
  const two = start();
  const held = (worker: typeof one.worker) => worker.status().projections[0]?.partitions ?? [];
  await vi.waitFor(() => {
    expect(held(one.worker)).toHaveLength(2);
    expect(held(two.worker)).toHaveLength(2);
  }, patience);
  const appended = world.append(entries.slice(half));
  // Under load: it has taken something of what is being appended, and more is to come.
  await vi.waitFor(() => expect(one.worker.status().bytesInFlight).toBeGreaterThan(0), {
    timeout: 30_000,
    interval: 1,
  });
  one.stop.abort();
  await one.running;
  await appended;
  // What a second sequencer would append: the first occurrence counts (I2).
  await world.append(entries.slice(-500));
  await vi.waitFor(async () => expect(await world.caughtUp()).toBe(true), patience);
  expect(held(two.worker)).toHaveLength(partitions);
  for (const projection of projections) {
    expect(await world.readModel(projection)).toEqual(projected(projection, facts));
  }
  two.stop.abort();
  await two.running;
});
