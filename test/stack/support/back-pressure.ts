/**
 * The CQL database stands still at full input: first for the worker alone, whose way to it leads
 * through a proxy that holds all bytes, then for everybody (SIGSTOP: connections stay, nobody
 * answers). Meanwhile memory and staleness are sampled, the latter beside what beacons.ts knows.
 */
import { generate } from '../../../generator/generate.ts';
import { killServer } from '../../../local/stack.ts';
import { parsePrometheusText, sampleOf, samplesOf } from '../../support/prometheus-text.ts';
import { pause } from '../../support/wait.ts';
import { Beacons } from './beacons.ts';
import { type Liveness, limits, type Part } from './liveness.ts';
import type { TurnstreamProcess } from './turnstream-process.ts';

const MiB = 1024 * 1024;
const projection = 'steps_by_type_day';
const pouredStepBytes = 32 * 1024;
/** Two looks at one clock. */
const clockMs = 100;
/** After the release, until requests that were given up are tried again. */
const settleMs = 5_000;
const endAtMs = Date.parse('2026-03-05T12:00:00Z');

/** What each may hold at a time, from the limits: in flight, queued, fetched, cached. */
export const heldMiBMax = {
  sequencer:
    (limits.TURNSTREAM_SEQUENCER_BYTES_IN_FLIGHT_MAX +
      limits.TURNSTREAM_KAFKA_PARTITION_QUEUE_BYTES_MAX +
      limits.TURNSTREAM_KAFKA_FETCH_BYTES_MAX +
      2 * limits.TURNSTREAM_SEQUENCER_BATCH_BYTES_MAX +
      limits.TURNSTREAM_SEQUENCER_CACHE_BYTES_MAX) /
    MiB,
  worker:
    (limits.TURNSTREAM_WORKER_BYTES_IN_FLIGHT_MAX +
      4 *
        (limits.TURNSTREAM_KAFKA_PARTITION_QUEUE_BYTES_MAX +
          limits.TURNSTREAM_KAFKA_FETCH_BYTES_MAX)) /
    MiB,
};

export type Load = {
  /** The worker's database stands still for so long, … */
  readonly heldMs: number;
  /** … and at the end of that, everybody's for so long. */
  readonly stoppedMs: number;
  /** Under load before that. */
  readonly warmMs: number;
  /** Of conversations; 0: as fast as Postgres takes them. */
  readonly rowsPerSecondMax: number;
  /** Of contents, beside them. */
  readonly pouredBytesPerSecond: number;
};

type Phase = 'before' | 'held' | 'stopped' | 'after';

const inFlightMax = {
  sequencer: limits.TURNSTREAM_SEQUENCER_BYTES_IN_FLIGHT_MAX,
  worker: limits.TURNSTREAM_WORKER_BYTES_IN_FLIGHT_MAX,
};

/** A record is held as bytes, decoded, and encoded again for where it goes. */
const objectsFactor = 3;

export type Sample = {
  readonly atMs: number;
  readonly endedMs: number;
  readonly phase: Phase;
  /** As the worker says. */
  readonly stalenessMs: number | null;
  /** So stale it was at most, as far as the beacons knew then. */
  readonly trueMsMax: number;
  readonly residentMiB: { readonly sequencer: number; readonly worker: number };
  readonly inFlightMiB: { readonly sequencer: number; readonly worker: number };
};

export type Tolerance = {
  /** Of the source's time: what a batch in hand may hold. */
  readonly toleranceMs: number;
  /** What can be read is said so soon. */
  readonly reportMsMax: number;
};

export class BackPressure {
  readonly #one: Liveness;
  readonly beacons: Beacons;
  readonly samples: Sample[] = [];
  #phase: Phase = 'before';
  #heldAtMs = Number.POSITIVE_INFINITY;
  #releasedAtMs = Number.POSITIVE_INFINITY;

  private constructor(one: Liveness, beacons: Beacons) {
    this.#one = one;
    this.beacons = beacons;
  }

  static async open(one: Liveness): Promise<BackPressure> {
    const opened = new BackPressure(one, await Beacons.open(one.spine));
    await one.spine.caughtUp();
    return opened;
  }

