/**
 * Repairs totals while workers run. A worker keeps the totals that it wrote last in memory and writes
 * absolute values, so one that holds wrong ones would write them back with the key's next event. Therefore its totals
 * are held for a moment (engine/totals-holds.ts): workers stand still, the totals are written, and
 * workers begin anew at their checkpoints with nothing in memory.
 *
 * What is written is exact as of a watermark behind everything that the log had when they stood still: above whatever
 * was still on its way, at a position that no event has, so that no two values ever meet at one timestamp.
 * Every contribution up to there is in it, and whoever loads it adds what comes later: none is lost or counted twice
 * (I1, I2), whether or not everybody stood still (I6). Where they did not, nothing is written.
 */
import { anySignal } from '../engine/any-signal.ts';
import type { CheckpointStore } from '../engine/store.ts';
import type { HoldStore } from '../engine/totals-holds.ts';
import type { Difference } from './findings.ts';
import { type MendDeps, type MendOutcome, mend } from './mend.ts';
import type { Target } from './ports.ts';
import type { VerifySettings } from './settings.ts';
import { couldNotVerify, type SnapshotDeps, stopped } from './snapshots.ts';
import { keyText, numbers } from './sums-pass.ts';
import type { Tail } from './tail.ts';
import { addedUpTo } from './touched.ts';

export type MendTotalsDeps = MendDeps & {
  readonly holds: Pick<HoldStore, 'hold' | 'release'>;
  /** Tells two processes apart, for ever. */
  readonly owner: string;
  readonly checkpoints: Pick<CheckpointStore, 'load'>;
  readonly clock: SnapshotDeps['clock'];
  readonly signal: AbortSignal;
  readonly settings: Pick<
    VerifySettings,
    'standStillMs' | 'waitMsMax' | 'holdMs' | 'repairRowsMax'
  >;
};

const lookMs = 100;
/** Whoever goes on for so many times that long has not seen the hold, and will not. */
const patience = 10;

/** In the order of the differences, which are all of one aggregate. */
export async function mendTotals(
  deps: MendTotalsDeps,
  target: Target,
  differences: readonly Difference[],
): Promise<readonly MendOutcome[]> {
  const holding = new Holding(deps, target.projection.name);
  const left = (reason: string) => differences.map((): MendOutcome => ({ kind: 'left', reason }));
  if (!(await holding.keep())) {
    return left('another process repairs totals of this read model: verify again when it is done');
  }
  try {
    if (!(await standStill(deps, target, holding))) {
      return left(
        'something went on writing to the read model, though its totals are held: upgrade workers of a former release, let a replay that builds it come to its end, then verify again',
      );
    }
    const marks = await marked(deps);
    if (deps.tail.since(target).overflows) {
      return left('too much has changed meanwhile for its totals to be known: verify again');
    }
    const letters = await lettersOf(deps, target);
    return await writeAll(deps, target, differences, { marks, letters, holding });
  } finally {
    await holding.release();
  }
}

/** Until a lane has taken nothing for so long though there was something to take, in every partition. */
async function standStill(
  deps: MendTotalsDeps,
  { model }: Target,
  holding: Holding,
): Promise<boolean> {
  const { checkpoints, tail, clock, signal, settings } = deps;
  const startedAtMs = clock.nowMs();
  const look = async () => {
    const found = await checkpoints.load(model);
    return tail.read.map((_, partition) => found.get(partition)?.offset ?? 0);
  };
  let before = { atMs: startedAtMs, offsets: await look(), read: tail.read };
  while (clock.nowMs() - startedAtMs < settings.waitMsMax) {
    await clock.delay(lookMs, signal);
    if (signal.aborted) throw stopped();
    const atMs = clock.nowMs();
    if (!(await holding.keep())) return false;
    const offsets = await look();
    const isStill = offsets.every(
      (offset, at) => offset === before.offsets[at] && offset < (before.read[at] ?? 0),
    );
    const hasMoved = offsets.some((offset, at) => offset !== before.offsets[at]);
    // In a log that rests, what to take may come seldom: that is waited for.
    if (hasMoved && atMs - startedAtMs > settings.standStillMs * patience) return false;
    if (!isStill) before = { atMs, offsets, read: tail.read };
    else if (atMs - before.atMs >= settings.standStillMs) return true;
  }
  return false;
}

