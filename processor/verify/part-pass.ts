/**
 * Some sessions alone (a sample, an account, those since a time): what they should have is looked up row by
 * row. A row that nobody should have is not seen this way, and totals are not compared: they are of
 * all sessions. What differs is open, and looked at again.
 */
import { keyTextOf } from '../projection/key-text.ts';
import type { Row } from '../projection/projection.ts';
import { expect } from './expected.ts';
import { addPin, addRefusal, kindOf } from './findings.ts';
import type { Part, SourceSnapshot, Target } from './ports.ts';
import { findingsOf, isPinned, open, type PassContext, sourceReading } from './sums-pass.ts';

export async function partPass(
  context: PassContext,
  snapshot: SourceSnapshot,
  targets: readonly Target[],
  part: Part,
): Promise<void> {
  const read = await sourceReading(context, snapshot, part, 'comparing');
  await snapshot.sessions(part, async (session) => {
    const rows = new Map<Target, Row[]>(targets.map((target) => [target, []]));
    expect(session, targets, context.settings.partitions, {
      row: (target, row) => void rows.get(target)?.push(row),
      totals: () => undefined,
      refused: (target, uid, error) => addRefusal(findingsOf(context, target), uid, error),
    });
    for (const [target, expected] of rows) {
      await compare(context, target, session.uid, expected);
    }
    read.session([...rows.values()].reduce((sum, { length }) => sum + length, 0));
    await context.yield();
  });
  read.end();
  await context.tail.toEnd();
}

async function compare(
  context: PassContext,
  target: Target,
  sessionUid: string,
  expected: readonly Row[],
): Promise<void> {
  if (expected.length === 0) return;
  const { reader, settings, tail } = context;
  const findings = findingsOf(context, target);
  const addresses = expected.map(({ key }) => ({ key, shard: null }));
  const standing = await reader.rows(target.model, addresses);
  expected.forEach(({ key, values }, at) => {
    const row = standing[at] ?? null;
    findings.expectedRows += 1;
    if (row !== null) findings.standingRows += 1;
    if (row !== null && isPinned(tail, row)) addPin(findings, row);
    if (kindOf(values, row?.values ?? null) === null) return;
    if (findings.open.size < settings.detailRowsMax) {
      open(findings, keyTextOf(key), key, [sessionUid]);
    } else {
      findings.unexamined.buckets += 1;
      findings.unexamined.rows += 1;
    }
  });
}
