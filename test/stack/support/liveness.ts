/**
 * Networks and servers that misbehave for a while, and what the processes do meanwhile: they stay,
 * say what they wait for, once in a while, and go on by themselves. One spine whose own processes
 * reach Kafka and the CQL server through proxies; the judge and the test do not.
 */
import { expect, vi } from 'vitest';
import { createTables, generate } from '../../../generator/generate.ts';
import { stackAddresses, startServer, stopServer } from '../../../local/stack.ts';
import { parsePrometheusText, sampleOf, samplesOf } from '../../support/prometheus-text.ts';
import { pause } from '../../support/wait.ts';
import { KafkaProxy } from './kafka-proxy.ts';
import { Spine } from './spine.ts';
import { TcpProxy } from './tcp-proxy.ts';
import type { TurnstreamProcess } from './turnstream-process.ts';

const endAtMs = Date.parse('2026-03-05T12:00:00Z');
const soon = { timeout: 60_000, interval: 100 };

export const sessionTimeoutMs = 2_000;
export const fetchStalledMsMax = 4_000;

export type Part = 'sequencer' | 'worker';
const parts = ['sequencer', 'worker'] as const;

const MiB = 1024 * 1024;

/** Bytes that may be held, each by itself small against what comes in. */
export const limits = {
  TURNSTREAM_KAFKA_RECORD_BYTES_MAX: 2 * MiB,
  TURNSTREAM_KAFKA_FETCH_BYTES_MAX: 2 * MiB,
  TURNSTREAM_KAFKA_PARTITION_QUEUE_BYTES_MAX: MiB,
  TURNSTREAM_SEQUENCER_EVENT_BYTES_TARGET: MiB / 8,
  TURNSTREAM_SEQUENCER_BATCH_BYTES_MAX: MiB,
  TURNSTREAM_SEQUENCER_BYTES_IN_FLIGHT_MAX: 2 * MiB,
  TURNSTREAM_SEQUENCER_CACHE_BYTES_MAX: 16 * MiB,
  TURNSTREAM_SEQUENCER_CONTAINER_BYTES_MAX: MiB,
  // Full soon, so that memory does not grow for as long as they fill.
  TURNSTREAM_SEQUENCER_HINTS_MAX: 5_000,
  TURNSTREAM_WORKER_TOTALS_CACHED_MAX: 5_000,
  TURNSTREAM_WORKER_BYTES_IN_FLIGHT_MAX: 2 * MiB,
};

export class Liveness {
  readonly kafka: KafkaProxy;
  /** The ways to the database: the sequencer's and the worker's. */
  readonly cql: Readonly<Record<Part, TcpProxy>>;
  readonly spine: Spine;
  processes: Readonly<Record<Part, TurnstreamProcess>>;
  #seed = 500;

  private constructor(kafka: KafkaProxy, cql: Liveness['cql'], spine: Spine) {
    this.kafka = kafka;
    this.cql = cql;
    this.spine = spine;
    const by = (part: Part) => ({ TURNSTREAM_CQL_PORT: String(cql[part].port) });
    this.processes = {
      sequencer: spine.startWith(by('sequencer'), 'sequence'),
      worker: spine.startWith(by('worker'), 'run', '--all'),
    };
  }

