/** What an installation begins and ends with: waiting for its parts, and a conversation sent through all of them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FlowResult } from '../../processor/verify/flow.ts';
import { projections } from '../../projections/index.ts';
import { Spine } from './support/spine.ts';
import { TurnstreamProcess } from './support/turnstream-process.ts';

const spine = new Spine();
const names = projections.map(({ name }) => name);

beforeAll(() => spine.prepare());
afterAll(() => spine.drop());

/** Runs to its end, whatever that is. */
async function ended(...args: readonly string[]): Promise<TurnstreamProcess> {
  const run = new TurnstreamProcess(args, spine.env);
  await run.exited;
  return run;
}

test('all parts and tables are there once capture and tables are', async () => {
  const parts = ['postgres', 'kafka', 'registry', 'connect', 'cql', 'schema'];
  const wanted = [...parts, ...names];
  const said = await spine.command('wait', ...wanted, '--timeout', '60', '--json');
  expect(JSON.parse(said)).toEqual({ found: wanted, seconds: expect.any(Number) });
});

test('what does not come in time is said, and ends the wait with 1', async () => {
  const run = new TurnstreamProcess(['wait', 'cql', '--timeout', '3'], {
    ...spine.env,
    TURNSTREAM_CQL_PORT: '1',
  });
  expect(await run.exited).toBe(1);
  expect(run.log()).toContain('waiting for cql');
  expect(run.stdout).toBe('');
});

test('without a sequencer the check of the flow ends with 1, and takes back what it wrote', async () => {
  const run = await ended('check-flow', '--timeout', '3');
  expect(await run.exited).toBe(1);
  expect(run.stdout).toBe('');
  expect(await rowsInPostgres()).toBe(0);
});

test('a conversation comes to every read model, goes again, and leaves nothing', async () => {
  spine.startBoth();
  await spine.caughtUp();
  const said = await spine.command('check-flow', '--timeout', '60', '--json');
  const { session, readModels } = JSON.parse(said) as {
    readonly session: string;
    readonly readModels: readonly FlowResult[];
  };
  expect(session).toMatch(/^[0-9a-f-]{36}$/);
  expect(readModels.map(({ projection }) => projection).toSorted()).toEqual(names.toSorted());
  for (const { rows, readableMs, goneMs } of readModels) {
    expect(rows).toBeGreaterThan(0);
    expect(readableMs).toBeGreaterThan(0);
    expect(goneMs).toBeGreaterThan(0);
  }
  expect(await rowsInPostgres()).toBe(0);
  expect(await spine.judged()).toBeNull();
});

test('only the read models that are named are asked', async () => {
  const said = await spine.command('check-flow', 'turns_by_account', '--timeout', '60');
  expect(said).toMatch(/turns_by_account: \d+ rows as they should be/);
  expect(said).not.toContain('steps_by_type_day');
});

async function rowsInPostgres(): Promise<number> {
  const { rows } = await spine.pool.query<{ count: number }>(
    `SELECT ((SELECT count(*) FROM sessions) + (SELECT count(*) FROM human_turns)
           + (SELECT count(*) FROM agent_turns) + (SELECT count(*) FROM steps))::int AS count`,
  );
  return rows[0]!.count;
}
