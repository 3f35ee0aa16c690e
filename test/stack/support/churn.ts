/**
 * Groups whose members come and go under load: workers that join, leave, are killed, or stop for
 * longer than their session and then go on with what they had in hand; two sequencers of which the
 * one that works is killed or stopped. Chance chooses who, in which order and when.
 */
import { between, pick, type Random } from '../../../generator/random.ts';
import { parsePrometheusText, samplesOf } from '../../support/prometheus-text.ts';
import { until } from '../../support/wait.ts';
import type { BackgroundLoad } from './background-load.ts';
import { shuffled } from './faults.ts';
import { type Spine, spinePartitions } from './spine.ts';
import type { TurnstreamProcess } from './turnstream-process.ts';
import { impatient } from './zombie.ts';

export const churns = [
  'join',
  'leave',
  'kill',
  'stop',
  'kill sequencer',
  'stop sequencer',
] as const;
export type Churn = (typeof churns)[number];

const changesBetweenMax = 300;
/** What a stopped one misses at least: its successor writes so much before it goes on. */
const missedChangesMin = 200;
const workersMax = 4;

export class Group {
  readonly #spine: Spine;
  readonly #random: Random;
  readonly #load: BackgroundLoad;
  #workers: readonly TurnstreamProcess[];
  #sequencers: readonly TurnstreamProcess[];
  readonly done: Record<Churn, number>;

  constructor(spine: Spine, random: Random, load: BackgroundLoad) {
    this.#spine = spine;
    this.#random = random;
    this.#load = load;
    this.#workers = [this.#worker(), this.#worker()];
    this.#sequencers = [this.#sequencer(), this.#sequencer()];
    this.done = Object.fromEntries(churns.map((churn) => [churn, 0])) as Record<Churn, number>;
  }

  /** Each kind of change so many times. */
  async churn(times: number): Promise<void> {
    const all = churns.flatMap((churn) => Array.from({ length: times }, () => churn));
    for (const churn of shuffled(this.#random, all)) {
      await this.#load.goesOn(between(this.#random, 1, changesBetweenMax));
      await this.#do(churn);
      this.done[churn] += 1;
    }
  }

  #worker(): TurnstreamProcess {
    return this.#spine.startWith(impatient, 'run', '--all');
  }

  #sequencer(): TurnstreamProcess {
    return this.#spine.startWith(impatient, 'sequence');
  }

  async #do(churn: Churn): Promise<void> {
    switch (churn) {
      case 'join':
        if (this.#workers.length === workersMax) await this.#leave();
        this.#workers = [...this.#workers, this.#worker()];
        return;
      case 'leave':
        if (this.#workers.length === 1) this.#workers = [...this.#workers, this.#worker()];
        return this.#leave();
      case 'kill':
        return this.#kill();
      case 'stop':
        return this.#stop();
      case 'kill sequencer':
        return this.#killSequencer();
      case 'stop sequencer':
        return this.#stopSequencer();
    }
  }

  async #leave(): Promise<void> {
    const leaving = pick(this.#random, this.#workers);
    this.#workers = without(this.#workers, leaving);
    // Before it has begun there is nobody yet who listens to a signal.
    await leaving.line(({ msg }) => msg === 'worker starts');
    const code = await leaving.stop();
    if (code !== 0) throw new Error(`a worker left with ${code}:\n${leaving.log()}`);
  }

  async #kill(): Promise<void> {
    const killed = pick(this.#random, this.#workers);
    killed.kill('SIGKILL');
    this.#workers = [...without(this.#workers, killed), this.#worker()];
  }

  /** One that has events in hand, until the others have all partitions and went on with them. */
  async #stop(): Promise<void> {
    if (this.#workers.length === 1) this.#workers = [...this.#workers, this.#worker()];
    const stopped = await firstOf(this.#workers, hasInHand);
    stopped.kill('SIGSTOP');
    const others = without(this.#workers, stopped);
    await until(async () => (await sum(others, partitionsHeld)) === spinePartitions);
    await this.#load.goesOn(missedChangesMin);
    stopped.kill('SIGCONT');
  }

  async #killSequencer(): Promise<void> {
    const active = await firstOf(this.#sequencers, isActive);
    active.kill('SIGKILL');
    this.#sequencers = [...without(this.#sequencers, active), this.#sequencer()];
  }

  async #stopSequencer(): Promise<void> {
    const active = await firstOf(this.#sequencers, async (one) => {
      return (await isActive(one)) && (await hasInHand(one));
    });
    active.kill('SIGSTOP');
    await firstOf(without(this.#sequencers, active), isActive);
    await this.#load.goesOn(missedChangesMin);
    active.kill('SIGCONT');
  }
}

function without(all: readonly TurnstreamProcess[], one: TurnstreamProcess) {
  return all.filter((other) => other !== one);
}

/** The first for which it holds, asked again and again. */
async function firstOf(
  all: readonly TurnstreamProcess[],
  holds: (one: TurnstreamProcess) => Promise<boolean>,
): Promise<TurnstreamProcess> {
  let found: TurnstreamProcess | undefined;
  await until(async () => {
    for (const one of all) {
      if (found === undefined && (await holds(one))) found = one;
    }
    return found !== undefined;
  });
  return found as TurnstreamProcess;
}

async function sum(
  all: readonly TurnstreamProcess[],
  of: (one: TurnstreamProcess) => Promise<number>,
): Promise<number> {
  const each = await Promise.all(all.map(of));
  return each.reduce((total, value) => total + value, 0);
}

const metricsOf = async (one: TurnstreamProcess) => parsePrometheusText(await one.metrics());

async function partitionsHeld(one: TurnstreamProcess): Promise<number> {
  const lags = samplesOf(await metricsOf(one), 'turnstream_lag_records');
  return new Set(lags.map(({ labels }) => labels['partition'])).size;
}

async function isActive(one: TurnstreamProcess): Promise<boolean> {
  // One that has just begun says nothing of it yet.
  const active = samplesOf(await metricsOf(one), 'turnstream_sequencer_active');
  return active.some(({ value }) => value === 1);
}

async function hasInHand(one: TurnstreamProcess): Promise<boolean> {
  const inFlight = samplesOf(await metricsOf(one), 'turnstream_bytes_in_flight');
  return inFlight.some(({ value }) => value > 0);
}
