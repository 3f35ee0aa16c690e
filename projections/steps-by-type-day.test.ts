import { describe, expect, it } from 'vitest';
import { stepTypes } from '../processor/conversation/step-type.ts';
import {
  added,
  agentTurnFact,
  at,
  changed,
  removed,
  sessionFact,
  stepFact,
} from '../processor/projection/facts.ts';
import { bucketOf } from '../processor/projection/hash.ts';
import { specOf } from '../processor/projection/spec.ts';
import { dayOf } from '../processor/projection/time.ts';
import { bucketsPerTypeDay, stepsByTypeDay } from './steps-by-type-day.ts';

const { given } = specOf(stepsByTypeDay);

const step = stepFact({
  agentTurnUid: 'agent-1',
  idx: 0,
  tpe: stepTypes.Text,
  content: '{"text":"🌘"}',
  createdAt: at('2024-11-22T10:00:02.345678Z'),
});

const row = {
  tpe: 1,
  day: dayOf(at('2024-11-22T00:00:00Z')),
  bucket: bucketOf('agent-1:0', bucketsPerTypeDay),
  createdAt: at('2024-11-22T10:00:02.345Z'),
  agentTurnUid: 'agent-1',
  idx: 0,
  sessionUid: 'session-1',
  accountUid: 'account-1',
  preview: '{"text":"🌘"}',
  contentChars: 12,
  contentBytes: 15,
};

describe('steps_by_type_day', () => {
  it('lists a step under its type and UTC day', () => {
    given(step).then(row);
  });

  it('lists no turns and no sessions', () => {
    given(agentTurnFact(), sessionFact()).then();
  });

  it('moves a retyped step: its old row is gone', () => {
    given(step)
      .when(changed(step, { tpe: stepTypes.Code }), { times: 2 })
      .then({ ...row, tpe: 3 });
  });

  it('moves a step whose time changes to another day', () => {
    const createdAt = at('2024-11-23T00:00:00Z');
    given(step)
      .when(changed(step, { createdAt }), { times: 2 })
      .then({ ...row, createdAt, day: row.day + 1 });
  });

  it('keeps one row when the time changes by less than a millisecond', () => {
    given(step)
      .when(changed(step, { createdAt: at('2024-11-22T10:00:02.345999Z') }))
      .then(row);
  });

  it('follows a renumbered step', () => {
    given(step)
      .when(changed(step, { idx: 1 }), { times: 2 })
      .then({ ...row, idx: 1, bucket: bucketOf('agent-1:1', bucketsPerTypeDay) });
  });

  it('follows its session to another account, also to an unknown one', () => {
    const moved = { ...step, accountUid: 'account-2' };
    given(step)
      .when([changed(step, { accountUid: 'account-2' }), changed(moved, { accountUid: null })])
      .then({ ...row, accountUid: null });
  });

  it('drops a deleted step, also when its arrival is delivered again', () => {
    given()
      .when([added(step), removed(step)], { times: 2 })
      .then();
  });

  it('keeps a step of an unknown type under its number', () => {
    given({ ...step, tpe: 99 }).then({ ...row, tpe: 99 });
    given({ ...step, tpe: -1 }).then({ ...row, tpe: -1 });
  });

  it('has no row for a step without type or time, until it has both', () => {
    given({ ...step, tpe: null }, { ...step, idx: 1, createdAt: null }).then();
    given({ ...step, tpe: null })
      .when(changed({ ...step, tpe: null }, { tpe: 1 }))
      .then(row);
    given(step)
      .when(changed(step, { createdAt: null }), { times: 2 })
      .then();
  });

  it('shows 200 characters of a long content and the size of all of it', () => {
    given({ ...step, content: '🌘'.repeat(1_000) }).then({
      ...row,
      preview: '🌘'.repeat(200),
      contentChars: 1_000,
      contentBytes: 4_000,
    });
  });

  it('tells no content from an empty one, and takes content that is no JSON', () => {
    given({ ...step, content: null }).then({
      ...row,
      preview: null,
      contentChars: null,
      contentBytes: null,
    });
    given({ ...step, content: '' }).then({ ...row, preview: '', contentChars: 0, contentBytes: 0 });
    given({ ...step, content: '{"te' }).then({
      ...row,
      preview: '{"te',
      contentChars: 4,
      contentBytes: 4,
    });
  });

  it('keeps a step before 1970 on its own day', () => {
    const createdAt = at('1969-12-31T23:59:59.999Z');
    given({ ...step, createdAt }).then({ ...row, createdAt, day: -1 });
  });

  it('spreads 5,000,000 steps of one type and day so that no CQL partition passes 100,000 rows', () => {
    const rows = new Array<number>(bucketsPerTypeDay).fill(0);
    // Consecutive uids, the least random ones: 1,000,000 turns of 5 steps.
    for (let turn = 0; turn < 1_000_000; turn += 1) {
      const uid = `0193512a-7c00-7000-8000-${turn.toString(16).padStart(12, '0')}`;
      for (let idx = 0; idx < 5; idx += 1) {
        const bucket = bucketOf(`${uid}:${idx}`, bucketsPerTypeDay);
        rows[bucket] = (rows[bucket] ?? 0) + 1;
      }
    }
    const largest = Math.max(...rows);
    expect(rows.reduce((sum, count) => sum + count)).toBe(5_000_000);
    expect(largest).toBeLessThan(80_000);
    // With the longest row, in bytes (see bucketsPerTypeDay).
    expect(largest * 1_072).toBeLessThan(100e6);
  });

  it('puts a step into the bucket of its turn and index', () => {
    for (let idx = 0; idx < 100; idx += 1) {
      const [found] = stepsByTypeDay.kind === 'map' ? stepsByTypeDay.rows({ ...step, idx }) : [];
      expect(found?.key[2]).toBe(bucketOf(`agent-1:${idx}`, bucketsPerTypeDay));
    }
  });
});
