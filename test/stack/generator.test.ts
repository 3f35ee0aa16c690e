/** The generator against a real Postgres, each case in a schema of its own. */

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import { stackAddresses } from '../../local/stack.ts';

const { postgres } = stackAddresses();
const endAtMs = Date.UTC(2026, 2, 1, 12);
const small = { sessions: 60, endAtMs, concurrency: 4, roundsMax: 30 };

const pools: pg.Pool[] = [];

async function poolOf(name: string): Promise<pg.Pool> {
  const schema = `generator_${process.pid}_${name}`;
  const pool = new pg.Pool({
    ...postgres,
    database: 'postgres',
    max: 8,
    options: `-c search_path=${schema}`,
  });
  pools.push(pool);
  await pool.query(`CREATE SCHEMA ${schema}`);
  await createTables(pool);
  return pool;
}

/** One digest over every column of every row of each table. */
async function digests(pool: pg.Pool): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const table of ['sessions', 'human_turns', 'agent_turns', 'steps']) {
    const { rows } = await pool.query<{ digest: string }>(
      `SELECT count(*) || ' ' || md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) AS digest FROM ${table} t`,
    );
    found[table] = rows[0]!.digest;
  }
  return found;
}

beforeAll(async () => {
  const { rows } = await (await poolOf('probe')).query('SELECT 1');
  expect(rows).toHaveLength(1);
});

afterAll(async () => {
  for (const pool of pools) {
    await pool.query('SELECT current_schema() AS name').then(async ({ rows }) => {
      await pool.query(`DROP SCHEMA ${rows[0].name} CASCADE`);
    });
    await pool.end();
  }
});

describe('the generator', () => {
  it('writes the same rows for the same seed, mixed changes included, however lanes interleave', async () => {
    const [first, second, other] = [await poolOf('a'), await poolOf('b'), await poolOf('c')];
    const options = { ...small, mixedChanges: 1500 };
    const one = await generate(first, { ...options, seed: 5 });
    const [two] = await Promise.all([
      generate(second, { ...options, seed: 5 }),
      generate(other, { ...options, seed: 6 }),
    ]);
    expect(await digests(second)).toEqual(await digests(first));
    expect(await digests(other)).not.toEqual(await digests(first));
    expect(two.changes).toBe(one.changes);
    expect(one.mixed?.rolledBack).toBeGreaterThan(0);
  });

  it('reports what it wrote', async () => {
    const pool = await poolOf('d');
    let last = { sessions: 0, transactions: 0, changes: 0 };
    const summary = await generate(pool, { ...small, deletedSessionRatio: 0 }, (progress) => {
      last = progress;
    });
    const { rows } = await pool.query(
      `SELECT (SELECT count(*)::int FROM sessions) AS sessions,
              (SELECT count(*)::int FROM human_turns) AS "humanTurns",
              (SELECT count(*)::int FROM agent_turns) AS "agentTurns",
              (SELECT count(*)::int FROM steps) AS steps`,
    );
    expect(summary).toMatchObject(rows[0]);
    expect(summary.sessions).toBe(60);
    const { sessions, turns, steps, changes } = summary;
    expect(changes).toBeGreaterThan(sessions + turns + steps);
    expect(last).toMatchObject({ sessions, changes, transactions: summary.transactions });
  });

  it('refuses sessions that the seed has written, and goes on after them when told', async () => {
    const pool = await poolOf('e');
    await generate(pool, { ...small, seed: 7 });
    await expect(generate(pool, { ...small, seed: 7 })).rejects.toThrow(/in Postgres already/);
    const more = await generate(pool, { ...small, seed: 7, firstSession: 60 });
    expect(more.sessions).toBe(60);
  });

  it('keeps to the rate', async () => {
    const pool = await poolOf('f');
    const summary = await generate(pool, { ...small, sessions: 20, rowsPerSecondMax: 400 });
    expect(summary.changesPerSecond).toBeLessThan(480);
  });

  it('stops at an abort with every transaction whole', async () => {
    const pool = await poolOf('g');
    const abort = new AbortController();
    const onProgress = ({ transactions }: { transactions: number }) => {
      if (transactions >= 100) abort.abort();
    };
    const summary = await generate(pool, small, onProgress, abort.signal);
    expect(summary.transactions).toBeGreaterThanOrEqual(100);
    expect(summary.transactions).toBeLessThan(110);
  });
});
