/**
 * The promise about a second snapshot, as a suite with sizes: the slot is gone while rows are
 * changed, deleted and added; capture begins anew with a snapshot, under load; the read models end
 * equal to Postgres, and a reader of rows that nobody changed never sees a gap.
 */
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTables } from '../../../generator/generate.ts';
import { BackgroundLoad } from './background-load.ts';
import { dropSlot, waiting } from './capture-sandbox.ts';
import { expectedRows, type JudgedRow } from './judge.ts';
import { Spine } from './spine.ts';
import { SteadyReader } from './steady-reader.ts';
import { TurnstreamProcess } from './turnstream-process.ts';

export type SecondSnapshot = {
  readonly seed: number;
  readonly rowsPerSecondMax: number;
  /** Row changes of the load before the slot is gone, while it is, and during and after the snapshot. */
  readonly changes: number;
  /** Steps that nobody changes; others of as many are changed, deleted and added by hand. */
  readonly steps: number;
  /** Also: behind the connector's back, into a fresh topic, of four empty tables. */
  readonly more?: boolean;
};

const endAtMs = Date.parse('2026-03-05T12:00:00Z');
const limitMs = 600_000;
/** What a sequencer asks for that finds a fresh topic under a base of 0. */
const base = '1000000000000';

/** Days that no row of the load is on, and accounts that it does not know. */
const days = { steady: '2001-05-05', doomed: '2001-06-06' } as const;

function insertRows(name: keyof typeof days, steps: number): string {
  const turns = Math.ceil(steps / 20);
  const at = `timestamptz '${days[name]}Z'`;
  return `
    INSERT INTO sessions SELECT '${name}-s' || s, '${name}-' || s % 3, 'title' FROM generate_series(0, 9) s;
    INSERT INTO human_turns SELECT '${name}-h' || t, '${name}-s' || t % 10, NULL, NULL, 'asked',
      ${at} + t * interval '7 s' FROM generate_series(0, ${turns - 1}) t;
    INSERT INTO agent_turns SELECT '${name}-a' || t, '${name}-s' || t % 10, '${name}-h' || t, NULL,
      ${at} + t * interval '7 s' FROM generate_series(0, ${turns - 1}) t;
    INSERT INTO steps SELECT '${name}-a' || i / 20, i % 20, i % 13, '{"n":' || i || '}',
      ${at} + i * interval '11 s' FROM generate_series(0, ${steps - 1}) i;`;
}

/** Nobody captures this: rows of each table changed, deleted, added, and moved. */
const unseen = (again: number) => `
  DELETE FROM steps WHERE agent_turn_uid LIKE 'doomed-a%' AND idx % 5 = ${again};
  DELETE FROM agent_turns WHERE uid LIKE 'doomed-a%1${again}';
  DELETE FROM human_turns WHERE uid LIKE 'doomed-h%2${again}';
  DELETE FROM sessions WHERE uid = 'doomed-s${again}';
  UPDATE steps SET tpe = 90 + ${again}, content = '{"changed":true}' WHERE agent_turn_uid LIKE 'doomed-a%4';
  UPDATE steps SET idx = idx + 100 WHERE agent_turn_uid LIKE 'doomed-a%5';
  UPDATE agent_turns SET session_uid = 'doomed-s7' WHERE uid LIKE 'doomed-a%6';
  UPDATE sessions SET account_uid = 'doomed-moved-${again}' WHERE uid = 'doomed-s8';
  UPDATE human_turns SET prompt = 'asked again ${again}' WHERE uid LIKE 'doomed-h%9';
  INSERT INTO sessions VALUES ('doomed-new-${again}', 'doomed-1', NULL);
  INSERT INTO agent_turns VALUES ('doomed-a-new-${again}', 'doomed-new-${again}', NULL, NULL, '${days.doomed}Z');
  INSERT INTO steps SELECT 'doomed-a-new-${again}', i, 1, '{}', '${days.doomed}Z' FROM generate_series(0, 99) i;`;

