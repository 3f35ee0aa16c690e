/**
 * How fast one worker catches up: events per second through every read model of the registry, on
 * the local stack, from a topic filled beforehand.
 * Run: `npx tsx benchmarks/worker.bench.ts [turns]`, with `node --import tsx --cpu-prof` for a profile.
 */

import { Registry } from 'prom-client';
import { metricsObserver } from '../processor/engine/metrics-observer.ts';
import { createWorker } from '../processor/engine/worker.ts';
import { createMetrics } from '../processor/metrics/metrics.ts';
import { projections } from '../projections/index.ts';
import { openRealWorld } from '../test/worker/real-world.ts';
import { synthesise } from '../test/worker/synthetic.ts';

const turns = Number(process.argv[2] ?? 8_000);
const partitions = 4;
const chunkEvents = 5_000;

const metrics = createMetrics(new Registry(), { processMetrics: false });
const measured = metricsObserver(metrics);
let batches = 0;
let rows = 0;
const world = await openRealWorld(projections, partitions, {
  observer: {
    ...measured,
    applied: (batch) => {
      rows += batch.rows.upserts + batch.rows.deletes + batch.rows.totals;
      measured.applied(batch);
    },
    finished: (batch) => {
      batches += 1;
      measured.finished(batch);
    },
  },
});
const eventsTotal = await fill();
const stop = new AbortController();
const worker = createWorker(world.deps, world.settings);
const running = worker.run(stop.signal);
const done = () => {
  const { projections: all } = worker.status();
  return all.every(
    ({ partitions: held }) =>
      held.length === partitions &&
      held.every(({ reached, endOffset }) => endOffset !== null && reached.offset >= endOffset),
  );
};
const wait = () => new Promise((resolve) => setTimeout(resolve, 5));
// From the first assignment, so joining the group is left out and every event is inside.
while (worker.status().epoch === null) await wait();
const startedAtMs = performance.now();
const cpu = process.cpuUsage();
while (!done()) await wait();
const seconds = (performance.now() - startedAtMs) / 1000;
const used = process.cpuUsage(cpu);
console.log(
  JSON.stringify({
    events: eventsTotal,
    seconds: Number(seconds.toFixed(2)),
    eventsPerSecond: Math.round(eventsTotal / seconds),
    rowsPerSecond: Math.round(rows / seconds),
    batches,
    cpuMicrosPerEvent: Math.round((used.user + used.system) / eventsTotal),
    rssMebibytes: Math.round(process.memoryUsage.rss() / 2 ** 20),
  }),
);
stop.abort();
await running;
await world.close();

async function fill(): Promise<number> {
  const { events } = synthesise(turns, partitions, Date.now());
  for (let start = 0; start < events.length; start += chunkEvents) {
    const chunk = events.slice(start, start + chunkEvents);
    await world.append(chunk.map(({ partition, event }) => ({ partition, entry: event })));
  }
  return events.length;
}
