/**
 * Keeps a service alive through what passes by itself: a broker, a topic, a registry or a database
 * that is away is waited for, and a consumer that fell silent is opened again. Every attempt begins
 * from what is durable, as a process that was started anew would; nothing in memory outlives it.
 */
import type { Clock, Random } from '../engine/clock.ts';
import { pauseBefore, type RetrySettings } from '../engine/retry.ts';
import { TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';

export type Supervision = {
  readonly part: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: RetrySettings;
  readonly log: Logger;
  /** Aborted: an orderly end is wanted. `work` sees it too. */
  readonly signal: AbortSignal;
  /** The attempt has begun to work: it ends by itself when the signal aborts. */
  readonly hasBegun: () => boolean;
  /** It failed for a reason that may pass, and is tried again. */
  readonly failed: (error: TurnstreamError) => void;
};

/** How long an attempt that has not begun may take to notice that it is no longer wanted. */
const abandonMsMax = 5_000;

/** Resolves when `work` does, or the signal aborts; rejects with what does not pass by itself. */
export async function supervised(
  work: () => Promise<void>,
  supervision: Supervision,
): Promise<void> {
  const { part, clock, random, settings, log, signal } = supervision;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const startedAtMs = clock.nowMs();
    try {
      await unlessAbandoned(work(), supervision);
      return;
    } catch (thrown) {
      if (!(thrown instanceof TurnstreamError && thrown.retriable)) throw thrown;
      supervision.failed(thrown);
      // Whoever worked for a while, or was patient itself, has had its pause.
      if (clock.nowMs() - startedAtMs > settings.retryDelayMsMax) attempt = 1;
      const pauseMs = Math.round(pauseBefore(attempt, settings, random));
      log.warn({ part, attempt, pauseMs, err: thrown }, `the ${part} waits: ${thrown.message}`);
      await clock.delay(pauseMs, signal);
    }
  }
}

/** An attempt that still looks for its broker has nothing in hand: nobody needs to wait for it. */
async function unlessAbandoned(
  working: Promise<void>,
  { clock, signal, hasBegun, log, part }: Supervision,
): Promise<void> {
  const done = new AbortController();
  const abandoned = new Promise<'abandoned'>((resolve) => {
    const abandon = async (): Promise<void> => {
      await clock.delay(abandonMsMax, done.signal);
      if (!hasBegun()) resolve('abandoned');
    };
    if (signal.aborted) void abandon();
    else
      signal.addEventListener('abort', () => void abandon(), { once: true, signal: done.signal });
  });
  try {
    const outcome = await Promise.race([working.then(() => 'done' as const), abandoned]);
    if (outcome === 'abandoned') log.info({ part }, 'stopped while it was waiting');
  } finally {
    done.abort();
    // What an abandoned attempt still meets is of no concern any more.
    working.catch(() => undefined);
  }
}
