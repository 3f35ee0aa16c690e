/**
 * The first look at everything, in memory of a fixed size: both sides summed into buckets (sums.ts). Tables
 * are read first and the source, which stands still, last, so that little changes meanwhile.
 *
 * What comes out: rows of maps that the log has touched since the snapshot and that explain their bucket's
 * difference are open; any other bucket that differs is to be looked at row by row (detail-pass.ts).
 */
import { keyTextOf } from '../projection/key-text.ts';
import type { Key } from '../projection/projection.ts';
import { expect } from './expected.ts';
import { addPin, addRefusal, type Findings } from './findings.ts';
import type {
  Part,
  ReadModelReader,
  SourceSnapshot,
  StandingRow,
  Target,
  VerifyProgress,
} from './ports.ts';
import type { VerifySettings } from './settings.ts';
import { absent, isExplained, type State, Sums, shardKeyText } from './sums.ts';
import type { Tail } from './tail.ts';
import { addedUpTo } from './touched.ts';

export type PassContext = {
  readonly tail: Tail;
  readonly reader: ReadModelReader;
  readonly settings: VerifySettings;
  readonly findings: ReadonlyMap<Target, Findings>;
  /** Called with every so many rows. */
  readonly progress: (done: VerifyProgress) => void;
  readonly yield: () => Promise<void>;
};

/**
 * Far beyond the end of the log: a write timestamp that no worker has used, nor will soon. It keeps later
 * changes of its row from showing.
 */
const pinnedAbove = 2 ** 40;

export function isPinned(tail: Tail, { writtenAt, position }: StandingRow): boolean {
  const limit = Math.max(0, tail.highestOfAll) + pinnedAbove;
  return (writtenAt !== null && writtenAt > BigInt(limit)) || (position ?? 0) > limit;
}

type Recent = StandingRow & { readonly shard: number; readonly position: number };

type Look = {
  readonly sums: Sums;
  /** Totals that were written after the snapshot: what was added since is taken off when it is known. */
  readonly recent: Recent[];
};

/** The buckets to look at, with how many rows each may hold. */
export type Suspects = ReadonlyMap<
  Target,
  { readonly sums: Sums; readonly buckets: readonly number[] }
>;

export async function sumsPass(
  context: PassContext,
  snapshot: SourceSnapshot,
  targets: readonly Target[],
  part: Part,
): Promise<Suspects> {
  const { tail, settings } = context;
  const looks = new Map(targets.map((target) => [target, lookOf(target, settings)]));
  for (const [target, look] of looks) await sumStanding(context, target, look);
  await tail.toEnd();
  // What comes from here on is judged by the next snapshot.
  await tail.hold();
  await sumExpected(context, snapshot, looks, part);
  const suspects = new Map<Target, { sums: Sums; buckets: readonly number[] }>();
  for (const [target, look] of looks) {
    takeOffRecent(context, target, look);
    const buckets = unexplained(context, target, look.sums);
    if (buckets.length > 0) suspects.set(target, { sums: look.sums, buckets });
  }
  return suspects;
}

function lookOf({ projection }: Target, { bucketBits }: VerifySettings): Look {
  return { sums: new Sums(projection.kind, 2 ** bucketBits), recent: [] };
}

async function sumStanding(context: PassContext, target: Target, look: Look): Promise<void> {
  const { tail, reader, settings } = context;
  const findings = findingsOf(context, target);
  const { cut } = tail;
  await reader.scan(target.model, (rows, share) => {
    for (const row of rows) {
      findings.standingRows += 1;
      if (isPinned(tail, row)) addPin(findings, row);
      const { key, shard, values, position } = row;
      if (shard === null) look.sums.row(key, values, -1);
      else if (position === null || position < cut)
        look.sums.totals(key, shard, numbers(values), -1);
      else if (look.recent.length < settings.fluxRowsMax)
        look.recent.push({ ...row, shard, position });
      else findings.problems.add(tooMuchFlux(target, settings));
    }
    const what = target.projection.name;
    context.progress({ what, pass: 'comparing', rows: rows.length, share });
  });
}

