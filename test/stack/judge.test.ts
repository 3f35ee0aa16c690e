/**
 * The judge is judged: a small data set whose rows were worked out by hand, and the projections'
 * own functions over facts that a few plain loops make of the same tables after mixed changes.
 */

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import { stackAddresses } from '../../local/stack.ts';
import type { Cell } from '../../processor/projection/columns.ts';
import { bucketOf } from '../../processor/projection/hash.ts';
import { keyTextOf } from '../../processor/projection/key-text.ts';
import { bucketOfMicros, overflowBucket } from '../../projections/buckets.ts';
import { projections } from '../../projections/index.ts';
import { expectedRows, type JudgedRow, type Judgement } from './support/judge.ts';
import { describeDifference, difference, isEqual } from './support/judge-difference.ts';
import { factsOf } from './support/judge-plain-facts.ts';

const { postgres } = stackAddresses();
const schema = `judge_${process.pid}`;

let pool: pg.Pool;

beforeAll(async () => {
  pool = new pg.Pool({
    ...postgres,
    database: 'postgres',
    max: 32,
    options: `-c search_path=${schema}`,
  });
  await pool.query(`CREATE SCHEMA ${schema}`);
});

afterAll(async () => {
  await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await pool.end();
});

async function fresh(): Promise<void> {
  await pool.query(`DROP SCHEMA ${schema} CASCADE; CREATE SCHEMA ${schema}`);
  await createTables(pool);
}

async function judged(): Promise<Judgement> {
  const client = await pool.connect();
  try {
    return await expectedRows(client, schema);
  } finally {
    client.release();
  }
}

const at = (text: string) => Date.parse(text);
const dayOf = (text: string) => Math.floor(at(text) / 86_400_000);

