/**
 * Looks after the connector for as long as a sequencer runs, and begins anew what has failed in it: Connect
 * itself never does. The pause between two attempts doubles up to a limit, since a failure that needs a person is
 * met again each time. What is paused or stopped is so by somebody's wish, and left alone.
 *
 * Standbys look too: to begin anew what has failed twice over is to do it once.
 */
import { aborted } from '../processor/engine/any-signal.ts';
import type { Clock, Random } from '../processor/engine/clock.ts';
import { pauseBefore } from '../processor/engine/retry.ts';
import { messageOf } from '../processor/error.ts';
import type { Logger } from '../processor/logger.ts';
import type { Condition, KafkaConnect } from './kafka-connect.ts';

export type WatchSettings = {
  readonly connector: string;
  readonly watchIntervalMs: number;
  readonly restartDelayMsMax: number;
};

export type WatchDeps = {
  readonly connect: Pick<KafkaConnect, 'condition' | 'restartFailed'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Null: Connect does not answer. */
  readonly seen: (running: boolean | null) => void;
  readonly restarted: () => void;
};

/** Until the signal aborts; never rejects. */
export async function watchConnector(
  deps: WatchDeps,
  settings: WatchSettings,
  signal: AbortSignal,
): Promise<void> {
  const watch = new ConnectorWatch(deps, settings);
  const ended = aborted(signal);
  while (!signal.aborted) {
    // A Connect that hangs holds up no end.
    await Promise.race([watch.look(), ended]);
    await deps.clock.delay(settings.watchIntervalMs, signal);
  }
}

export class ConnectorWatch {
  readonly #deps: WatchDeps;
  readonly #settings: WatchSettings;
  /** What was last told, so that it is told once. */
  #told = '';
  #attempts = 0;
  #attemptedAtMs = Number.NEGATIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(deps: WatchDeps, settings: WatchSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** Never rejects. */
  async look(): Promise<void> {
    const { connect, seen } = this.#deps;
    try {
      const condition = await connect.condition();
      seen(condition.kind === 'running');
      if (condition.kind === 'failed') await this.#failed(condition.cause);
      else this.#tell(condition);
      if (condition.kind === 'running') this.#forgive();
    } catch (thrown) {
      seen(null);
      this.#once(`is not known: ${messageOf(thrown)}`, 'warn');
    }
  }

  async #failed(cause: string): Promise<void> {
    const { connect, clock, random, log, restarted } = this.#deps;
    if (clock.nowMs() < this.#notBeforeMs) return;
    const { connector, watchIntervalMs, restartDelayMsMax } = this.#settings;
    this.#attempts += 1;
    const grown = { retryDelayMsMin: watchIntervalMs, retryDelayMsMax: restartDelayMsMax };
    const pauseMs = Math.round(pauseBefore(this.#attempts, grown, random));
    this.#attemptedAtMs = clock.nowMs();
    this.#notBeforeMs = this.#attemptedAtMs + pauseMs;
    this.#told = 'failed';
    log.warn(
      { connector, attempt: this.#attempts, pauseMs, cause },
      `connector ${connector} has failed and is begun anew: ${cause}`,
    );
    await connect.restartFailed();
    restarted();
  }

  /** What has run for as long as the longest pause is as good as new. */
  #forgive(): void {
    const goodForMs = this.#deps.clock.nowMs() - this.#attemptedAtMs;
    if (goodForMs > this.#settings.restartDelayMsMax) this.#attempts = 0;
  }

  #tell(condition: Exclude<Condition, { kind: 'failed' }>): void {
    if (condition.kind === 'missing') {
      this.#once('is not there: run `turnstream connect`', 'warn');
    } else if (condition.kind === 'resting') {
      this.#once(`does not run (${condition.states})`, 'warn');
    } else if (this.#told !== '') {
      this.#once('runs', 'info');
    } else {
      this.#told = 'runs';
    }
  }

  #once(what: string, level: 'info' | 'warn'): void {
    if (what === this.#told) return;
    this.#told = what;
    const { connector } = this.#settings;
    this.#deps.log[level]({ connector }, `connector ${connector} ${what}`);
  }
}