export function describeSecondSnapshot(name: string, options: SecondSnapshot): void {
  const spine = new Spine();
  const reader = new SteadyReader(spine.name);
  let load: BackgroundLoad;
  let sequencer: TurnstreamProcess;

  describe(`${name}, seed ${options.seed}`, () => {
    beforeAll(async () => {
      await spine.prepare(async (pool) => {
        await createTables(pool);
        await pool.query(insertRows('steady', options.steps));
        await pool.query(insertRows('doomed', options.steps));
      });
      ({ sequencer } = spine.startBoth());
      expect(await spine.judged()).toBeNull();
      await watchSteadyRows(spine, reader);
      await reader.start();
      load = new BackgroundLoad(spine.pool, { endAtMs, ...options });
      await load.goesOn(options.changes);
    }, limitMs);

    afterAll(async () => {
      await load?.stop();
      await reader.stop();
      await spine.drop();
    }, limitMs);

    /** Until a snapshot is complete and what it did not see is on its way out. */
    const swept = async (doing: () => Promise<unknown>): Promise<string> => {
      const sweeps = () =>
        spine.processes
          .flatMap(({ lines }) => lines)
          .filter(({ msg }) => msg === 'a sweep was appended').length;
      const before = sweeps();
      const startedAt = performance.now();
      await doing();
      let ended = false;
      const { exited } = sequencer;
      void exited.then(() => {
        ended = true;
      });
      while (sweeps() === before) {
        if (ended) throw new Error(`the sequencer has ended:\n${sequencer.log()}`);
        await waiting.delay(50);
      }
      return `swept after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
    };

    const equalWithoutGap = async (what: string, doing: () => Promise<string>) => {
      const looks = reader.looks;
      const startedAt = performance.now();
      const done = await doing();
      await load.goesOn(options.changes);
      await load?.stop();
      expect(await spine.judged()).toBeNull();
      expect(reader.gap).toBeNull();
      expect(reader.looks).toBeGreaterThan(looks + reader.partitions);
      const seconds = (performance.now() - startedAt) / 1000;
      console.log(
        `${what}: ${done}, equal after ${seconds.toFixed(1)} s with ${load.changes} changes of the load; ` +
          `${reader.partitions} CQL partitions looked at ${reader.looks - looks} times, no gap`,
      );
    };

    test(
      'a slot that was dropped under load: a new snapshot repairs every read model, and no reader sees a gap',
      () =>
        equalWithoutGap('slot dropped', async () => {
          await endCapture(spine);
          await spine.pool.query(unseen(0));
          await load.goesOn(options.changes);
          return await swept(() => spine.command('connect'));
        }),
      limitMs,
    );

    if (options.more !== true) return;

    test(
      'a slot that is dropped behind the connector’s back: it takes the snapshot by itself',
      () =>
        equalWithoutGap('slot dropped behind the connector', async () => {
          load = new BackgroundLoad(spine.pool, { endAtMs, ...options, seed: options.seed + 1000 });
          return await swept(async () => {
            await loseSlot(spine);
            await spine.pool.query(unseen(1));
            await load.goesOn(options.changes);
          });
        }),
      limitMs,
    );

    test(
      'a fresh topic of changes: refused without a raised base, equal and without a gap with one',
      () =>
        equalWithoutGap('fresh topic', async () => {
          load = new BackgroundLoad(spine.pool, { endAtMs, ...options, seed: options.seed + 2000 });
          await load.goesOn(options.changes);
          expect(await sequencer.stop()).toBe(0);
          await endCapture(spine);
          await deleteTopic(spine, `${spine.name}.changes`);
          await spine.pool.query(unseen(2));
          await spine.command('connect');
          await load.goesOn(options.changes);
          const refused = new TurnstreamProcess(['sequence'], spine.env);
          expect(await refused.exited, refused.log()).toBe(2);
          expect(refused.log()).toContain(`TURNSTREAM_POSITION_BASE=${base} for every sequencer`);
          return await swept(async () => {
            sequencer = spine.startWith({ TURNSTREAM_POSITION_BASE: base }, 'sequence');
          });
        }),
      limitMs,
    );

    test(
      'four tables that were emptied unseen: nothing is left in any read model',
      async () => {
        await load?.stop();
        await reader.stop();
        await endCapture(spine);
        for (const table of ['steps', 'agent_turns', 'human_turns', 'sessions']) {
          await spine.pool.query(`DELETE FROM ${table}`);
        }
        console.log(`emptied: ${await swept(() => spine.command('connect'))}`);
        expect(await spine.judged()).toBeNull();
        for (const model of ['steps_by_type_day', 'turns_by_account', 'latency_histogram']) {
          expect((await spine.rowsOf(spine.model(model))).size, model).toBe(0);
        }
      },
      limitMs,
    );
  });
}

/** As docs/operating.md says: the connector with its offsets, then the slot. */
async function endCapture(spine: Spine): Promise<void> {
  const connector = `${spine.addresses.connect.url}/connectors/${spine.name}`;
  await ask('PUT', `${connector}/stop`);
  await ask('DELETE', `${connector}/offsets`);
  await ask('DELETE', connector);
  await dropSlot(spine.pool, spine.name);
}

/** As a failover does to a slot that the standby does not have. */
async function loseSlot({ pool, name }: Spine): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ active_pid: number | null }>(
      'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1',
      [name],
    );
    const [slot] = rows;
    if (slot === undefined) return;
    if (slot.active_pid !== null) {
      await pool.query('SELECT pg_terminate_backend($1)', [slot.active_pid]);
    }
    try {
      await pool.query('SELECT pg_drop_replication_slot($1)', [name]);
      return;
    } catch (thrown) {
      // It is still in use.
      if ((thrown as { code?: string }).code !== '55006') throw thrown;
    }
  }
}

async function deleteTopic(spine: Spine, topic: string): Promise<void> {
  const brokers = [...spine.addresses.kafka.brokers];
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics: [topic] });
    while ((await admin.listTopics()).includes(topic)) await waiting.delay(50);
  } finally {
    await admin.disconnect();
  }
}

async function watchSteadyRows(spine: Spine, reader: SteadyReader): Promise<void> {
  const client = await spine.pool.connect();
  try {
    const expected = await expectedRows(client, spine.name);
    const isSteady = ({ key }: JudgedRow) => key.some((cell) => isSteadyCell(cell));
    for (const [name, rows] of Object.entries(expected)) {
      const model = spine.model(name);
      reader.watch(model, [...rows.values()].filter(isSteady));
    }
  } finally {
    client.release();
  }
}

const steadyDay = Date.parse(days.steady) / 86_400_000;

/** An account of theirs, or a day of theirs: a week has more than enough room for the steps. */
function isSteadyCell(cell: JudgedRow['key'][number]): boolean {
  if (typeof cell === 'string') return cell.startsWith('steady-');
  return typeof cell === 'number' && cell >= steadyDay && cell < steadyDay + 7;
}

async function ask(method: string, url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(url, { method });
    const text = await answer.text();
    if (answer.ok) return;
    // It rebalances, or the connector has not stopped yet.
    if (answer.status !== 409 && !text.includes('STOPPED')) {
      throw new Error(`${method} ${url}: ${answer.status} ${text}`);
    }
    await waiting.delay(100);
  }
}
