/**
 * Metrics pages as the processes of a healthy installation serve them, from the metrics' own code: a
 * sequencer that works and one that stands by, two workers, a verifier and a replay. `tick` is a moment of load.
 */
import { Registry } from 'prom-client';
import { createMetrics, type Metrics } from '../../processor/metrics/metrics.ts';
import { type MetricsServer, startMetricsServer } from '../../processor/metrics/server.ts';
import { createVerifyMetrics, type VerifyMetrics } from '../../processor/metrics/verify-metrics.ts';
import type { Lsn } from '../../processor/source/lsn.ts';
import { everything } from '../../processor/verify/ports.ts';
import type { VerifyReport } from '../../processor/verify/report.ts';
import type { Target } from './prometheus-server.ts';

const partitions = [0, 1, 2, 3];
const names = ['turns_by_account', 'steps_by_type_day'];
const alive = { ok: true, reasons: [] };

export class Pages {
  readonly targets: readonly Target[];
  readonly #servers: readonly MetricsServer[];
  readonly #tick: () => void;
  readonly #timer: NodeJS.Timeout;

  private constructor(
    targets: readonly Target[],
    servers: readonly MetricsServer[],
    tick: () => void,
  ) {
    this.targets = targets;
    this.#servers = servers;
    this.#tick = tick;
    this.#timer = setInterval(() => this.#tick(), 100);
  }

  static async open(): Promise<Pages> {
    const registries = {
      sequencer: new Registry(),
      standby: new Registry(),
      worker: new Registry(),
      second: new Registry(),
      verify: new Registry(),
      replay: new Registry(),
    };
    const of = (name: Exclude<keyof typeof registries, 'verify'>) =>
      createMetrics(registries[name]);
    const ticks = [
      sequencer(of('sequencer')),
      standby(of('standby')),
      worker(of('worker'), partitions.slice(0, 2)),
      worker(of('second'), partitions.slice(2)),
      verifier(createVerifyMetrics(registries.verify, Date.now)),
      replay(of('replay')),
    ];
    const servers = await Promise.all(
      Object.values(registries).map((registry) =>
        startMetricsServer({
          host: '127.0.0.1',
          port: 0,
          registry,
          health: { live: () => alive, ready: () => alive },
        }),
      ),
    );
    const targets = Object.keys(registries).map((job, index) => {
      return { job, url: servers[index]?.url ?? '', labels: { namespace: 'demo' } };
    });
    return new Pages(targets, servers, () => {
      for (const tick of ticks) tick();
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

function polled({ source }: Metrics): void {
  source.primary(5_000_000 as Lsn);
  source.connector('turnstream', true);
  source.connectorRestarts('turnstream');
  source.slot({ name: 'turnstream', status: 'reserved', active: true, retainedBytes: 70_000 });
  source.polled('postgres', 'ok');
  source.polled('log', 'ok');
}

function sequencer(metrics: Metrics): () => void {
  const { active, parked, changes, events } = metrics.sequencer();
  const part = metrics.part('sequencer');
  const cache = metrics.cache('state');
  const retries = metrics.retries('produce');
  const restarts = metrics.restarts('sequencer', 'LOG');
  metrics.sequencerProgress.hold('sequencer', 0, { offset: 0, watermark: null, deadLetters: 0 });
  let offset = 0;
  return () => {
    offset += 10;
    active.set(1);
    parked({ steps: 1, oldestAt: Date.now() - 500 });
    changes.applied.inc(9);
    changes.irrelevant.inc();
    events.StepRecorded.inc(9);
    part.batchRecords.observe(10);
    part.batchSeconds.observe(0.004);
    part.bytesInFlight.set(5000);
    cache.hits.inc(8);
    cache.misses.inc(2);
    retries.inc(0);
    restarts.inc(0);
    metrics.stage.capture.observe(0.01);
    metrics.stage.sequence.observe(0.005);
    metrics.sequencerProgress.end('sequencer', 0, offset + 3);
    metrics.sequencerProgress.advance('sequencer', 0, { offset, watermark: null });
    polled(metrics);
  };
}

function standby(metrics: Metrics): () => void {
  const { active } = metrics.sequencer();
  return () => {
    active.set(0);
    polled(metrics);
  };
}

function worker(metrics: Metrics, held: readonly number[]): () => void {
  const part = metrics.part('worker');
  part.rebalances.inc();
  const watermark = () => ({ lsn: 4_990_000 as Lsn, committedAt: Date.now() - 120 });
  for (const name of names) {
    metrics.hosting(name).hosted.set(1);
    metrics.hosting(name).versionBehind.set(0);
    for (const partition of held) {
      const mark = { offset: 0, watermark: watermark(), deadLetters: 0 };
      metrics.progress.hold(name, partition, mark);
    }
  }
  let offset = 0;
  return () => {
    offset += 5;
    for (const name of names) {
      const { events, rowsWritten, commitToReadable } = metrics.projection(name);
      events.inc(5);
      rowsWritten.upsert.inc(4);
      commitToReadable.observe(0.03 + Math.random() / 50);
      metrics.deadLetters(name).inc(0);
      metrics.letterRetries(name, 'retried').inc(0);
      for (const partition of held) {
        metrics.progress.end(name, partition, offset + 1);
        metrics.progress.advance(name, partition, { offset, watermark: watermark() });
      }
    }
    part.batchRecords.observe(5);
    part.batchSeconds.observe(0.01);
    part.bytesInFlight.set(2000);
    metrics.stage.project.observe(0.001);
    metrics.stage.write.observe(0.01);
    metrics.cache('totals').hits.inc();
    polled(metrics);
  };
}

function verifier(metrics: VerifyMetrics): () => void {
  const projections = names.map((projection) => ({
    kind: 'map' as const,
    ...{ projection, generation: 'g', compared: true, rows: 90, expected: 90, missing: 0 },
    ...{ extra: 0, different: 0, changing: 2, unsettled: 0, pinned: 0, pinnedKeys: [] },
    ...{ refused: 0, refusals: [], unexaminedBuckets: 0, unexaminedRows: 0, repaired: 0 },
    ...{ differences: [], problems: [] },
  }));
  const report: VerifyReport = {
    ...{ verdict: 'equal', lsn: '0/4C4000', position: 1, rounds: 1, seconds: 0.2 },
    ...{ at: '2026-03-05T12:00:00Z', part: everything, projections },
  };
  return () => metrics.report(report);
}

function replay(metrics: Metrics): () => void {
  const { progressRatio, eventsPerSecond, phase } = metrics.replay(names[0] ?? '');
  return () => {
    progressRatio.set(0.4);
    eventsPerSecond.set(9000);
    phase('building', ['building', 'catching up', 'done']);
  };
}
