/**
 * Buckets that differ, row by row, with a snapshot of its own: so what is found has differed at two moments. As
 * many buckets as memory allows; the others are counted and said (I10).
 */
import type { Cell } from '../projection/columns.ts';
import type { Key } from '../projection/projection.ts';
import { expect } from './expected.ts';
import { addDifference, type Findings, isZero, kindOf } from './findings.ts';
import { everything, type SourceSnapshot, type StandingRow, type Target } from './ports.ts';
import type { VerifySettings } from './settings.ts';
import type { Sums } from './sums.ts';
import {
  findingsOf,
  keyText,
  numbers,
  open,
  type PassContext,
  type Suspects,
  sourceReading,
  tooMuchFlux,
} from './sums-pass.ts';
import type { Tail } from './tail.ts';
import { addedUpTo } from './touched.ts';

type Expected = {
  readonly key: Key;
  readonly shard: number | null;
  values: readonly Cell[];
  readonly sessions: Set<string>;
  /** Two facts give this row: the definition breaks its promise. */
  isTwice: boolean;
};

type Detail = {
  readonly sums: Sums;
  readonly buckets: ReadonlySet<number>;
  readonly expected: Map<string, Expected>;
  readonly standing: Map<string, StandingRow>;
};

export async function detailPass(
  context: PassContext,
  snapshot: SourceSnapshot,
  suspects: Suspects,
): Promise<void> {
  const { tail, reader } = context;
  const details = new Map<Target, Detail>();
  for (const [target, { sums, buckets }] of suspects) {
    const chosen = choose(findingsOf(context, target), sums, buckets, context.settings);
    details.set(target, { sums, buckets: chosen, expected: new Map(), standing: new Map() });
  }
  for (const [target, detail] of details) {
    await reader.scan(target.model, (rows, share) => {
      for (const row of rows) {
        const text = keyText(row.key, row.shard);
        if (isIn(detail, text)) keep(context, target, detail, detail.standing, text, row);
      }
      const what = target.projection.name;
      context.progress({ what, pass: 'looking closer', rows: rows.length, share });
    });
  }
  await tail.toEnd();
  await tail.hold();
  await collectExpected(context, snapshot, details);
  for (const [target, detail] of details) {
    const findings = findingsOf(context, target);
    if (tail.since(target).overflows) findings.problems.add(tooMuchFlux(target, context.settings));
    const texts = new Set([...detail.expected.keys(), ...detail.standing.keys()]);
    for (const text of texts) {
      if (target.projection.kind === 'map') compareRow(context, target, detail, text);
      else compareTotals(context, target, detail, text);
    }
  }
}

/** As many as fit; at least one. */
function choose(
  findings: Findings,
  sums: Sums,
  buckets: readonly number[],
  { detailRowsMax }: VerifySettings,
): ReadonlySet<number> {
  const chosen = new Set<number>();
  let rows = 0;
  for (const bucket of buckets) {
    rows += sums.seen(bucket);
    if (rows <= detailRowsMax || chosen.size === 0) chosen.add(bucket);
    else {
      findings.unexamined.buckets += 1;
      findings.unexamined.rows += Math.max(1, Math.abs(sums.difference(bucket)?.rows ?? 0));
    }
  }
  return chosen;
}

function isIn({ sums, buckets }: Detail, text: string): boolean {
  return buckets.has(sums.bucketOf(text));
}

function keep<T>(
  context: PassContext,
  target: Target,
  detail: Detail,
  into: Map<string, T>,
  text: string,
  entry: T,
): void {
  // Twice what was chosen: more can only be what came since.
  if (detail.expected.size + detail.standing.size < context.settings.detailRowsMax * 2) {
    into.set(text, entry);
  } else {
    findingsOf(context, target).problems.add(
      `more rows of ${target.projection.name} differ than are kept in memory: raise TURNSTREAM_VERIFY_DETAIL_ROWS_MAX`,
    );
  }
}

