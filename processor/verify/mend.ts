/**
 * Repairs what differs, row by row. A row is written as the snapshot has it, at the last position that the
 * snapshot sees: above whatever stands there by right, below every later change, which so gets through whenever it
 * comes. Totals are written while workers stand still (mend-totals.ts), as of a watermark, and say so.
 *
 * What somebody wrote or deleted by hand at a timestamp beyond the log hides all that. It is repaired by a
 * write above that one, which pins the row: right now, and deaf to later changes, until another repair finds it
 * again or a replay builds the read model anew. Where there is nothing above, it is refused.
 */
import type { Difference } from './findings.ts';
import { kindOf } from './findings.ts';
import type { ReadModelMender, ReadModelReader, StandingRow, Target } from './ports.ts';
import { keyText } from './sums-pass.ts';
import type { Tail } from './tail.ts';

export type MendOutcome =
  | { readonly kind: 'repaired'; readonly at: bigint }
  /** Right as of now; its later changes will not show. */
  | { readonly kind: 'pinned'; readonly at: bigint }
  /** A change of the row came in meanwhile: the next look says what it is by now. */
  | { readonly kind: 'overtaken' }
  /** Not tried, and why not now. */
  | { readonly kind: 'left'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

export type MendDeps = {
  readonly reader: ReadModelReader;
  readonly mender: ReadModelMender;
  readonly tail: Tail;
  /** Microseconds since 1970: what a server gives to writes without a timestamp. */
  readonly nowMicros: () => number;
};

const timestampMax = 2n ** 63n - 1n;
/** The clocks of servers may be ahead of ours. */
const aheadMicros = 60_000_000;

export async function mend(
  deps: MendDeps,
  target: Target,
  difference: Difference,
): Promise<MendOutcome> {
  const { standing, mendAt } = difference;
  const writtenAt = standing?.writtenAt ?? -1n;
  const own = BigInt(mendAt);
  if (writtenAt < own) {
    const row = await write(deps, target, difference, own);
    if (isMended(difference, row)) return { kind: 'repaired', at: own };
  }
  await deps.tail.toEnd();
  if (isTouched(deps.tail, target, difference)) return { kind: 'overtaken' };
  const above = writtenAt < own ? hiddenAbove(deps) : writtenAt + 1n;
  if (above > timestampMax)
    return refused(`it was written at the timestamp ${writtenAt}, the highest there is`);
  const row = await write(deps, target, difference, above);
  if (isMended(difference, row)) return { kind: 'pinned', at: above };
  return refused(
    `a write at the timestamp ${above} does not show: something deleted it at a higher one`,
  );
}

/** A delete is not seen, nor when it was: by hand it has the server's time, unless somebody gave it another. */
function hiddenAbove({ nowMicros }: MendDeps): bigint {
  return BigInt(Math.floor(nowMicros()) + aheadMicros);
}

async function write(
  { reader, mender }: MendDeps,
  { model }: Target,
  { key, shard, expected, mendAt }: Difference,
  at: bigint,
): Promise<StandingRow | null> {
  const address = { key, shard };
  if (expected === null) await mender.remove(model, address, at);
  else {
    const position = shard === null ? null : mendAt;
    await mender.put(model, { ...address, values: expected, position }, at);
  }
  const [row = null] = await reader.rows(model, [address]);
  return row;
}

function isMended({ expected }: Difference, row: StandingRow | null): boolean {
  return kindOf(expected, row?.values ?? null) === null;
}

function isTouched(tail: Tail, target: Target, { key, shard, mendAt }: Difference): boolean {
  const since = tail.since(target);
  if (shard === null) return since.rows.has(keyText(key, null));
  return since.totals.get(keyText(key, shard))?.positions.some((at) => at > mendAt) === true;
}

function refused(why: string): MendOutcome {
  return {
    kind: 'refused',
    reason: `${why}: \`turnstream replay\` builds the read model anew, without it`,
  };
}
