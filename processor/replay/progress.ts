/**
 * How far a replay is and how fast: pure, from counts and the times at which they were seen. The rate is
 * that of the last seconds; what is still to come grows meanwhile, so the ETA counts with the difference.
 */
export type Seen = { readonly atMs: number; readonly done: number; readonly total: number };

export type Pace = { readonly eventsPerSecond: number; readonly etaMs: number | null };

const windowMs = 15_000;

export class PaceMeter {
  #seen: Seen[] = [];

  see(now: Seen): Pace {
    this.#seen.push(now);
    // One from before the window stays, so that the rate is never of a moment.
    while ((this.#seen[1]?.atMs ?? Number.POSITIVE_INFINITY) <= now.atMs - windowMs) {
      this.#seen.shift();
    }
    return paceBetween(this.#seen[0] ?? now, now);
  }
}

export function paceBetween(first: Seen, now: Seen): Pace {
  const seconds = (now.atMs - first.atMs) / 1000;
  if (seconds <= 0) return { eventsPerSecond: 0, etaMs: null };
  const rate = (now.done - first.done) / seconds;
  const growth = (now.total - first.total) / seconds;
  const left = Math.max(0, now.total - now.done);
  const gain = rate - growth;
  const etaMs = left === 0 ? 0 : gain > 0 ? (left * 1000) / gain : null;
  return { eventsPerSecond: Math.max(0, rate), etaMs };
}

/** From 0 to 1; 1 of nothing. */
export function ratioOf(done: number, total: number): number {
  return total <= 0 ? 1 : Math.min(1, Math.max(0, done / total));
}
