import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { History, type Op } from '../../test/worker/history.ts';
import type { FactChange, StepFact } from '../conversation/fact.ts';
import type { ConversationEvent, LogEntry, Watermark } from '../event/event.ts';
import type { Lsn } from '../source/lsn.ts';
import type { Position } from '../source/position.ts';
import { type CheckOptions, EventsCheck } from './check-events.ts';

const partitions = 2;

type Record = { readonly partition: number; readonly entry: LogEntry };

const ops: fc.Arbitrary<readonly Op[]> = fc.array(
  fc.record({
    entity: fc.nat({ max: 5 }),
    to: fc.option(
      fc.record({
        account: fc.constantFrom('a', 'b', null),
        tpe: fc.nat({ max: 3 }),
        content: fc.constantFrom('x', 'y'),
        partition: fc.nat({ max: partitions - 1 }),
      }),
    ),
  }),
  { minLength: 4, maxLength: 40 },
);

/** A session of its own in each partition. */
function recordsOf(all: readonly Op[]): Record[] {
  const history = new History();
  return all
    .flatMap((op, at) => [
      ...history.apply(op),
      ...(at % 7 === 0 ? history.watermark(partitions) : []),
    ])
    .map(({ partition, entry }) => ({
      partition,
      entry: entry.kind === 'event' ? { ...entry, sessionUid: `session-${partition}` } : entry,
    }));
}

function checked(records: readonly Record[], more: Partial<CheckOptions> = {}) {
  const check = new EventsCheck({
    partitions,
    memoryBytesMax: 2 ** 20,
    toldMax: 3,
    partitionOf: (uid) => Number(uid.split('-')[1]),
    ...more,
  });
  for (const [offset, { partition, entry }] of records.entries())
    check.take(partition, offset, entry);
  return check.summary();
}

const none = { position: 0, before: 0, watermark: 0, partition: 0, undecodable: 0 };

describe('a store that is right', () => {
  test('has no breach, whatever was repeated', () => {
    fc.assert(
      fc.property(ops, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 4 }))), (all, repeats) => {
        const records = recordsOf(all);
        for (const [at, count] of repeats) {
          const until = at % records.length;
          const again = records.slice(Math.max(0, until - count), until);
          records.splice(until, 0, ...again);
        }
        expect(checked(records).breaches).toEqual(none);
      }),
    );
  });
});

describe('what is wrong is found', () => {
  test('an event that is missing, or whose before was changed', () => {
    fc.assert(
      fc.property(ops, fc.nat(), fc.boolean(), (all, which, isRemoved) => {
        const records = recordsOf(all);
        const places = records.flatMap(({ entry }, at) => {
          const [change] = entry.kind === 'event' ? entry.changes : [];
          // What nobody says anything about later can be missing unseen.
          const later = (fact: StepFact) =>
            records
              .slice(at + 1)
              .some(({ entry: other }) => other.kind === 'event' && isAbout(other, fact, entry));
          const fact = (change?.after ?? change?.before) as StepFact | undefined;
          if (fact === undefined || (isRemoved && isNoChange(change))) return [];
          return isRemoved && !later(fact) ? [] : [at];
        });
        const at = places[which % Math.max(1, places.length)];
        if (at === undefined) return;
        if (isRemoved) records.splice(at, 1);
        else records[at] = forged(records[at] as Record);
        expect(checked(records).breaches.before).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  test('a position out of order that was never there, a watermark that goes back, a wrong partition', () => {
    const records = recordsOf(
      Array.from({ length: 8 }, (_, at) => {
        return { entity: at, to: { account: 'a', tpe: at, content: 'x', partition: 0 } };
      }),
    );
    const lone = { ...(records.at(-1)?.entry as ConversationEvent), position: 1500 as Position };
    const late = checked([...records, { partition: 0, entry: lone }]);
    expect(late.breaches).toEqual({ ...none, position: 1 });
    expect(late.first[0]?.message).toContain('readers pass it over');
    const back: Watermark = {
      kind: 'watermark',
      position: 999_999 as Position,
      lsn: 5 as Lsn,
      committedAt: 1,
      capturedAt: 1,
    };
    const marks = checked([...records, { partition: 0, entry: back }]);
    expect(marks.breaches).toEqual({ ...none, watermark: 1 });
    const strayed = records.map((each) => ({ ...each, partition: 1 }));
    expect(checked(strayed).breaches.partition).toBe(8);
  });

  test('of many breaches of a kind the first are told, and all are counted', () => {
    const records = recordsOf(
      Array.from({ length: 9 }, (_, at) => {
        return { entity: at, to: { account: 'a', tpe: at, content: 'x', partition: 0 } };
      }),
    ).map((each) => (each.entry.kind === 'event' ? forged(each) : each));
    const summary = checked(records);
    expect(summary.breaches.before).toBe(9);
    expect(summary.first).toHaveLength(3);
  });
});

test('memory that is too small for all facts looks at some sessions, and is right about them', () => {
  const sessions = 400;
  const step = (session: number, idx: number, tpe: number): StepFact => ({
    kind: 'step',
    agentTurnUid: `turn-${session}`,
    idx,
    tpe,
    content: 'x',
    createdAt: 1,
    sessionUid: `s${session}`,
    accountUid: null,
    humanTurnUid: null,
    askedAt: null,
    turnCreatedAt: null,
    previousStepAt: null,
    previousStepTpe: null,
  });
  let position = 0;
  const records: Record[] = [];
  for (const tpe of [1, 2]) {
    for (let session = 0; session < sessions; session += 1) {
      for (let idx = 0; idx < 20; idx += 1) {
        const before = tpe === 1 ? null : step(session, idx, 1);
        const change: FactChange = { kind: 'step', before, after: step(session, idx, tpe) };
        position += 1;
        const entry = { ...event(position, [change]), sessionUid: `s${session}` };
        records.push({ partition: 0, entry });
      }
    }
  }
  const small = { partitionOf: () => 0, memoryBytesMax: 40_000 };
  const right = checked(records, small);
  expect(right.breaches).toEqual(none);
  expect(right.sessionsShare).toBeLessThan(0.5);
  expect(right.sessionsShare).toBeGreaterThan(0.01);
  expect(right.compared).toBeGreaterThan(100);
  expect(right.facts).toBeLessThan(2000);
  const wrong = records.map((each, at) => (at >= sessions * 20 ? forged(each) : each));
  expect(checked(wrong, small).breaches.before).toBeGreaterThan(20);
});

function event(position: number, changes: readonly FactChange[]): ConversationEvent {
  return {
    kind: 'event',
    position: position as Position,
    lsn: null,
    transactionId: null,
    committedAt: 1,
    capturedAt: 1,
    type: 'StepRevised',
    sessionUid: 's',
    changes,
  };
}

/** Says of every fact that it was something else. */
function forged({ partition, entry }: Record): Record {
  if (entry.kind !== 'event') return { partition, entry };
  const changes = entry.changes.map((change) => {
    const before = (change.before ?? change.after) as StepFact;
    return { ...change, before: { ...before, content: 'forged' } } as FactChange;
  });
  return { partition, entry: { ...entry, changes } };
}

function isNoChange(change: FactChange | undefined): boolean {
  return JSON.stringify(change?.before) === JSON.stringify(change?.after);
}

function isAbout(other: ConversationEvent, fact: StepFact, entry: LogEntry): boolean {
  const [change] = other.changes;
  const about = (change?.after ?? change?.before) as StepFact;
  const isSame = about.agentTurnUid === fact.agentTurnUid && about.idx === fact.idx;
  return isSame && entry.kind === 'event' && other.sessionUid === entry.sessionUid;
}