describe('the judge, on rows worked out by hand', () => {
  let rows: Judgement;
  const of = (name: keyof Judgement, ...key: Cell[]) => rows[name].get(keyTextOf(key))?.values;

  beforeAll(async () => {
    await fresh();
    await pool.query(`
      INSERT INTO sessions VALUES ('s1', 'a1', 'one'), ('s2', NULL, 'no account');
      INSERT INTO human_turns (uid, session_uid, parent_uid, prompt, created_at) VALUES
        ('h1', 's1', NULL, repeat('🙂', 201), '2026-01-31 23:59:59.999900+00'),
        ('h2', 's1', 't1', NULL, '2026-02-01 00:00:09.000000+00'),
        ('h3', 's2', 't1', 'its parent is in another session', '2026-02-01 00:00:09+00'),
        ('h4', 's9', NULL, 'its session is unknown', '2026-02-01 00:00:00+00'),
        ('h5', 's1', 't1', 'without a time', NULL);
      INSERT INTO agent_turns (uid, session_uid, parent_uid, created_at) VALUES
        ('t1', 's1', 'h1', '2026-02-01 00:00:00.100000+00'),
        ('t2', 's9', 'h4', '1969-12-31 23:59:59.999999+00'),
        ('t3', NULL, 'h1', '2026-02-01 00:00:00+00'),
        ('t4', 's1', 'h2', '2026-02-01 00:00:10+00');
      INSERT INTO steps VALUES
        ('t1', -1, 12, '{}',        '2026-02-01 00:00:00.200400+00'),
        ('t1', 3,  0,  NULL,        '2026-02-01 00:00:00.200100+00'),
        ('t1', 7,  1,  'größer 🙂', '2026-02-01 00:00:01.200100+00'),
        ('t1', 8,  NULL, 'no type', '2026-02-02 00:00:01.200100+00'),
        ('t1', 9,  99, 'unknown',   '2026-02-01 00:00:08.999999+00'),
        ('t2', 0,  1,  'a',         NULL),
        ('t2', 1,  1,  'b',         '1969-12-31 23:59:59.999999+00'),
        ('t3', 0,  1,  'its turn is in no session', '2026-02-01 00:00:00+00'),
        ('t9', 0,  1,  'its turn is unknown', '2026-02-01 00:00:00+00');`);
    rows = await judged();
  });

  it('lists the steps of known turns by type and day, times floored, also before 1970', () => {
    const day = dayOf('2026-02-01T00:00:00Z');
    const key = (tpe: number, onDay: number, time: number, turn: string, idx: number) =>
      [tpe, onDay, bucketOf(`${turn}:${idx}`, 64), time, turn, idx] as const;
    const time = at('2026-02-01T00:00:00.200Z');
    const s1 = ['s1', 'a1'];
    expect([...rows.steps_by_type_day.values()].length).toBe(5);
    expect(of('steps_by_type_day', ...key(12, day, time, 't1', -1))).toEqual([...s1, '{}', 2, 2]);
    expect(of('steps_by_type_day', ...key(0, day, time, 't1', 3))).toEqual([
      ...s1,
      null,
      null,
      null,
    ]);
    expect(of('steps_by_type_day', ...key(1, day, time + 1000, 't1', 7))).toEqual([
      ...s1,
      'größer 🙂',
      8,
      13,
    ]);
    const late = at('2026-02-01T00:00:08.999Z');
    expect(of('steps_by_type_day', ...key(99, day, late, 't1', 9))).toEqual([
      ...s1,
      'unknown',
      7,
      7,
    ]);
    expect(of('steps_by_type_day', ...key(1, -1, -1, 't2', 1))).toEqual(['s9', null, 'b', 1, 1]);
  });

  it('lists the turns of known accounts by month, previews cut at code points', () => {
    const h1 = at('2026-01-31T23:59:59.999Z');
    const h2 = at('2026-02-01T00:00:09Z');
    const t1 = at('2026-02-01T00:00:00.100Z');
    const t4 = at('2026-02-01T00:00:10Z');
    const last = at('2026-02-01T00:00:08.999Z');
    expect(rows.turns_by_account.size).toBe(4);
    expect(of('turns_by_account', 'a1', 202601, h1, 'human', 'h1')).toEqual([
      's1',
      null,
      '🙂'.repeat(200),
      null,
      null,
    ]);
    expect(of('turns_by_account', 'a1', 202602, h2, 'human', 'h2')).toEqual([
      's1',
      't1',
      null,
      null,
      null,
    ]);
    expect(of('turns_by_account', 'a1', 202602, t1, 'agent', 't1')).toEqual([
      's1',
      'h1',
      null,
      5,
      last,
    ]);
    expect(of('turns_by_account', 'a1', 202602, t4, 'agent', 't4')).toEqual([
      's1',
      'h2',
      null,
      0,
      null,
    ]);
  });

  it('counts intervals to the microsecond, negative and endless ones apart', () => {
    const day = dayOf('2026-02-01T00:00:00Z');
    const next = day + 1;
    const count = (onDay: number, metric: string, tpe: number, bucket: number) =>
      of('latency_histogram', onDay, metric, 0, tpe, bucket);
    const b = bucketOfMicros;
    // asked 23:59:59.9999, first step 00:00:00.2004, first visible 00:00:01.2001, last 00:00:08.999999
    expect(count(day, 'first_step', -1, b(200_500))).toEqual([1, 200_500]);
    expect(count(day, 'first_visible_step', -1, b(1_200_200))).toEqual([1, 1_200_200]);
    expect(count(day, 'turn_duration', -1, b(9_000_099))).toEqual([1, 9_000_099]);
    expect(count(day, 'step_gap', 0, -1)).toEqual([1, 0]);
    expect(count(day, 'step_gap', 1, b(1_000_000))).toEqual([1, 1_000_000]);
    // To the step of the next day exactly 24 h; and back again.
    expect(count(next, 'step_gap', -2, overflowBucket)).toEqual([1, 0]);
    expect(count(day, 'step_gap', 99, -1)).toEqual([1, 0]);
    expect(count(day, 'think_time', -1, 0)).toEqual([1, 1]);
    // t2: asked in 2026, its last step before 1970, its first without a time.
    expect(of('latency_histogram', -1, 'turn_duration', 23, -1, -1)).toEqual([1, 0]);
    expect(of('latency_histogram', -1, 'first_visible_step', 23, -1, -1)).toBeUndefined();
    expect(rows.latency_histogram.size).toBe(9);
  });
});

describe('the judge, after mixed changes', () => {
  it('gives the rows that the projections make of plainly computed facts', async () => {
    await fresh();
    const endAtMs = Date.UTC(2026, 2, 1, 12);
    const summary = await generate(pool, {
      seed: 3,
      sessions: 300,
      endAtMs,
      concurrency: 8,
      mixedChanges: 6000,
    });
    expect(summary.mixed?.changes).toBeGreaterThanOrEqual(6000);
    for (const [name, rows] of Object.entries(summary.mixed?.byMutation ?? {})) {
      expect(rows, name).toBeGreaterThan(0);
    }
    const expected = await judged();
    const facts = await factsOf(pool);
    for (const projection of projections) {
      const made = new Map<string, JudgedRow>();
      for (const fact of facts) {
        if (!projection.of.includes(fact.kind)) continue;
        if (projection.kind === 'map') {
          for (const row of projection.rows(fact)) made.set(keyTextOf(row.key), row);
          continue;
        }
        for (const { key, totals } of projection.contribute(fact)) {
          const sum = made.get(keyTextOf(key))?.values ?? totals.map(() => 0);
          const values = totals.map((total, i) => total + Number(sum[i]));
          made.set(keyTextOf(key), { key, values });
        }
      }
      const name = projection.name as keyof Judgement;
      const found = difference(expected[name], made);
      expect(isEqual(found), describeDifference(name, found)).toBe(true);
      expect(found.expected).toBeGreaterThan(100);
    }
  });
});
