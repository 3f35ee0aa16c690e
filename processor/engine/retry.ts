/**
 * Repeats one operation until it succeeds, fails for good or is no longer wanted. A write that
 * failed may have been applied; what the engine repeats is always the same write at the same
 * positions, so applying it twice is applying it once (I2).
 */
import { TurnstreamError } from '../error.ts';
import type { Clock, Random } from './clock.ts';

export type RetrySettings = {
  /** The first pause; each later one is twice as long, up to the limit. */
  readonly retryDelayMsMin: number;
  readonly retryDelayMsMax: number;
};

export type Retrying = {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: RetrySettings;
  /** Aborted: nobody wants the result any more. */
  readonly over: AbortSignal;
  readonly onRetry: (error: TurnstreamError, attempt: number, pauseMs: number) => void;
};

/** `over`: given up because the signal was aborted; the operation may still have been applied. */
export type Outcome<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'over' };

/** Throws what the operation throws, unless that is a retriable TurnstreamError. */
export async function untilDone<T>(
  operation: () => Promise<T>,
  retrying: Retrying,
): Promise<Outcome<T>> {
  for (let attempt = 1; ; attempt++) {
    if (retrying.over.aborted) return { kind: 'over' };
    try {
      const value = await operation();
      return { kind: 'done', value };
    } catch (thrown) {
      if (!(thrown instanceof TurnstreamError && thrown.retriable)) throw thrown;
      if (retrying.over.aborted) return { kind: 'over' };
      const pauseMs = pauseBefore(attempt, retrying.settings, retrying.random);
      retrying.onRetry(thrown, attempt, pauseMs);
      await retrying.clock.delay(pauseMs, retrying.over);
    }
  }
}

/** Between half of the grown pause and all of it, so that workers do not come back in step. */
export function pauseBefore(attempt: number, settings: RetrySettings, random: Random): number {
  const grown = Math.min(
    settings.retryDelayMsMax,
    settings.retryDelayMsMin * 2 ** Math.min(attempt - 1, 30),
  );
  return grown * (0.5 + random() / 2);
}