  /** Answers how much came in while the database stood still, and how long it took to catch up. */
  async run(load: Load) {
    const abort = new AbortController();
    const sampling = this.#sample(abort.signal);
    sampling.catch(() => undefined);
    const input = new AbortController();
    const loading = Promise.all([
      this.#converse(load, input.signal),
      this.#pour(load, input.signal),
    ]);
    loading.catch(() => undefined);
    await pause(load.warmMs);
    const before = await this.#contentBytes();
    this.#phase = 'held';
    this.#heldAtMs = Date.now();
    this.#one.cql.worker.hold();
    await pause(load.heldMs);
    this.#phase = 'stopped';
    await killServer('cassandra', 'SIGSTOP');
    let inputBytes = 0;
    let rows = 0;
    try {
      await pause(load.stoppedMs);
      inputBytes = (await this.#contentBytes()) - before;
      input.abort();
      [rows] = await loading;
    } finally {
      // Whatever went wrong: whoever comes next needs the server.
      this.#releasedAtMs = Date.now();
      await killServer('cassandra', 'SIGCONT');
      this.#one.cql.worker.release();
    }
    this.#phase = 'after';
    await this.#one.spine.caughtUp();
    const catchUpSeconds = tenths((Date.now() - this.#releasedAtMs) / 1000);
    // The staleness of one who has caught up is part of the truth.
    await pause(1_500);
    await this.beacons.close();
    abort.abort();
    await sampling;
    return { inputMiB: tenths(inputBytes / MiB), rows, catchUpSeconds };
  }

  /**
   * What the samples say that is not so, in words: less than is true, or by more than `toleranceMs`
   * more than what was true `reportMsMax` before. A watermark is seen once all before it can be read,
   * so it comes after the rows of its batch: soon, but how much of the source's time that is depends
   * on how sparse the log is there. While nothing moves, both moments are the same.
   */
  untruths({ toleranceMs, reportMsMax }: Tolerance): readonly string[] {
    return this.samples.flatMap((sample, at) => {
      const { atMs, endedMs, phase, stalenessMs, trueMsMin } = this.#judged(sample);
      const said = `${phase}, ${(atMs - this.#heldAtMs) / 1000} s: ${stalenessMs} ms said`;
      if (stalenessMs === null) return [said];
      if (stalenessMs < trueMsMin - clockMs) return [`${said}, at least ${trueMsMin} ms are true`];
      // Writes that had been given up become readable before anybody is told of it.
      const isSettling = atMs >= this.#releasedAtMs && atMs < this.#releasedAtMs + settleMs;
      const then = this.samples.slice(0, at).findLast((one) => one.endedMs <= atMs - reportMsMax);
      if (isSettling || then === undefined) return [];
      const mostMs = then.trueMsMax + (endedMs - then.endedMs);
      if (stalenessMs < mostMs + toleranceMs) return [];
      return [`${said}, at most ${mostMs} ms were true ${atMs - then.endedMs} ms before`];
    });
  }

  #judged(sample: Sample) {
    const frozenFromMs = this.#heldAtMs + 500;
    const isFrozen = sample.atMs > frozenFromMs && sample.endedMs < this.#releasedAtMs;
    const frozenSinceMs = isFrozen ? frozenFromMs : sample.endedMs;
    return { ...sample, trueMsMin: this.beacons.staleMsMin(sample.atMs, frozenSinceMs) };
  }

  async #converse({ rowsPerSecondMax }: Load, signal: AbortSignal): Promise<number> {
    let rows = 0;
    for (let run = 0; !signal.aborted; run += 1) {
      const options = { seed: 900 + run, sessions: 2_000, endAtMs, rowsPerSecondMax };
      rows += (await generate(this.#one.spine.pool, options, undefined, signal)).changes;
    }
    return rows;
  }

  /** Contents that weigh: texts that a compression halves and no more. */
  async #pour({ pouredBytesPerSecond }: Load, signal: AbortSignal): Promise<void> {
    const stepsPerSecond = Math.ceil(pouredBytesPerSecond / pouredStepBytes);
    const { pool } = this.#one.spine;
    for (let batch = 0; !signal.aborted; batch += 1) {
      const startedMs = Date.now();
      const [turn, session] = [`poured-${batch}`, `poured-${batch % 16}`];
      await pool.query(`INSERT INTO agent_turns VALUES ($1, $2, NULL, NULL, '2026-03-01Z')`, [
        turn,
        session,
      ]);
      await pool.query(
        `INSERT INTO steps SELECT $1::text, i, 9,
           (SELECT string_agg(md5(random()::text || j || i), '') FROM generate_series(1, $2::int) j),
           '2026-03-01T00:00:00Z' FROM generate_series(1, $3::int) i`,
        [turn, pouredStepBytes / 32, stepsPerSecond],
      );
      await pause(Math.max(0, 1_000 - (Date.now() - startedMs)));
    }
  }

  async #contentBytes(): Promise<number> {
    const { rows } = await this.#one.spine.pool.query<{ bytes: string }>(
      'SELECT coalesce(sum(octet_length(content)), 0) AS bytes FROM steps',
    );
    return Number(rows[0]?.bytes ?? 0);
  }

