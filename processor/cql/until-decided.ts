/**
 * Conditional writes whose condition is what was read before: if that has changed meanwhile, it is read
 * again. So two who decide at once never both succeed, wherever they are.
 */
import { TurnstreamError } from '../error.ts';

/** Others decide in between seldom; so often nobody does. */
const attemptsMax = 30;

/** Until it answers something: undefined, when somebody else has decided in between. Rejects with STORE, retriable. */
export async function untilDecided<T>(
  doing: string,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  for (let attempts = 0; attempts < attemptsMax; attempts += 1) {
    const outcome = await attempt();
    if (outcome !== undefined) return outcome;
  }
  throw new TurnstreamError(
    'STORE',
    `${doing} failed: ${attemptsMax} times somebody else decided something in between; try again`,
    { retriable: true },
  );
}

/** What one owner at a time has: run out, or its own, it may be taken. */
export function mayTake(
  held: { readonly owner: string; readonly untilMs: number } | null,
  owner: string,
  nowMs: number,
): boolean {
  return held === null || held.untilMs <= nowMs || held.owner === owner;
}
