/**
 * Replay with everything: Postgres, capture, sequencer and workers as processes, under the generator's
 * load; killed again and again; as of the past; judged by SQL. A reader that follows what is live never
 * sees an error, an empty or a partial answer.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import { between } from '../../generator/random.ts';
import { systemClock } from '../../processor/commands/system-clock.ts';
import { connectCql, cqlDefaults, type DriverSession } from '../../processor/cql/cluster.ts';
import { CqlGenerationStore } from '../../processor/cql/generation-store.ts';
import { tableName } from '../../processor/cql/names.ts';
import type { ReadModel } from '../../processor/engine/store.ts';
import { formatLsn } from '../../processor/source/lsn.ts';
import { BackgroundLoad } from '../stack/support/background-load.ts';
import { chanceOf, chaosSeed, killsOfEach } from '../stack/support/faults.ts';
import { expectedRows, type JudgedRow } from '../stack/support/judge.ts';
import { describeDifference, difference, isEqual } from '../stack/support/judge-difference.ts';
import { Spine } from '../stack/support/spine.ts';
import { SteadyReader } from '../stack/support/steady-reader.ts';
import type { TurnstreamProcess } from '../stack/support/turnstream-process.ts';
import { pause } from '../support/wait.ts';

const seed = chaosSeed('replay');
const kills = killsOfEach(10);
const random = chanceOf(seed, 1);
const endAtMs = Date.parse('2026-03-05T12:00:00Z');
/** Days and accounts that the load does not know. */
const steadyDay = '2001-05-05';
const steady = `
  INSERT INTO sessions SELECT 'steady-s' || s, 'steady-' || s % 3, 'title' FROM generate_series(0, 9) s;
  INSERT INTO human_turns SELECT 'steady-h' || t, 'steady-s' || t % 10, NULL, NULL, 'asked',
    timestamptz '${steadyDay}Z' + t * interval '7 s' FROM generate_series(0, 49) t;
  INSERT INTO agent_turns SELECT 'steady-a' || t, 'steady-s' || t % 10, 'steady-h' || t, NULL,
    timestamptz '${steadyDay}Z' + t * interval '7 s' FROM generate_series(0, 49) t;
  INSERT INTO steps SELECT 'steady-a' || i / 20, i % 20, i % 13, '{"n":' || i || '}',
    timestamptz '${steadyDay}Z' + i * interval '11 s' FROM generate_series(0, 999) i;`;

const spine = new Spine({
  TURNSTREAM_REPLAY_LEASE_MS: '3000',
  TURNSTREAM_REPLAY_DROP_DELAY_MS: '0',
});
let session: DriverSession;
let reader: SteadyReader;
let load: BackgroundLoad;

beforeAll(async () => {
  await spine.prepare(async (pool) => {
    await createTables(pool);
    await pool.query(steady);
    await generate(pool, { seed, sessions: 150, endAtMs });
  });
  spine.startBoth();
  expect(await spine.judged()).toBeNull();
  const { contactPoints, port, datacenter } = spine.addresses.cql;
  session = await connectCql({ ...cqlDefaults, contactPoints, port, localDataCenter: datacenter });
  const generations = new CqlGenerationStore(session, spine.name, systemClock);
  const live = async (model: ReadModel): Promise<ReadModel> => {
    const { projection } = model.shape;
    const found = (await generations.live([projection])).get(projection);
    return { ...model, generation: found?.generation ?? model.generation };
  };
  reader = new SteadyReader(spine.name, live);
  await watchSteadyRows();
  await reader.start();
  load = startLoad(500);
});

afterAll(async () => {
  await load?.stop();
  await reader?.stop();
  await session?.close();
  await spine.drop();
});

function startLoad(more: number): BackgroundLoad {
  return new BackgroundLoad(spine.pool, { seed: seed + more, endAtMs, rowsPerSecondMax: 100 });
}

async function watchSteadyRows(): Promise<void> {
  const client = await spine.pool.connect();
  try {
    const expected = await expectedRows(client, spine.name);
    for (const [name, rows] of Object.entries(expected)) {
      reader.watch(spine.model(name), [...rows.values()].filter(isSteady));
    }
  } finally {
    client.release();
  }
}

const firstDay = Date.parse(steadyDay) / 86_400_000;