  /** The processes run, and there are no topics yet. */
  static async open(): Promise<Liveness> {
    const addresses = stackAddresses();
    const kafka = new KafkaProxy(Number(addresses.kafka.brokers[0]?.split(':')[1]));
    const { port } = addresses.cql;
    const cql = { sequencer: new TcpProxy(port), worker: new TcpProxy(port) };
    await Promise.all([kafka, cql.sequencer, cql.worker].map((proxy) => proxy.listen()));
    const spine = new Spine({
      ...Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, String(value)])),
      TURNSTREAM_KAFKA_BROKERS: `127.0.0.1:${kafka.port}`,
      TURNSTREAM_KAFKA_SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
      TURNSTREAM_KAFKA_HEARTBEAT_INTERVAL_MS: '500',
      TURNSTREAM_KAFKA_FETCH_STALLED_MS_MAX: String(fetchStalledMsMax),
      TURNSTREAM_SEQUENCER_RETRY_DELAY_MS_MAX: '1000',
      TURNSTREAM_WORKER_RETRY_DELAY_MS_MAX: '1000',
    });
    await spine.pool.query(`CREATE SCHEMA ${spine.name}`);
    await createTables(spine.pool);
    await spine.command('schema', 'apply');
    return new Liveness(kafka, cql, spine);
  }

  async close(): Promise<void> {
    await this.spine.drop();
    const { sequencer, worker } = this.cql;
    await Promise.all([this.kafka, sequencer, worker].map((proxy) => proxy.close()));
  }

  /** Every answer of the database comes so much later. */
  slow(answerDelayMs: number): void {
    for (const part of parts) this.cql[part].answerDelayMs = answerDelayMs;
  }

  stream(sessions: number) {
    this.#seed += 1;
    return generate(this.spine.pool, { seed: this.#seed, sessions, endAtMs });
  }

  async metric(part: Part, name: string, labels: Record<string, string> = {}): Promise<number> {
    const families = parsePrometheusText(await this.processes[part].metrics());
    return samplesOf(families, name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** Assignments of partitions so far, of both. */
  async rebalances(): Promise<readonly number[]> {
    return await Promise.all(parts.map((part) => this.metric(part, 'turnstream_rebalances_total')));
  }

  async restarts(code: string): Promise<readonly number[]> {
    const labels = { code };
    return await Promise.all(
      parts.map((part) => this.metric(part, 'turnstream_restarts_total', labels)),
    );
  }

  async health(part: Part, path: 'live' | 'ready') {
    const { metrics } = await this.processes[part].line(
      (line) => typeof line['metrics'] === 'string',
    );
    const response = await fetch(String(metrics).replace(/metrics$/, `health/${path}`));
    const { reasons } = (await response.json()) as { readonly reasons: readonly string[] };
    return { status: response.status, reasons };
  }

  /** Both are alive and say, to whoever asks for their health, that they wait for this. */
  async wait(forWhat: RegExp): Promise<void> {
    for (const part of parts) {
      await vi.waitFor(async () => {
        const reason = expect.stringMatching(forWhat);
        expect(await this.health(part, 'ready')).toEqual({ status: 503, reasons: [reason] });
        const live = await this.health(part, 'live');
        expect(live.status).toBe(200);
        expect(live.reasons).toContainEqual(reason);
      }, soon);
    }
  }

  /** Both have their places and nothing to wait for. */
  async ready(): Promise<void> {
    for (const part of parts) {
      await vi.waitFor(async () => {
        expect(await this.health(part, 'ready')).toEqual({ status: 200, reasons: [] });
      }, soon);
    }
  }

  /** Lines of both that were logged while it was done. */
  async linesOf(doing: () => Promise<unknown>): Promise<Readonly<Record<Part, number>>> {
    const before = parts.map((part) => this.processes[part].lines.length);
    await doing();
    const [sequencer = 0, worker = 0] = parts.map(
      (part, at) => this.processes[part].lines.length - (before[at] ?? 0),
    );
    return { sequencer, worker };
  }

  /** How many batches took longer than so many seconds, which must be a bound of the histogram. */
  async batchesAbove(part: Part, seconds: number): Promise<number> {
    const families = parsePrometheusText(await this.processes[part].metrics());
    const name = 'turnstream_batch_seconds';
    const all = sampleOf(families, `${name}_count`, { part });
    return all - sampleOf(families, `${name}_bucket`, { part, le: String(seconds) });
  }

  /** The broker is away for so long, or until what is done meanwhile is done. */
  async withoutBroker(awayMs: number, meanwhile: () => Promise<unknown>): Promise<void> {
    await stopServer('kafka');
    const backAt = performance.now() + awayMs;
    await meanwhile();
    await pause(Math.max(0, backAt - performance.now()));
    await startServer('kafka');
  }

  /** Seconds until every read model has what is committed now, and what differs then. */
  async judged(): Promise<{ readonly seconds: number; readonly difference: string | null }> {
    const startedAt = performance.now();
    await this.spine.caughtUp();
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
    return { seconds, difference: await this.spine.judged() };
  }
}
