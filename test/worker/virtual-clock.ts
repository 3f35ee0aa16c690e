/**
 * A clock that a test drives. Time stands still while anything can still run and jumps to the next
 * timer when nothing can: a run takes no real time and is the same every time.
 */
import type { Clock } from '../../processor/engine/clock.ts';

type Timer = { readonly atMs: number; readonly fire: () => void };

export class VirtualClock implements Clock {
  #nowMs: number;
  #timers: Timer[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  readonly nowMs = (): number => this.#nowMs;

  readonly yield = (): Promise<void> => Promise.resolve();

  readonly delay = (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const fire = () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        signal?.removeEventListener('abort', fire);
        resolve();
      };
      const timer: Timer = { atMs: this.#nowMs + Math.max(0, ms), fire };
      this.#timers.push(timer);
      signal?.addEventListener('abort', fire);
    });
  };

  /** Fires the earliest timer; false when there is none. */
  jump(): boolean {
    const next = this.#timers.reduce<Timer | null>(
      (least, timer) => (least === null || timer.atMs < least.atMs ? timer : least),
      null,
    );
    if (next === null) return false;
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.fire();
    return true;
  }

  passMs(ms: number): void {
    this.#nowMs += ms;
  }
}

/** Lets everything that is ready run: promise jobs need one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
