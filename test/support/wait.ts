/** Waiting in tests and tools. There is no time limit here: the test's own ends it. */

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Looks until it holds. */
export async function until(holds: () => boolean | Promise<boolean>, lookMs = 20): Promise<void> {
  while (!(await holds())) await pause(lookMs);
}
