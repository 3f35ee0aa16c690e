/** Bounds how many of some asynchronous calls are under way at a time; others wait in order. */

export type Limiter = <Result>(call: () => Promise<Result>) => Promise<Result>;

const unlimited: Limiter = (call) => call();

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
 * Calls for every item, at most so many at a time, and waits until all that began have ended. An item
 * is not asked for before there is room for it, among the calls of others too where they share a limiter.
 * After a failure, of a call or of the items themselves, none begins any more; the first failure is
 * thrown. Results are in order.
 */
export async function forEachBounded<Item, Result>(
  items: Iterable<Item>,
  inFlightMax: number,
  call: (item: Item) => Promise<Result>,
  shared: Limiter = unlimited,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const rest = items[Symbol.iterator]();
  let begun = 0;
  let isDone = false;
  let failure: { readonly error: unknown } | undefined;
  const callNext = async (): Promise<void> => {
    if (isDone) return;
    const next = rest.next();
    if (next.done === true) {
      isDone = true;
      return;
    }
    const at = begun++;
    results[at] = await call(next.value);
  };
  const work = async (): Promise<void> => {
    while (!isDone) {
      try {
        await shared(callNext);
      } catch (error) {
        isDone = true;
        failure ??= { error };
      }
    }
  };
  const workers: Promise<void>[] = [];
  while (workers.length < inFlightMax && !isDone) workers.push(work());
  await Promise.all(workers);
  if (failure !== undefined) throw failure.error;
  return results;
}
