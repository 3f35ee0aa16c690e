/**
 * kill -9 of every part under load, in rounds: each kind once a round in an order and at moments that
 * chance chooses. After each round the load ends and SQL over Postgres judges the read models.
 * The next part is killed while the ones before still recover, or once they have, so that the times to
 * recover are each one kind's own.
 */
import { between, type Random } from '../../../generator/random.ts';
import { killServer, startServer } from '../../../local/stack.ts';
import { textTable } from '../../../processor/commands/text-table.ts';
import { BackgroundLoad } from './background-load.ts';
import { type Death, Supervised, shuffled, whenBack } from './faults.ts';
import type { Spine } from './spine.ts';
import type { Role } from './zombie.ts';

export const killed = ['sequencer', 'worker', 'connect', 'kafka', 'cassandra', 'postgres'] as const;
export type Killed = (typeof killed)[number];

export type Recovery = {
  readonly kind: Killed;
  /** From the kill until it answers again (a server) or is started again (a process). */
  readonly awaySeconds: number;
  /** From the kill until every read model has passed what was committed when it was back. */
  readonly recoverySeconds: number;
};

type Kill = {
  /** It answers again, or is started again. */
  readonly back: Promise<void>;
  readonly recovered: Promise<void>;
};

/** Changes that are committed between two kills, at most. */
const changesBetweenMax = 600;

export class Kills {
  readonly #spine: Spine;
  readonly #random: Random;
  readonly #processes: Readonly<Record<Role, Supervised>>;
  readonly recoveries: Recovery[] = [];

  constructor(spine: Spine, random: Random) {
    this.#spine = spine;
    this.#random = random;
    this.#processes = {
      sequencer: new Supervised(spine, ['sequence']),
      worker: new Supervised(spine, ['run', '--all']),
    };
  }

  /** One that goes on while Postgres is away; each run of the generator takes the next seed. */
  load(seed: number): BackgroundLoad {
    return new BackgroundLoad(this.#spine.pool, {
      seed,
      endAtMs: Date.parse('2026-03-05T12:00:00Z'),
      rowsPerSecondMax: 200,
      outlivesPostgres: true,
    });
  }

  get deaths(): readonly Death[] {
    return Object.values(this.#processes).flatMap(({ deaths }) => deaths);
  }

  /** Each kind once, each after the recovery from the one before; the load goes on. */
  async oneByOne(load: BackgroundLoad): Promise<void> {
    for (const kind of shuffled(this.#random, killed)) {
      await load.goesOn(between(this.#random, 1, changesBetweenMax));
      const { recovered } = this.#kill(kind);
      await recovered;
    }
  }

  /** Each kind once, the next while the ones before recover. The load ends when all are back. */
  async overlapping(load: BackgroundLoad): Promise<void> {
    const kills: Kill[] = [];
    for (const kind of shuffled(this.#random, killed)) {
      await load.goesOn(between(this.#random, 1, changesBetweenMax));
      kills.push(this.#kill(kind));
    }
    await Promise.all(kills.map(({ back }) => back));
    await load.stop();
    await Promise.all(kills.map(({ recovered }) => recovered));
  }

  #kill(kind: Killed): Kill {
    const startedAt = performance.now();
    const back = this.#crash(kind);
    const recovered = this.#recovery(kind, startedAt, back);
    // Whoever began it awaits it later; until then a failure is not unhandled.
    recovered.catch(() => undefined);
    return { back, recovered };
  }

  async #crash(kind: Killed): Promise<void> {
    if (kind === 'sequencer' || kind === 'worker') {
      await this.#processes[kind].crash();
      return;
    }
    await killServer(kind);
    await startServer(kind);
  }

  async #recovery(kind: Killed, startedAt: number, back: Promise<void>): Promise<void> {
    const seconds = () => (performance.now() - startedAt) / 1000;
    await back;
    const awaySeconds = seconds();
    const lsn = await whenBack(() => this.#spine.currentLsn());
    await this.#spine.passed(lsn);
    this.recoveries.push({ kind, awaySeconds, recoverySeconds: seconds() });
  }

  /** An orderly end of both, so that nobody starts them again. */
  async end(): Promise<void> {
    await Promise.all(Object.values(this.#processes).map((one) => one.stop()));
  }

  /** An orderly end of one; its exit code. */
  stop(role: Role): Promise<number | null> {
    return this.#processes[role].stop();
  }

  /** Again, after `stop`. */
  start(role: Role): void {
    this.#processes[role].start();
  }

  /** What people want to know at the end. */
  report(): string {
    const rows = killed.map((kind) => {
      const ofKind = this.recoveries.filter((one) => one.kind === kind);
      const away = ofKind.map((one) => one.awaySeconds);
      const recovery = ofKind.map((one) => one.recoverySeconds);
      const figures = [median(away), Math.max(...away), median(recovery), Math.max(...recovery)];
      return [kind, String(ofKind.length), ...figures.map((figure) => figure.toFixed(1))];
    });
    const header = ['killed', 'times', 'away s', 'most', 'recovered s', 'most'];
    const deaths = this.deaths.map(({ name, said }) => `  ${name}: ${said}`);
    return [
      textTable(header, rows, { alignRight: [1, 2, 3, 4, 5] }),
      deaths.length === 0 ? 'no process ended by itself' : 'processes that ended by themselves:',
      ...deaths,
    ].join('\n');
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
