/**
 * A load that goes on in the background while a test does something to the servers: conversations
 * and odd changes, run after run of the generator, each with a seed of its own. A source that is
 * away on purpose ends a run; who asks for that says so, and the next run begins when it is back.
 */
import type { Pool } from 'pg';
import { generate } from '../../../generator/generate.ts';
import { TurnstreamError } from '../../../processor/error.ts';
import { pause } from '../../support/wait.ts';

export type LoadOptions = {
  readonly seed: number;
  readonly endAtMs: number;
  /** Rows of conversations a second; odd changes come beside them, as fast as they go. */
  readonly rowsPerSecondMax: number;
  readonly sessionsPerRun?: number;
  readonly mixedChangesPerRun?: number;
  /** A run that Postgres broke off is left as it stands, like an application that lost its database. */
  readonly outlivesPostgres?: boolean;
};

const lookMs = 100;

export class BackgroundLoad {
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  #changes = 0;
  #runs = 0;
  #brokenOff = 0;

  /** The four tables must be there; the pool must allow 32 connections. */
  constructor(pool: Pool, options: LoadOptions) {
    this.#running = this.#run(pool, options);
    // It is awaited in `stop`.
    this.#running.catch(() => undefined);
  }

  /** Row changes that are committed. */
  get changes(): number {
    return this.#changes;
  }

  /** Runs that a lost Postgres broke off. */
  get brokenOff(): number {
    return this.#brokenOff;
  }

  /** Resolves when so many more row changes are committed; rejects with what ended the load. */
  async goesOn(changes: number): Promise<void> {
    const until = this.#changes + changes;
    while (this.#changes < until) await Promise.race([this.#running, pause(lookMs)]);
  }

  async #run(pool: Pool, options: LoadOptions): Promise<void> {
    const { seed, endAtMs, rowsPerSecondMax } = options;
    const { sessionsPerRun = 12, mixedChangesPerRun = 150 } = options;
    while (!this.#abort.signal.aborted) {
      const before = this.#changes;
      const run = {
        seed: seed + this.#runs,
        endAtMs,
        rowsPerSecondMax,
        sessions: sessionsPerRun,
        mixedChanges: mixedChangesPerRun,
      };
      this.#runs += 1;
      const progress = ({ changes }: { readonly changes: number }) => {
        this.#changes = before + changes;
      };
      try {
        await generate(pool, run, progress, this.#abort.signal);
      } catch (thrown) {
        if (options.outlivesPostgres !== true || !isLost(thrown)) throw thrown;
        this.#brokenOff += 1;
        await answers(pool);
      }
    }
  }

  /** Resolves when what is in flight is committed; rejects with what ended the load before. */
  async stop(): Promise<number> {
    this.#abort.abort();
    await this.#running;
    return this.#changes;
  }
}

function isLost(thrown: unknown): boolean {
  return thrown instanceof TurnstreamError && thrown.code === 'CONNECT';
}

/** Resolves when Postgres takes queries. */
async function answers(pool: Pool): Promise<void> {
  for (;;) {
    try {
      await pool.query('SELECT 1');
      return;
    } catch {
      await pause(lookMs);
    }
  }
}
