/**
 * The memory of real processes under full load: a sequencer and a worker on the local stack, the
 * generator as fast as it goes, caches so small that they are full soon. Their own metrics are read
 * every second; of each stretch of changes the least heap is kept (what is left after a collection)
 * and the most resident memory.
 * Run beside `make up`: `node --import tsx benchmarks/memory-stack.bench.ts [seconds]`.
 */
import { createTables } from '../generator/generate.ts';
import { BackgroundLoad } from '../test/stack/support/background-load.ts';
import { Spine } from '../test/stack/support/spine.ts';
import type { TurnstreamProcess } from '../test/stack/support/turnstream-process.ts';
import { parsePrometheusText, sampleOf, samplesOf } from '../test/support/prometheus-text.ts';

const MIB = 2 ** 20;
const seconds = Number(process.argv[2] ?? 300);
const stretchChanges = 25_000;

const spine = new Spine({
  TURNSTREAM_SEQUENCER_CACHE_BYTES_MAX: String(16 * MIB),
  TURNSTREAM_SEQUENCER_HINTS_MAX: '5000',
  TURNSTREAM_WORKER_TOTALS_CACHED_MAX: '5000',
});

type Stretch = { leastHeapMiB: number; mostResidentMiB: number };
type Look = { readonly heap: number; readonly resident: number; readonly changes: number };

async function look(one: TurnstreamProcess): Promise<Look> {
  const metrics = parsePrometheusText(await one.metrics());
  const changes = samplesOf(metrics, 'turnstream_changes_total');
  return {
    heap: sampleOf(metrics, 'nodejs_heap_size_used_bytes') / MIB,
    resident: sampleOf(metrics, 'process_resident_memory_bytes') / MIB,
    changes: changes.reduce((sum, { value }) => sum + value, 0),
  };
}

function add(stretch: Stretch | undefined, { heap, resident }: Look): Stretch {
  return {
    leastHeapMiB: Math.round(Math.min(stretch?.leastHeapMiB ?? heap, heap)),
    mostResidentMiB: Math.round(Math.max(stretch?.mostResidentMiB ?? resident, resident)),
  };
}

try {
  await spine.prepare(createTables);
  const { sequencer, worker } = spine.startBoth();
  await spine.caughtUp();
  const endAtMs = Date.now();
  const seed = endAtMs % 1_000_000;
  const options = {
    seed,
    endAtMs,
    rowsPerSecondMax: 0,
    sessionsPerRun: 1_000,
    // Each looks for a row to change in tables that grow: more of them, and it is the generator that is measured.
    mixedChangesPerRun: 50,
  };
  const load = new BackgroundLoad(spine.pool, options);
  const startedAt = performance.now();
  let from = 0;
  let ofSequencer: Stretch | undefined;
  let ofWorker: Stretch | undefined;
  while (performance.now() - startedAt < seconds * 1000) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const [first, second] = await Promise.all([look(sequencer), look(worker)]);
    ofSequencer = add(ofSequencer, first);
    ofWorker = add(ofWorker, second);
    if (first.changes - from < stretchChanges) continue;
    from = first.changes;
    const passed = Math.round((performance.now() - startedAt) / 1000);
    console.log(
      JSON.stringify({
        changes: from,
        seconds: passed,
        sequencer: ofSequencer,
        worker: ofWorker,
      }),
    );
    [ofSequencer, ofWorker] = [undefined, undefined];
  }
  console.log(JSON.stringify({ rowChanges: await load.stop(), seed }));
} finally {
  await spine.drop();
}
