/**
 * How fresh the read models are while something is done to the servers, seen from outside: the
 * worker's own metrics, read five times a second. Figures for people; the judge says what is true.
 */
import { parsePrometheusText, samplesOf } from '../../support/prometheus-text.ts';
import { pause } from '../../support/wait.ts';
import type { TurnstreamProcess } from './turnstream-process.ts';

export type Seen = {
  /** The stalest read model's, at its worst. */
  readonly stalestSeconds: number;
  /** From the end of what was done until every read model was fresh again. */
  readonly recoverySeconds: number;
  /** Of sequencer and worker, by operation. */
  readonly retries: Readonly<Record<string, number>>;
};

const lookMs = 200;

export class Freshness {
  readonly #processes: readonly TurnstreamProcess[];
  readonly #worker: TurnstreamProcess;

  constructor(worker: TurnstreamProcess, others: readonly TurnstreamProcess[]) {
    this.#worker = worker;
    this.#processes = [worker, ...others];
  }

  async stalenessSeconds(): Promise<number> {
    this.#mindTheDead();
    const metrics = parsePrometheusText(await this.#worker.metrics());
    const samples = samplesOf(metrics, 'turnstream_staleness_seconds');
    return Math.max(...samples.map(({ value }) => value));
  }

  async untilFresh(freshSeconds: number): Promise<void> {
    while ((await this.stalenessSeconds()) > freshSeconds) await pause(lookMs);
  }

  /** Does it, and waits until no read model is staler than `freshSeconds`. */
  async during(doing: () => Promise<unknown>, freshSeconds: number): Promise<Seen> {
    const before = await this.#retries();
    let stalestSeconds = 0;
    const look = async () => {
      const now = await this.stalenessSeconds();
      stalestSeconds = Math.max(stalestSeconds, now);
      return now;
    };
    let isDone = false;
    const done = doing().finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    while (!isDone) {
      await look();
      await pause(lookMs);
    }
    await done;
    const doneAt = performance.now();
    while ((await look()) > freshSeconds) await pause(lookMs);
    const recoverySeconds = (performance.now() - doneAt) / 1000;
    const after = await this.#retries();
    const retries = Object.fromEntries(
      Object.entries(after)
        .map(([operation, count]) => [operation, count - (before[operation] ?? 0)] as const)
        .filter(([, count]) => count > 0),
    );
    return {
      stalestSeconds: tenths(stalestSeconds),
      recoverySeconds: tenths(recoverySeconds),
      retries,
    };
  }

  #mindTheDead(): void {
    const dead = this.#processes.find(({ died }) => died);
    if (dead === undefined) return;
    throw new Error(`turnstream ${dead.name} ended: ${dead.lastLine()}\n${dead.log()}`);
  }

  async #retries(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const one of this.#processes) {
      const metrics = parsePrometheusText(await one.metrics());
      for (const { labels, value } of samplesOf(metrics, 'turnstream_retries_total')) {
        const operation = labels['operation'] ?? '?';
        counts[operation] = (counts[operation] ?? 0) + value;
      }
    }
    return counts;
  }
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
