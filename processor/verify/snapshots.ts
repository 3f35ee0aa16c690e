/**
 * Opens a snapshot of the source and waits until it can be compared: the log has all that it sees, and every read
 * model has taken that. A snapshot beside which Debezium reads the tables anew is let go: what it reads
 * has no place in the order of commits.
 */
import { anySignal } from '../engine/any-signal.ts';
import type { Clock } from '../engine/clock.ts';
import { generationName } from '../engine/generations.ts';
import type { CheckpointStore } from '../engine/store.ts';
import { TurnstreamError } from '../error.ts';
import { formatLsn } from '../source/lsn.ts';
import type { SourceSnapshot, Target, VerifiedSource } from './ports.ts';
import type { Tail } from './tail.ts';

export type SnapshotDeps = {
  readonly source: VerifiedSource;
  readonly checkpoints: Pick<CheckpointStore, 'load'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** What is read of the log meanwhile. */
export type SnapshotTail = Pick<
  Tail,
  'hold' | 'begin' | 'watermarked' | 'isClean' | 'unmarked' | 'watermarks'
>;

const lookMs = 50;

export function couldNotVerify(reason: string, cause?: unknown): TurnstreamError {
  return new TurnstreamError('VERIFY', reason, { retriable: true, cause });
}

export function stopped(): TurnstreamError {
  return couldNotVerify('It was stopped before it was done');
}

/** The tail is held, and taken up with the snapshot. */
export async function openComparable(
  deps: SnapshotDeps,
  tail: SnapshotTail,
  targets: readonly Target[],
  waitMsMax: number,
): Promise<SourceSnapshot> {
  const { source, clock, signal } = deps;
  const startedAtMs = clock.nowMs();
  for (;;) {
    if (signal.aborted) throw stopped();
    await tail.hold();
    const snapshot = await source.open();
    try {
      tail.begin(snapshot);
      await marked(deps, tail, snapshot, waitMsMax);
      if (tail.isClean) {
        for (const target of targets) await passed(deps, tail, target, waitMsMax);
        return snapshot;
      }
    } catch (thrown) {
      await snapshot.close();
      throw thrown;
    }
    await snapshot.close();
    if (clock.nowMs() - startedAtMs > waitMsMax) {
      throw couldNotVerify(
        'Debezium reads the tables anew (a snapshot): what it reads has no place in the order of commits; verify again when it is done',
      );
    }
    await clock.delay(lookMs, signal);
  }
}

async function marked(
  { clock, signal }: SnapshotDeps,
  tail: SnapshotTail,
  { lsn }: SourceSnapshot,
  waitMsMax: number,
): Promise<void> {
  const done = anySignal(signal);
  try {
    const limit = clock.delay(waitMsMax, done.signal).then(() => 'late' as const);
    const outcome = await Promise.race([tail.watermarked().then(() => 'marked' as const), limit]);
    if (signal.aborted) throw stopped();
    if (outcome === 'late') {
      throw couldNotVerify(
        `The event log has no watermark of LSN ${formatLsn(lsn)} after ${waitMsMax} ms, in partition ${tail.unmarked.join(', ')}: see with \`turnstream lag\` whether Debezium and the sequencer run and how far they are behind`,
      );
    }
  } finally {
    done.release();
    done.abort();
  }
}

/** The read model has all that the snapshot sees. */
async function passed(
  { checkpoints, clock, signal }: SnapshotDeps,
  tail: SnapshotTail,
  { model }: Target,
  waitMsMax: number,
): Promise<void> {
  const wanted = tail.watermarks;
  let sum = -1;
  let movedAtMs = clock.nowMs();
  for (;;) {
    const found = await checkpoints.load(model);
    const behind = wanted.flatMap((offset, partition) =>
      (found.get(partition)?.offset ?? 0) < offset ? [partition] : [],
    );
    if (behind.length === 0) return;
    if (signal.aborted) throw stopped();
    const now = [...found.values()].reduce((total, { offset }) => total + offset, 0);
    if (now !== sum) movedAtMs = clock.nowMs();
    sum = now;
    if (clock.nowMs() - movedAtMs > waitMsMax) {
      const { projection, version } = model.shape;
      const name = generationName({ projection, version, generation: model.generation });
      throw couldNotVerify(
        `${name} has stood still for ${waitMsMax} ms behind the source, in partition ${behind.join(', ')}: see with \`turnstream lag\` whether a worker hosts it, and how far it is behind`,
      );
    }
    await clock.delay(lookMs, signal);
  }
}
