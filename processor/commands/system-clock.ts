/** The machine's time: where it enters the parts that take a Clock. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../engine/clock.ts';

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  delay: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
  yield: () => setImmediate(),
};
