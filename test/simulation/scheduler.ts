/**
 * The scheduler: everything that happens in a simulated history is a step, and which of all that
 * could happen next does happen is the seed's choice. Between two steps every promise job runs to
 * its end, so a step and what follows from it inside a process are one atomic happening, as between
 * two awaits of real input or output.
 *
 * Time is virtual: it moves a little with each step, and jumps to the next timer when nothing else
 * can happen. A step belongs to an owner: those of a paused owner wait, those of a dead one are gone.
 */
import type { Dice } from './dice.ts';

export type Owner = {
  readonly name: string;
  readonly state: 'running' | 'paused' | 'dead';
};

/** What is nobody's: messages under way, servers, the source. It never stops. */
export const theWorld: Owner = { name: 'world', state: 'running' };

type Step = { readonly owner: Owner; readonly label: string; readonly run: () => void };
type Timer = Step & { readonly atMs: number; readonly order: number };

/** `limit`: so many steps were taken that something goes round in circles. `idle`: nothing is left. */
export type RunOutcome = 'done' | 'idle' | 'limit';

const stepMs = 0.25;
/** How often a slow owner's turn is passed over, per step. */
const passesMax = 3;

export class Scheduler {
  readonly #dice: Dice;
  #ready: Step[] = [];
  #timers: Timer[] = [];
  #order = 0;
  #nowMs: number;
  /** Steps taken so far: the history's own clock, for messages and checks. */
  steps = 0;
  /** Owners (by name, whatever stands after a dot) whose steps are passed over with this probability. */
  readonly slowness = new Map<string, number>();
  /** Called before each step with its label. */
  onStep: (owner: Owner, label: string) => void = () => undefined;

  constructor(dice: Dice, startMs: number) {
    this.#dice = dice;
    this.#nowMs = startMs;
  }

  readonly nowMs = (): number => this.#nowMs;

  /** Something that may happen from now on. */
  step(owner: Owner, label: string, run: () => void): void {
    this.#ready.push({ owner, label, run });
  }

  /** Something that may happen once so much time has passed. Answers how to take it back. */
  after(owner: Owner, ms: number, label: string, run: () => void): () => void {
    const order = this.#order++;
    const timer: Timer = { owner, label, run, order, atMs: this.#nowMs + Math.max(0, ms) };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      this.#ready = this.#ready.filter((other) => other !== timer);
    };
  }

  /** Takes steps until the condition holds. */
  async runUntil(condition: () => boolean, stepsMax: number): Promise<RunOutcome> {
    for (let taken = 0; taken < stepsMax; taken += 1) {
      await promiseJobs();
      if (condition()) return 'done';
      const step = this.#next();
      if (step === null) return 'idle';
      this.steps += 1;
      this.#nowMs += stepMs;
      this.onStep(step.owner, step.label);
      step.run();
    }
    return 'limit';
  }

  #next(): Step | null {
    this.#fireTimers();
    const able = this.#able();
    if (able.length === 0) return this.#jump() ? this.#next() : null;
    let chosen = this.#dice.pick(able);
    for (let passes = 0; passes < passesMax; passes += 1) {
      const slowness = this.#slownessOf(chosen.owner);
      if (slowness === 0 || !this.#dice.chance(slowness)) break;
      chosen = this.#dice.pick(able);
    }
    // The order of what is left does not matter: the next choice is random again.
    const at = this.#ready.indexOf(chosen);
    const last = this.#ready.pop();
    if (last !== undefined && last !== chosen) this.#ready[at] = last;
    return chosen;
  }

  #slownessOf({ name }: Owner): number {
    if (this.slowness.size === 0) return 0;
    const dot = name.indexOf('.');
    return this.slowness.get(dot < 0 ? name : name.slice(0, dot)) ?? 0;
  }

  /** Steps that can happen now; those of the dead are dropped. */
  #able(): readonly Step[] {
    if (this.#ready.every(({ owner }) => owner.state === 'running')) return this.#ready;
    this.#ready = this.#ready.filter(({ owner }) => owner.state !== 'dead');
    return this.#ready.filter(({ owner }) => owner.state === 'running');
  }

  #fireTimers(): void {
    if (!this.#timers.some(({ atMs }) => atMs <= this.#nowMs)) return;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs);
    this.#ready.push(...due.sort((a, b) => a.atMs - b.atMs || a.order - b.order));
  }

  /** To the next timer; false when there is none that anybody waits for. */
  #jump(): boolean {
    this.#timers = this.#timers.filter(({ owner }) => owner.state !== 'dead');
    let next: Timer | null = null;
    for (const timer of this.#timers) {
      if (timer.owner.state !== 'running') continue;
      if (next === null || timer.atMs < next.atMs) next = timer;
    }
    if (next === null) return false;
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    return true;
  }
}

/** Promise jobs, and the jobs that they start, are all done when the event loop turns. */
function promiseJobs(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
