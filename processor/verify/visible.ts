/**
 * Which transactions a Postgres snapshot sees, told by its own `pg_current_snapshot()`. Events carry the
 * 32 bits of a transaction's number; a snapshot says 64. Of all numbers with these 32 bits the one nearest to the snapshot
 * is meant: no transaction is two thousand million others away from one that is still in the log's tail.
 */

export type PgSnapshot = {
  /** All below it have ended. */
  readonly xmin: bigint;
  /** None at or above it had ended. */
  readonly xmax: bigint;
  /** Those between that had not committed. */
  readonly running: ReadonlySet<bigint>;
};

const epoch = 2n ** 32n;

/** Parses `xmin:xmax:xip,xip`; undefined when the text is none. */
export function parsePgSnapshot(text: string): PgSnapshot | undefined {
  const match = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text.trim());
  if (match === null) return undefined;
  const [, xmin = '', xmax = '', running = ''] = match;
  const numbers = running === '' ? [] : running.split(',').map(BigInt);
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), running: new Set(numbers) };
}

/** Whether the snapshot sees what the transaction wrote, given that it has committed at all. */
export function isVisible({ xmin, xmax, running }: PgSnapshot, transactionId: number): boolean {
  const full = fullNumber(xmax, BigInt(transactionId));
  if (full < xmin) return true;
  return full < xmax && !running.has(full);
}

function fullNumber(near: bigint, transactionId: bigint): bigint {
  const low = transactionId % epoch;
  const sameEpoch = (near / epoch) * epoch + low;
  if (sameEpoch - near > epoch / 2n) return sameEpoch - epoch;
  if (near - sameEpoch > epoch / 2n) return sameEpoch + epoch;
  return sameEpoch;
}
