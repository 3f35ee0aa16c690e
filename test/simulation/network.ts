/**
 * Calls of a process to a server, each in two steps: the request arrives and takes effect, the
 * answer is heard. Either may be lost, and a request may take effect long after its caller has given
 * it up, or has died. What becomes of a call is its fate, decided when it is made by whoever runs the
 * history, so that a history can be repeated with fewer faults.
 */
import type { Process } from './process.ts';
import { type Scheduler, theWorld } from './scheduler.ts';

/**
 * answered: it takes effect and its caller hears so. slow: the same, but the request is long under way;
 * its caller may be dead or given up by then. lost: no effect, the caller hears of a time-out.
 * unheard: it takes effect soon, the caller hears of a time-out. late: a time-out, then the effect.
 */
export type Fate = 'answered' | 'slow' | 'lost' | 'unheard' | 'late';

export type Call<T> = {
  /** For people and for coverage: 'append events', 'commit offset', 'write steps_by_type_day'. */
  readonly label: string;
  /** The server's work, atomic. What it throws is its answer. */
  readonly serve: () => T;
  /** What the caller hears when no answer comes. */
  readonly timedOut: () => Error;
};

export type Fates = (process: Process, label: string) => Fate;

const timeoutMs = 200;
const lateMsMax = 3000;
const slowMsMax = 150;

export class Network {
  readonly scheduler: Scheduler;
  /** Decides what becomes of each call; may kill or pause the caller. */
  readonly #fates: Fates;
  readonly #lateMs: (most: number) => number;

  constructor(scheduler: Scheduler, fates: Fates, lateMs: (most: number) => number) {
    this.scheduler = scheduler;
    this.#fates = fates;
    this.#lateMs = lateMs;
  }

  call<T>(process: Process, { label, serve, timedOut }: Call<T>): Promise<T> {
    return this.request(process, label, timedOut, (answer, fail) => {
      let outcome: T;
      try {
        outcome = serve();
      } catch (error) {
        fail(error);
        return;
      }
      answer(outcome);
    });
  }

  /**
   * The general form: `arrive` is the request at the server, which answers at once or some steps
   * later, at most once. It is told its fate, since what takes effect without being heard may take
   * effect in part.
   */
  request<T>(
    process: Process,
    label: string,
    timedOut: () => Error,
    arrive: (answer: (value: T) => void, fail: (error: unknown) => void, fate: Fate) => void,
  ): Promise<T> {
    if (isDead(process)) return new Promise(() => undefined);
    const fate = this.#fates(process, label);
    // Killed just before it could send anything.
    if (isDead(process)) return new Promise(() => undefined);
    const { scheduler } = this;
    return new Promise((resolve, reject) => {
      const heard = isHeard(fate);
      const hear = (settle: () => void) => {
        if (heard) scheduler.step(process, `${label}: answer`, settle);
      };
      const reach = () =>
        arrive(
          (value) => hear(() => resolve(value)),
          (error) => hear(() => reject(error)),
          fate,
        );
      if (!heard)
        scheduler.after(process, timeoutMs, `${label}: no answer`, () => reject(timedOut()));
      if (fate === 'answered' || fate === 'unheard') scheduler.step(theWorld, label, reach);
      if (fate === 'slow') {
        scheduler.after(theWorld, this.#lateMs(slowMsMax), `${label}: slow`, reach);
      }
      if (fate === 'late') {
        scheduler.after(theWorld, timeoutMs + this.#lateMs(lateMsMax), `${label}: late`, reach);
      }
    });
  }
}

/** Whether the caller is answered, if it lives. */
export function isHeard(fate: Fate): boolean {
  return fate === 'answered' || fate === 'slow';
}

function isDead({ state }: Process): boolean {
  return state === 'dead';
}