export async function sumExpected(
  context: PassContext,
  snapshot: SourceSnapshot,
  looks: ReadonlyMap<Target, Look>,
  part: Part,
): Promise<void> {
  const { settings } = context;
  const targets = [...looks.keys()];
  const sumsOf = (target: Target): Sums => {
    const look = looks.get(target);
    if (look === undefined) throw new Error('not looked at');
    return look.sums;
  };
  const read = await sourceReading(context, snapshot, part, 'comparing');
  await snapshot.sessions(part, async (session) => {
    let rows = 0;
    expect(session, targets, settings.partitions, {
      row: (target, { key, values }) => {
        sumsOf(target).row(key, values, 1);
        findingsOf(context, target).expectedRows += 1;
        rows += 1;
      },
      totals: (target, { key, totals }, shard) => {
        sumsOf(target).totals(key, shard, totals, 1);
        findingsOf(context, target).expectedRows += 1;
        rows += 1;
      },
      refused: (target, uid, error) => addRefusal(findingsOf(context, target), uid, error),
    });
    read.session(rows);
    await context.yield();
  });
  read.end();
}

/** The source as it is read: `session` with the rows of each, `end` when there is no more. */
export async function sourceReading(
  { progress }: Pick<PassContext, 'progress'>,
  snapshot: Pick<SourceSnapshot, 'sessionCount'>,
  part: Part,
  pass: VerifyProgress['pass'],
): Promise<{ readonly session: (rows: number) => void; readonly end: () => void }> {
  const sessions = await snapshot.sessionCount(part);
  let done = 0;
  return {
    session: (rows) => {
      done += 1;
      // About so many: turns may name some that have no row.
      const share = sessions === null ? null : Math.min(0.999, done / Math.max(1, sessions));
      progress({ what: 'source', pass, rows, share });
    },
    end: () => progress({ what: 'source', pass, rows: 0, share: 1 }),
  };
}

function takeOffRecent(context: PassContext, target: Target, { sums, recent }: Look): void {
  const since = context.tail.since(target);
  if (since.overflows) {
    findingsOf(context, target).problems.add(tooMuchFlux(target, context.settings));
  }
  for (const { key, shard, values, position } of recent) {
    const totals = numbers(values);
    const touched = since.totals.get(shardKeyText(key, shard));
    const added = addedUpTo(touched, position, totals.length);
    sums.totals(
      key,
      shard,
      totals.map((total, column) => total - (added[column] ?? 0)),
      -1,
    );
  }
}

/** Opens what explains a bucket; the others are answered. */
function unexplained(context: PassContext, target: Target, sums: Sums): readonly number[] {
  const differing = sums.differing();
  if (target.projection.kind === 'aggregate' || differing.length === 0) return differing;
  const since = context.tail.since(target);
  const findings = findingsOf(context, target);
  const byBucket = new Map<number, string[]>(differing.map((bucket) => [bucket, []]));
  for (const text of since.rows.keys()) byBucket.get(sums.bucketOf(text))?.push(text);
  return differing.filter((bucket) => {
    const changing = (byBucket.get(bucket) ?? []).flatMap((text) => {
      const row = since.rows.get(text);
      return row === undefined ? [] : [{ text, row }];
    });
    const difference: State = sums.difference(bucket) ?? absent;
    if (
      !isExplained(
        difference,
        changing.map(({ row }) => row.states),
      )
    )
      return true;
    for (const { text, row } of changing) open(findings, text, row.key, row.sessions);
    return false;
  });
}

export function open(findings: Findings, text: string, key: Key, sessions: Iterable<string>): void {
  const known = findings.open.get(text);
  if (known === undefined) {
    findings.open.set(text, { key, sessions: new Set(sessions), strikes: 0, isAsLogged: false });
  } else {
    for (const uid of sessions) known.sessions.add(uid);
  }
}

export function keyText(key: Key, shard: number | null): string {
  return shard === null ? keyTextOf(key) : shardKeyText(key, shard);
}

export function findingsOf({ findings }: Pick<PassContext, 'findings'>, target: Target): Findings {
  const found = findings.get(target);
  if (found === undefined) throw new Error(`${target.projection.name} is not verified`);
  return found;
}

export function tooMuchFlux({ projection }: Target, { fluxRowsMax }: VerifySettings): string {
  return `more than ${fluxRowsMax} rows of ${projection.name} changed meanwhile: raise TURNSTREAM_VERIFY_FLUX_ROWS_MAX, or verify when there is less to do`;
}

export function numbers(values: readonly unknown[]): readonly number[] {
  return values.map(Number);
}
