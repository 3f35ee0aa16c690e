/**
 * Open rows once more, with a later snapshot: those that changed while the former one was compared, and
 * those that differed for the first time. Only the sessions concerned are read: whose events have touched a
 * row, and who should have it. A row that differs at two moments, with nothing changing it, differs.
 */
import { keyTextOf } from '../projection/key-text.ts';
import type { Row } from '../projection/projection.ts';
import { expect } from './expected.ts';
import { addDifference, type Findings, kindOf, type OpenRow } from './findings.ts';
import type { SourceSnapshot, StandingRow, Target } from './ports.ts';
import { absent, rowHash } from './sums.ts';
import { findingsOf, type PassContext, tooMuchFlux } from './sums-pass.ts';
import type { TouchedRow } from './touched.ts';

const strikesMax = 2;

export function openTargets({ findings }: PassContext): readonly Target[] {
  return [...findings].flatMap(([target, { open }]) => (open.size > 0 ? [target] : []));
}

/** To be called with each snapshot once it is comparable: who touched an open row on the way to it. */
export function followSessions(context: PassContext): void {
  for (const target of openTargets(context)) {
    const before = context.tail.before(target);
    const findings = findingsOf(context, target);
    if (before?.overflows === true) findings.problems.add(tooMuchFlux(target, context.settings));
    for (const [text, row] of findings.open) {
      for (const uid of before?.rows.get(text)?.sessions ?? []) row.sessions.add(uid);
    }
  }
}

export async function settlePass(context: PassContext, snapshot: SourceSnapshot): Promise<void> {
  const { tail, reader } = context;
  const targets = openTargets(context);
  const standing = new Map<Target, ReadonlyMap<string, StandingRow | null>>();
  for (const target of targets) {
    const open = [...findingsOf(context, target).open];
    const rows = await reader.rows(
      target.model,
      open.map(([, { key }]) => ({ key, shard: null })),
    );
    standing.set(target, new Map(open.map(([text], at) => [text, rows[at] ?? null])));
    const what = target.projection.name;
    context.progress({ what, pass: 'settling', rows: rows.length, share: 1 });
  }
  await tail.toEnd();
  await tail.hold();
  const expected = await expectedOf(context, snapshot, targets);
  for (const target of targets) {
    const findings = findingsOf(context, target);
    for (const [text, row] of [...findings.open]) {
      const wanted = expected.get(target)?.get(text) ?? null;
      judge(
        context,
        target,
        { findings, text, row },
        wanted,
        standing.get(target)?.get(text) ?? null,
      );
    }
  }
}

async function expectedOf(
  context: PassContext,
  snapshot: SourceSnapshot,
  targets: readonly Target[],
): Promise<ReadonlyMap<Target, ReadonlyMap<string, Row>>> {
  const found = new Map(targets.map((target) => [target, new Map<string, Row>()]));
  const uids = new Set<string>();
  for (const target of targets) {
    for (const { sessions } of findingsOf(context, target).open.values()) {
      for (const uid of sessions) uids.add(uid);
    }
  }
  await snapshot.sessionsOf([...uids], async (session) => {
    expect(session, targets, context.settings.partitions, {
      row: (target, row, uid) => {
        const text = keyTextOf(row.key);
        const open = findingsOf(context, target).open.get(text);
        if (open === undefined) return;
        open.sessions.add(uid);
        found.get(target)?.set(text, row);
      },
      totals: () => undefined,
      refused: () => undefined,
    });
    await context.yield();
  });
  return found;
}

function judge(
  { tail, settings }: PassContext,
  target: Target,
  { findings, text, row }: { findings: Findings; text: string; row: OpenRow },
  expected: Row | null,
  standing: StandingRow | null,
): void {
  const kind = kindOf(expected?.values ?? null, standing?.values ?? null);
  if (kind === null) {
    findings.open.delete(text);
    return;
  }
  const touched = tail.since(target).rows.get(text);
  if (touched !== undefined) {
    row.isAsLogged = isAsLogged(text, touched, expected, standing);
    return;
  }
  row.isAsLogged = false;
  row.strikes += 1;
  if (row.strikes < strikesMax) return;
  findings.open.delete(text);
  addDifference(
    findings,
    {
      kind,
      key: row.key,
      shard: null,
      expected: expected?.values ?? null,
      standing,
      mendAt: tail.cut - 1,
    },
    settings.detailRowsMax,
  );
}

/** It was what it should be at the snapshot, and stands as one of the events since has left it. */
function isAsLogged(
  text: string,
  { states }: TouchedRow,
  expected: Row | null,
  standing: StandingRow | null,
): boolean {
  const hash = (values: StandingRow['values'] | undefined) =>
    values === undefined ? absent : { rows: 1, ...rowHash(text, values) };
  const same = (one: typeof absent, other: typeof absent | undefined) =>
    other !== undefined &&
    one.rows === other.rows &&
    one.one === other.one &&
    one.other === other.other;
  const seen = hash(standing?.values);
  return same(hash(expected?.values), states[0]) && states.some((state) => same(seen, state));
}
