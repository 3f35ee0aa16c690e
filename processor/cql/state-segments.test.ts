/**
 * What the sequencer closes as one segment is one batch here: the sizes that conversation/ works
 * with are bounds of those that the statements have.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Container, type RowRef, type RowValue } from '../conversation/container.ts';
import { foldDefaults } from '../conversation/limits.ts';
import { positionBytesMax, storedBytesMax, textBytesMax } from '../conversation/row-size.ts';
import { noFamily, noSession, type StepMark } from '../conversation/rows.ts';
import { storedRow } from '../sequencer/state-codec.ts';
import type { Position } from '../source/position.ts';
import { bytesOf } from './batches.ts';
import { batchesOf, type EndBatch, segmentStatements } from './state-segments.ts';
import { type StoredText, stateStatements } from './state-statements.ts';
import { stateStoreDefaults } from './state-store.ts';
import { groupOf, tailText } from './state-tail.ts';

const { batchBytesMax, batchRowsMax, contentInlineBytesMax } = stateStoreDefaults;
const limits = {
  ...foldDefaults,
  segmentBytesMax: batchBytesMax,
  segmentRowsMax: batchRowsMax - 1,
  contentInlineBytesMax,
};
const statements = stateStatements('app');

const position = fc.constant(2 ** 53 - 1);
const uid = fc.oneof(fc.uuid(), fc.string({ unit: 'binary' }), fc.constant('"\\\n\u0001'));
const text = fc.option(
  fc.oneof(
    uid,
    fc.integer({ min: 0, max: 5000 }).map((length) => 'ü'.repeat(length)),
  ),
);
const at = fc.option(
  fc.constantFrom(0, -1, 1_700_000_000_000.123, -1_234_567_890_123.457, 8.64e15),
);
const int = fc.constantFrom(0, 7, 2 ** 31 - 1, -(2 ** 31));
const mark: fc.Arbitrary<StepMark | null> = fc.option(
  fc.record({ idx: int, at, tpe: fc.option(int) }),
);
const entity = { present: fc.boolean(), lsn: position, seen: position };
const summary = fc.record({ count: int, first: mark, firstVisible: mark, last: mark });

const row: fc.Arbitrary<{ readonly ref: RowRef; readonly value: RowValue }> = fc.oneof(
  fc
    .record({
      ...entity,
      accountUid: text,
      title: text,
      firstTurnAt: at,
      lastActivityAt: at,
      humanTurns: int,
      agentTurns: int,
      steps: int,
    })
    .map((value) => ({ ref: { kind: 'session' as const }, value })),
  fc
    .record({
      ...entity,
      role: fc.constantFrom('human' as const, 'agent' as const),
      uid,
      parentUid: fc.option(uid),
      activeChild: fc.option(uid),
      prompt: text,
      createdAt: at,
      depth: fc.option(int),
      ordinal: int,
      steps: summary,
    })
    .map((value) => ({ ref: { kind: 'turn' as const, role: value.role, uid: value.uid }, value })),
  fc
    .record({ family: uid, count: int, lastAt: at, lastUid: uid })
    .map(({ family, ...value }) => ({ ref: { kind: 'family' as const, family }, value })),
  fc.record({ family: uid, uid, at, present: fc.boolean() }).map(({ family, ...value }) => ({
    ref: { kind: 'child' as const, family, uid: value.uid },
    value,
  })),
  fc
    .record({
      ...entity,
      turnUid: uid,
      idx: int,
      tpe: fc.option(int),
      content: text,
      createdAt: at,
    })
    .map((value) => ({
      ref: { kind: 'step' as const, turnUid: value.turnUid, idx: value.idx },
      value,
    })),
);

/** As StateTexts places it. */
function placed(stored: string | null): StoredText {
  if (stored === null) return { inline: '', position: 0, chunks: -1 };
  const apart = Buffer.byteLength(stored) > contentInlineBytesMax;
  return apart
    ? { inline: '', position: 2 ** 53 - 1, chunks: 99 }
    : { inline: stored, position: 0, chunks: 0 };
}

function statementsOf(container: string, segment: ReturnType<Container['takeSegments']>[number]) {
  const rows = segment.rows.map(({ ref, value }) => {
    const stored = storedRow(ref, value);
    return { row: stored, text: placed(stored.text) };
  });
  const planned = { position: segment.position as Position, rows };
  return segmentStatements(statements, container, planned, 2 ** 31 - 1);
}