function isSteady({ key }: JudgedRow): boolean {
  return key.some((cell) =>
    typeof cell === 'string'
      ? cell.startsWith('steady-')
      : typeof cell === 'number' && cell >= firstDay && cell < firstDay + 7,
  );
}

/** Ends the load, and lets SQL over Postgres judge what readers use. */
async function expectEqual(): Promise<void> {
  await load.stop();
  await spine.followLive();
  expect(await spine.judged()).toBeNull();
  expect(reader.gap).toBeNull();
  expect(reader.looks).toBeGreaterThan(0);
}

async function ended(run: TurnstreamProcess): Promise<number | null> {
  return await run.exited;
}

test('under load, all read models are replayed, verified and promoted, and equal Postgres', async () => {
  await load.goesOn(200);
  const started = performance.now();
  const out = await spine.command('replay', '--all', '--json');
  const { replays } = JSON.parse(out) as {
    readonly replays: readonly { readonly outcome: string; readonly verification: unknown }[];
  };
  expect(replays.map(({ outcome }) => outcome)).toEqual(['promoted', 'promoted', 'promoted']);
  expect(replays.every(({ verification }) => verification !== null)).toBe(true);
  console.log(`replayed in ${((performance.now() - started) / 1000).toFixed(1)} s\n${out}`);
  await expectEqual();
});

test(`killed at ${kills} random moments and started again each time: the same, and a second one is refused`, async () => {
  load = startLoad(1000);
  const phases: unknown[] = [];
  for (let runs = 0; phases.length < kills; runs += 1) {
    expect(runs, 'replays end before they are killed').toBeLessThan(kills * 5);
    const more = ['--keep', '0', '--threads', String(1 + (runs % 2))];
    const run = spine.startWith({ TURNSTREAM_METRICS_PORT: '0' }, 'replay', '--all', ...more);
    run.supervised = true;
    const before = await Promise.race([ended(run), pause(between(random, 500, 12_000))]);
    if (before !== undefined) {
      // It was faster than the kill.
      expect(before, run.log()).toBe(0);
      continue;
    }
    run.kill('SIGKILL');
    await run.exited;
    phases.push(run.lines.findLast(({ phase }) => phase !== undefined)?.['phase'] ?? 'starting');
  }
  console.log(`killed while ${phases.join(', ')}`);
  const slow = ['--events-per-second-max', '300', '--threads', '2'];
  const first = spine.startWith({}, 'replay', '--all', ...slow);
  first.supervised = true;
  await first.line(({ phase }) => phase === 'building');
  const second = spine.startWith({}, 'replay', '--all');
  second.supervised = true;
  expect(await ended(second), second.log()).toBe(1);
  expect(second.log()).toContain('is being replayed by process');
  // An orderly stop leaves its checkpoints; the next one goes on.
  await first.stop();
  await spine.command('replay', '--all');
  await expectEqual();
});

test('as of the past: equal to SQL over Postgres as it was then', async () => {
  load = startLoad(2000);
  await load.goesOn(300);
  await load.stop();
  const client = await spine.pool.connect();
  const then = await expectedRows(client, spine.name).finally(() => client.release());
  const lsn = await spine.currentLsn();
  await spine.followLive();
  await spine.passed(lsn);
  load = startLoad(3000);
  await load.goesOn(300);
  const until = ['--until', formatLsn(lsn), '--threads', '2'];
  const out = await spine.command('replay', '--all', ...until, '--json');
  const { replays } = JSON.parse(out) as {
    readonly replays: readonly {
      readonly projection: keyof typeof then;
      readonly outcome: string;
      readonly generation: { readonly generation: number };
    }[];
  };
  for (const { projection, outcome, generation } of replays) {
    expect(outcome).toBe('built');
    const model = { ...spine.model(projection), generation: generation.generation };
    const found = difference(then[projection], await spine.rowsOf(model));
    expect(isEqual(found) ? null : describeDifference(projection, found)).toBeNull();
    await spine.command('drop', tableName(model));
    await expect(spine.rowsOf(model)).rejects.toThrow(/^reading .* failed/);
  }
  await expectEqual();
});

test('the event store is right, from its first record to its last', async () => {
  const summary = JSON.parse(await spine.command('events', '--check', '--json')) as object;
  console.log(JSON.stringify(summary));
  expect(summary).toMatchObject({ sessionsShare: 1, breaches: { before: 0, position: 0 } });
  const history = await spine.command('events', '--session', 'steady-s3');
  expect(history).toContain('StepRecorded');
});
