/**
 * Faults for stack tests, and the chance that chooses them: crashes of the servers of the local
 * stack, and `turnstream` processes under a supervisor that starts them again, as Kubernetes does.
 * The seed is printed; with CHAOS_SEED set to it, the same faults strike after as many changes.
 */
import { createRandom, type Random } from '../../../generator/random.ts';
import { messageOf } from '../../../processor/error.ts';
import { pause } from '../../support/wait.ts';
import type { Spine } from './spine.ts';
import type { TurnstreamProcess } from './turnstream-process.ts';

const seedsMax = 2 ** 31;

/** From CHAOS_SEED, or a new one; printed. */
export function chaosSeed(what: string): number {
  const given = process.env['CHAOS_SEED'] ?? '';
  const seed = given === '' ? Math.floor(Math.random() * seedsMax) : Number(given);
  if (!Number.isInteger(seed)) throw new Error(`CHAOS_SEED is ${given}, no whole number`);
  console.log(`${what}: seed ${seed} (SEED=${seed} make chaos chooses the same again)`);
  return seed;
}

/** A stream of its own for each purpose, so that one does not shift the other's choices. */
export function chanceOf(seed: number, purpose: number): Random {
  return createRandom(seed, 0xc4a05, purpose);
}

/** From CHAOS_KILLS: how many of each kind the long forms do. */
export function killsOfEach(standard: number): number {
  const given = process.env['CHAOS_KILLS'] ?? '';
  const kills = given === '' ? standard : Number(given);
  if (!Number.isInteger(kills) || kills < 1) throw new Error(`CHAOS_KILLS is ${given}`);
  return kills;
}

export function shuffled<T>(random: Random, items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, order: random.bits() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

export type Death = { readonly name: string; readonly said: string };

/** A process that lived for less than this is started again after a pause. */
const livedMsMin = 5_000;
const restartPauseMs = 1_000;

/** Starts its process again whenever it ends, killed from here or by an error of its own. */
export class Supervised {
  readonly #spine: Spine;
  readonly #args: readonly string[];
  readonly #more: Readonly<Record<string, string>>;
  #process: TurnstreamProcess;
  #stopped = false;
  /** Ends that nobody here asked for. */
  readonly deaths: Death[] = [];
  starts = 0;

  constructor(spine: Spine, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    this.#spine = spine;
    this.#args = args;
    this.#more = more;
    this.#process = this.#start();
  }

  /** The one that runs, or that ran last. */
  get process(): TurnstreamProcess {
    return this.#process;
  }

  /** Again, after `stop`. */
  start(): void {
    this.#stopped = false;
    this.#process = this.#start();
  }

  #start(): TurnstreamProcess {
    const process = this.#spine.startWith(this.#more, ...this.#args);
    const startedAt = performance.now();
    process.supervised = true;
    this.starts += 1;
    void process.exited.then(async (code) => {
      if (process.endedByItself) {
        this.deaths.push({ name: process.name, said: `exit ${code}: ${lastError(process)}` });
      }
      if (performance.now() - startedAt < livedMsMin) await pause(restartPauseMs);
      if (!this.#stopped && process === this.#process) this.#process = this.#start();
    });
    return process;
  }

  /** SIGKILL: it is gone when this resolves, and a new one has been started or soon is. */
  async crash(): Promise<void> {
    const process = this.#process;
    process.kill('SIGKILL');
    await process.exited;
  }

  /** Hangs, without an end of its connections. */
  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process.kill('SIGCONT');
  }

  /** An orderly end, for good; the exit code. */
  async stop(): Promise<number | null> {
    this.#stopped = true;
    return await this.#process.stop();
  }
}

function lastError(process: TurnstreamProcess): string {
  const line = process.lines.findLast(({ level }) => level === 'error' || level === 50);
  return String((line ?? process.lines.at(-1))?.msg ?? 'it said nothing').slice(0, 300);
}

/** Again until it does not throw: what it asks may be away. `giveUp` says when that is wrong. */
export async function whenBack<T>(ask: () => Promise<T>, giveUpMs = 120_000): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    try {
      return await ask();
    } catch (thrown) {
      if (performance.now() - startedAt > giveUpMs) {
        throw new Error(`not back after ${giveUpMs / 1000} s: ${messageOf(thrown)}`, {
          cause: thrown,
        });
      }
      await pause(50);
    }
  }
}