async function collectExpected(
  context: PassContext,
  snapshot: SourceSnapshot,
  details: ReadonlyMap<Target, Detail>,
): Promise<void> {
  const add = (
    target: Target,
    { key, shard, values }: Omit<Expected, 'sessions' | 'isTwice'>,
    sessionUid: string,
  ) => {
    const detail = details.get(target);
    const text = keyText(key, shard);
    if (detail === undefined || !isIn(detail, text)) return;
    const known = detail.expected.get(text);
    if (known === undefined) {
      const entry = { key, shard, values, sessions: new Set([sessionUid]), isTwice: false };
      keep(context, target, detail, detail.expected, text, entry);
    } else if (shard === null) {
      known.sessions.add(sessionUid);
      known.isTwice = true;
    } else {
      known.values = sum(numbers(known.values), numbers(values));
    }
  };
  const read = await sourceReading(context, snapshot, everything, 'looking closer');
  await snapshot.sessions(everything, async (session) => {
    expect(session, [...details.keys()], context.settings.partitions, {
      row: (target, row, uid) => add(target, { ...row, shard: null }, uid),
      totals: (target, { key, totals }, shard, uid) =>
        add(target, { key, shard, values: totals }, uid),
      // Counted in the first pass.
      refused: () => undefined,
    });
    read.session(1);
    await context.yield();
  });
  read.end();
}

function compareRow(context: PassContext, target: Target, detail: Detail, text: string): void {
  const { tail, settings } = context;
  const findings = findingsOf(context, target);
  const expected = detail.expected.get(text);
  const standing = detail.standing.get(text) ?? null;
  const key = expected?.key ?? standing?.key;
  if (key === undefined) return;
  if (expected?.isTwice === true) {
    findings.problems.add(
      `two facts give ${target.projection.name} one row, so which one shows depends on their order: [${key.join(', ')}]; give the key another column`,
    );
    return;
  }
  const kind = kindOf(expected?.values ?? null, standing?.values ?? null);
  if (kind === null) return;
  const touched = tail.since(target).rows.get(text);
  if (touched !== undefined) {
    open(findings, text, key, [...touched.sessions, ...(expected?.sessions ?? [])]);
    return;
  }
  const difference = { kind, key, shard: null, expected: expected?.values ?? null, standing };
  addDifference(findings, { ...difference, mendAt: tail.cut - 1 }, settings.detailRowsMax);
}

function compareTotals(context: PassContext, target: Target, detail: Detail, text: string): void {
  const { tail, settings } = context;
  const expected = detail.expected.get(text);
  const standing = detail.standing.get(text) ?? null;
  const { key, shard } = expected ?? standing ?? {};
  if (key === undefined || shard === undefined || shard === null) return;
  const width = target.model.shape.values.length;
  const touched = tail.since(target).totals.get(text);
  const atCut =
    expected === undefined ? new Array<number>(width).fill(0) : numbers(expected.values);
  const upTo = standing?.position ?? -1;
  const now = sum(atCut, addedUpTo(touched, upTo, width));
  const kind = kindOfTotals(now, standing);
  if (kind === null) return;
  addDifference(
    findingsOf(context, target),
    { kind, key, shard, standing, ...toMend(tail, shard, sum(atCut, allAdded(touched, width))) },
    settings.detailRowsMax,
  );
}

function kindOfTotals(expected: readonly number[], standing: StandingRow | null) {
  const isNothing = isZero(expected);
  if (standing === null) return isNothing ? null : 'missing';
  if (kindOf(expected, standing.values) === null) return null;
  return isNothing ? 'extra' : 'different';
}

/** Exact as of the last position of its partition that was taken: all that was added by then is in. */
function toMend(tail: Tail, shard: number, expected: readonly number[]) {
  return { expected, mendAt: Math.max(tail.highest(shard), tail.cut - 1) };
}

function allAdded(touched: Parameters<typeof addedUpTo>[0], width: number): number[] {
  return addedUpTo(touched, Number.POSITIVE_INFINITY, width);
}

function sum(one: readonly number[], other: readonly number[]): number[] {
  return one.map((total, column) => total + (other[column] ?? 0));
}