  async #sample(signal: AbortSignal): Promise<void> {
    const { sequencer: one, worker: other } = this.#one.processes;
    while (!signal.aborted) {
      const atMs = Date.now();
      const phase = this.#phase;
      // Asked before: what is readable by now may be known only later.
      const oldestMs = this.beacons.staleMsMax(atMs);
      const [sequencer, worker] = await Promise.all([
        memoryOf(one, 'sequencer'),
        memoryOf(other, 'worker'),
      ]);
      const endedMs = Date.now();
      this.samples.push({
        atMs,
        endedMs,
        phase,
        stalenessMs: worker.stalenessMs,
        trueMsMax: oldestMs + (endedMs - atMs),
        residentMiB: { sequencer: sequencer.residentMiB, worker: worker.residentMiB },
        inFlightMiB: { sequencer: sequencer.inFlightMiB, worker: worker.inFlightMiB },
      });
      await pause(250);
    }
  }

  /** The most resident memory before, and from then on, beside what the limits allow to be held. */
  memory() {
    const most = (part: Part, phases: readonly Phase[]) =>
      Math.max(
        ...this.samples
          .filter(({ phase }) => phases.includes(phase))
          .map(({ residentMiB }) => residentMiB[part]),
      );
    const of = (part: Part) => ({
      warmMiB: most(part, ['before']),
      standingMiB: most(part, ['held', 'stopped']),
      catchingUpMiB: most(part, ['after']),
      heldMiBMax: heldMiBMax[part],
    });
    return { sequencer: of('sequencer'), worker: of('worker') };
  }

  /**
   * Where memory went beyond what the limits allow, in words. `garbageMiB`: what the runtime has not
   * collected yet, beside the objects and copies that each held byte costs.
   */
  overLimits(garbageMiB: number): readonly string[] {
    const memory = this.memory();
    const problems: string[] = [];
    for (const part of ['sequencer', 'worker'] as const) {
      const { warmMiB, standingMiB, catchingUpMiB } = memory[part];
      const allowedMiB = warmMiB + objectsFactor * heldMiBMax[part] + garbageMiB;
      const mostMiB = Math.max(standingMiB, catchingUpMiB);
      if (mostMiB > allowedMiB) problems.push(`${part}: ${mostMiB} of ${allowedMiB} MiB resident`);
      const inFlightMiB = Math.max(...this.samples.map((sample) => sample.inFlightMiB[part]));
      const inFlightMiBMax = inFlightMax[part] / MiB;
      if (inFlightMiB > inFlightMiBMax) {
        problems.push(`${part}: ${inFlightMiB} of ${inFlightMiBMax} MiB in flight`);
      }
    }
    return problems;
  }

  /** Some lines for people: a sample of every so many. */
  table(lines: number): string {
    const [first] = this.samples;
    const every = Math.max(1, Math.floor(this.samples.length / lines));
    const seconds = (ms: number | null) => (ms === null ? '-' : (ms / 1000).toFixed(1));
    return this.samples
      .filter((_, at) => at % every === 0)
      .map((sample) => this.#judged(sample))
      .map((one) => {
        const at = seconds(one.atMs - (first?.atMs ?? 0)).padStart(6);
        const truth = `${seconds(one.trueMsMin)}–${seconds(one.trueMsMax)}`;
        const memory = `${one.residentMiB.sequencer} / ${one.residentMiB.worker} MiB`;
        const flight = `${one.inFlightMiB.sequencer} / ${one.inFlightMiB.worker} MiB`;
        return `${at} s  ${one.phase.padEnd(8)} staleness ${seconds(one.stalenessMs)} s, true ${truth} s; resident ${memory}; in flight ${flight}`;
      })
      .join('\n');
  }
}

async function memoryOf(one: TurnstreamProcess, part: 'sequencer' | 'worker') {
  const families = parsePrometheusText(await one.metrics());
  const [staleness] = samplesOf(families, 'turnstream_staleness_seconds', { projection });
  const [inFlight] = samplesOf(families, 'turnstream_bytes_in_flight', { part });
  return {
    residentMiB: Math.round(sampleOf(families, 'process_resident_memory_bytes') / MiB),
    inFlightMiB: tenths((inFlight?.value ?? 0) / MiB),
    stalenessMs: staleness === undefined ? null : staleness.value * 1000,
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