/** By partition, the position of a watermark behind all that is in the log now. */
async function marked({ tail, clock, settings, signal }: MendTotalsDeps) {
  const over = anySignal(signal);
  try {
    const late = clock.delay(settings.waitMsMax, over.signal).then(() => null);
    const marks = await Promise.race([tail.toMarks(), late]);
    if (marks !== null) return marks;
    if (signal.aborted) throw stopped();
    throw couldNotVerify(
      `The event log got no watermark for ${settings.waitMsMax} ms: see with \`turnstream lag\` whether Debezium and the sequencer run`,
    );
  } finally {
    over.release();
    over.abort();
  }
}

/** By partition, how many events wait as dead letters. */
async function lettersOf({ checkpoints }: MendTotalsDeps, { model }: Target) {
  const found = await checkpoints.load(model);
  return new Map([...found].map(([partition, { deadLetters }]) => [partition, deadLetters]));
}

type Writing = {
  /** By partition, as of where totals are exact. */
  readonly marks: readonly number[];
  readonly letters: ReadonlyMap<number, number>;
  readonly holding: Holding;
};

async function writeAll(
  deps: MendTotalsDeps,
  target: Target,
  differences: readonly Difference[],
  { marks, letters, holding }: Writing,
): Promise<readonly MendOutcome[]> {
  const { reader, tail, settings } = deps;
  const some = differences.slice(0, settings.repairRowsMax);
  const standing = await reader.rows(target.model, some);
  const outcomes: MendOutcome[] = [];
  for (const [at, difference] of some.entries()) {
    if (!(await holding.keep())) break;
    const mark = marks[difference.shard ?? -1];
    if (mark === undefined) throw new Error(`no partition ${difference.shard}`);
    const waiting = letters.get(difference.shard ?? -1) ?? 0;
    if (waiting > 0) {
      outcomes.push({ kind: 'left', reason: lettersText(waiting) });
      continue;
    }
    const exact = exactAt(tail, target, difference, mark);
    outcomes.push(await mend(deps, target, { ...exact, standing: standing[at] ?? null }));
  }
  const reason = `at most ${settings.repairRowsMax} totals are repaired at a time, as long as they are held: verify again, or replay the read model`;
  return [
    ...outcomes,
    ...differences.slice(outcomes.length).map((): MendOutcome => ({ kind: 'left', reason })),
  ];
}

/** The source has what they would add; a retry would add it once more. */
function lettersText(waiting: number): string {
  return `${waiting} ${waiting === 1 ? 'event of its partition waits' : 'events of its partition wait'} as dead letters, and a retry would add them to what was repaired: retry or discard them first (\`turnstream dead-letters list\`), then verify again`;
}

/** What was added since the difference was found is in. */
function exactAt(tail: Tail, target: Target, difference: Difference, mark: number): Difference {
  const { key, shard, expected, mendAt } = difference;
  if (mark <= mendAt) return difference;
  const width = target.model.shape.values.length;
  const touched = tail.since(target).totals.get(keyText(key, shard));
  const then = addedUpTo(touched, mendAt, width);
  const now = addedUpTo(touched, mark, width);
  const totals = numbers(expected ?? new Array<number>(width).fill(0));
  const exact = totals.map((total, at) => total + (now[at] ?? 0) - (then[at] ?? 0));
  return { ...difference, expected: exact, mendAt: mark };
}

/** One hold of one projection, for as long as it is kept. */
class Holding {
  readonly #deps: MendTotalsDeps;
  readonly #projection: string;
  #untilMs: number | null = null;

  constructor(deps: MendTotalsDeps, projection: string) {
    this.#deps = deps;
    this.#projection = projection;
  }

  /** Takes it, or renews it when that is due. False when it is not held, or was not for a moment. */
  async keep(): Promise<boolean> {
    const { holds, owner, clock, settings } = this.#deps;
    const { holdMs } = settings;
    const nowMs = clock.nowMs();
    if (this.#untilMs !== null) {
      if (nowMs >= this.#untilMs) return false;
      if (nowMs < this.#untilMs - (holdMs * 2) / 3) return true;
    }
    const untilMs = nowMs + holdMs;
    if ((await holds.hold(this.#projection, { owner, untilMs })) !== null) return false;
    this.#untilMs = untilMs;
    return true;
  }

  /** Does not reject: it runs out by itself. */
  async release(): Promise<void> {
    const { holds, owner } = this.#deps;
    await holds.release(this.#projection, owner).catch(() => undefined);
  }
}
