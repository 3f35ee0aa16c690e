/** Bounds how many of some asynchronous calls are under way at a time; others wait in order. */

export type Limiter = <Result>(call: () => Promise<Result>) => Promise<Result>;

export function createLimiter(inFlightMax: number): Limiter {
  let inFlight = 0;
  const waiting: (() => void)[] = [];
  return async (call) => {
    if (inFlight >= inFlightMax) await new Promise<void>((resolve) => waiting.push(resolve));
    else inFlight += 1;
    try {
      return await call();
    } finally {
      // The place goes to the next one in the queue, if there is one.
      const next = waiting.shift();
      if (next === undefined) inFlight -= 1;
      else next();
    }
  };
}

/**
 * Calls for every item, at most so many at a time, and waits until all that began have ended.
 * After a failure none begins any more; the first failure is thrown. Results are in order.
 */
export async function forEachBounded<Item, Result>(
  items: readonly Item[],
  inFlightMax: number,
  call: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = new Array(items.length);
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const work = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const at = next++;
      try {
        results[at] = await call(items[at] as Item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlightMax, items.length) }, work));
  if (failure !== undefined) throw failure.error;
  return results;
}