function endOf(container: string): EndBatch {
  return (at, tail) => statements.setPosition(container, at, tail);
}

test('the size that a row is counted with is a bound of its statement’s', () => {
  fc.assert(
    fc.property(uid, row, (container, { ref, value }) => {
      const name = textBytesMax(container);
      const segment = { position: 2 ** 53 - 1, rows: [{ ref, value }] };
      const { position, rows } = statementsOf(container, segment);
      const { statement, mark } = rows[0]!;
      const counted = name + storedBytesMax(ref, value, contentInlineBytesMax);
      const inTail = Buffer.byteLength(mark) + 1;
      expect(counted).toBeGreaterThanOrEqual(bytesOf(statement) + inTail);
      const last = statements.setPosition(container, position, tailText([groupOf(position, [])]));
      expect(name + positionBytesMax).toBeGreaterThanOrEqual(bytesOf(last));
    }),
    { numRuns: 3000, seed: 1 },
  );
});

test('a segment of several changes is one batch, whatever they changed', () => {
  const change = fc.array(row, { maxLength: 12 });
  const changes = fc.array(change, { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(uid, changes, fc.constantFrom(5, 9, 100), (name, all, rowsMax) => {
      const container = new Container(name, 0, { ...limits, segmentRowsMax: rowsMax - 1 });
      for (const [at, rows] of all.entries()) {
        for (const { ref, value } of rows) container.put(ref, value);
        container.advance(at + 1);
      }
      const batchLimits = { batchBytesMax, batchRowsMax: rowsMax };
      let before = 0;
      for (const segment of container.takeSegments()) {
        const batches = batchesOf([statementsOf(name, segment)], endOf(name), batchLimits);
        if (segment.position - before > 1) expect(batches).toHaveLength(1);
        before = segment.position;
      }
      expect(before).toBe(all.length);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test.each([
  ['many small rows', 8, 120],
  ['many long texts', 4000, 30],
])('changes fill a segment to the batch’s limits: %s', (_, chars, count) => {
  const container = new Container('s:a', 0, limits);
  for (let idx = 1; idx <= count; idx += 1) {
    const content = 'x'.repeat(chars);
    const step = {
      present: true,
      lsn: 1,
      seen: 0,
      turnUid: 't',
      idx,
      tpe: 1,
      createdAt: 0,
      content,
    };
    container.put({ kind: 'step', turnUid: 't', idx }, step);
    container.put({ kind: 'session' }, noSession);
    container.advance(idx);
  }
  const batches = container
    .takeSegments()
    .flatMap((segment) =>
      batchesOf([statementsOf('s:a', segment)], endOf('s:a'), stateStoreDefaults),
    );
  expect(batches.length).toBeLessThan((count * (chars + 400)) / batchBytesMax + 3);
  for (const batch of batches) {
    expect(batch.length).toBeLessThanOrEqual(batchRowsMax);
    expect(batch.reduce((sum, one) => sum + bytesOf(one), 0)).toBeLessThanOrEqual(batchBytesMax);
  }
});

test('a change larger than a batch is alone in its segment, and what follows begins another', () => {
  const container = new Container('s:a', 0, { ...limits, segmentRowsMax: 5 });
  const change = (at: number, uids: readonly string[]) => {
    for (const name of uids) container.put({ kind: 'family', family: name }, noFamily);
    container.advance(at);
  };
  change(1, ['a']);
  change(2, ['a', 'b']);
  change(3, ['c', 'd', 'e', 'f', 'g', 'h']);
  container.advance(4);
  change(5, ['a']);
  change(6, []);
  const segments = container.takeSegments();
  expect(segments.map(({ position, rows }) => [position, rows.length])).toEqual([
    [2, 2],
    [3, 6],
    [6, 1],
  ]);
});

test('a segment that is closed before a change holds its rows as they were before it', () => {
  const container = new Container('s:a', 0, { ...limits, segmentRowsMax: 1 });
  container.put({ kind: 'session' }, { ...noSession, steps: 1 });
  container.advance(1);
  container.put({ kind: 'family', family: 'f' }, noFamily);
  container.put({ kind: 'session' }, { ...noSession, steps: 2 });
  container.advance(2);
  const steps = container
    .takeSegments()
    .map(({ rows }) => rows.map(({ value }) => ('humanTurns' in value ? value.steps : 'family')));
  expect(steps).toEqual([[1], ['family', 2]]);
});
