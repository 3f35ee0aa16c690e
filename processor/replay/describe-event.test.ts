import { expect, test } from 'vitest';
import type { ConversationEvent } from '../event/event.ts';
import { added, changed, removed, sessionFact, stepFact } from '../projection/facts.ts';
import type { Lsn } from '../source/lsn.ts';
import type { Position } from '../source/position.ts';
import { changeText, eventLine } from './describe-event.ts';

const step = stepFact({ agentTurnUid: 't1', idx: 3, tpe: 1, content: 'Hello' });

test('a line says when, where, what, and what changed of what it is about', () => {
  const session = sessionFact({ uid: 's1', steps: 3 });
  const event: ConversationEvent = {
    kind: 'event',
    position: 4096 as Position,
    lsn: 0x16b3748 as Lsn,
    transactionId: 7,
    committedAt: Date.parse('2026-03-05T12:00:00.250Z'),
    capturedAt: 0,
    type: 'StepRecorded',
    sessionUid: 's1',
    changes: [added(step), changed(session, { steps: 4 })],
  };
  expect(eventLine(event)).toBe(
    '2026-03-05T12:00:00.250Z  0/16B3748              4096  StepRecorded      step 3 of t1 type 1, "Hello"',
  );
  expect(eventLine({ ...event, lsn: null })).toContain('  snapshot  ');
});

test('a change names its fields, a long text is cut and stays on one line', () => {
  expect(changeText(changed(step, { tpe: 2 }))).toBe('step 3 of t1: tpe 1 → 2');
  expect(changeText(changed(step, { content: 'other' }))).toBe('step 3 of t1: content changed');
  expect(changeText(removed(step))).toBe('step 3 of t1 is gone');
  const long = changeText(added(stepFact({ idx: 0, content: `a\n${'b'.repeat(500)}` })));
  expect(long).not.toContain('\n');
  expect(long.length).toBeLessThan(120);
});
