/** The whole under operation: groups, restarts, metrics. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import { startServer, stopServer } from '../../local/stack.ts';
import {
  type MetricFamilies,
  parsePrometheusText,
  sampleOf,
  samplesOf,
} from '../support/prometheus-text.ts';
import { until } from '../support/wait.ts';
import { Spine, spinePartitions } from './support/spine.ts';
import type { TurnstreamProcess } from './support/turnstream-process.ts';

const spine = new Spine();
const endAtMs = Date.parse('2026-03-05T12:00:00Z');
let sequencer: TurnstreamProcess;
let worker: TurnstreamProcess;
let seed = 100;

const stream = (sessions: number) => {
  seed += 1;
  return generate(spine.pool, { seed, sessions, endAtMs });
};

beforeAll(async () => {
  await spine.prepare(createTables);
  ({ sequencer, worker } = spine.startBoth());
  await spine.caughtUp();
});

afterAll(() => spine.drop());

const metricsOf = async (one: TurnstreamProcess): Promise<MetricFamilies> =>
  parsePrometheusText(await one.metrics());

/** How many partitions of the events topic a worker holds. */
async function partitionsHeld(one: TurnstreamProcess): Promise<number> {
  const lags = samplesOf(await metricsOf(one), 'turnstream_lag_records');
  return new Set(lags.map(({ labels }) => labels['partition'])).size;
}

async function eventsOf(one: TurnstreamProcess): Promise<number> {
  const label = { projection: 'steps_by_type_day' };
  const [events] = samplesOf(await metricsOf(one), 'turnstream_events_total', label);
  return events?.value ?? 0;
}

test('the metrics of DESIGN 3.9 are served, and a parser takes them', async () => {
  await stream(20);
  await spine.caughtUp();
  const metrics = await metricsOf(worker);
  for (const projection of ['steps_by_type_day', 'turns_by_account', 'latency_histogram']) {
    const label = { projection };
    expect(sampleOf(metrics, 'turnstream_commit_to_readable_seconds_count', label)).toBeGreaterThan(
      0,
    );
    expect(sampleOf(metrics, 'turnstream_events_total', label)).toBeGreaterThan(0);
    expect(sampleOf(metrics, 'turnstream_staleness_seconds', label)).toBeLessThan(60);
    expect(samplesOf(metrics, 'turnstream_rows_written_total', label)).not.toEqual([]);
    expect(samplesOf(metrics, 'turnstream_lag_records', label)).toHaveLength(spinePartitions);
  }
  for (const stage of ['capture', 'sequence', 'project', 'write']) {
    expect(sampleOf(metrics, 'turnstream_stage_seconds_count', { stage })).toBeGreaterThan(0);
  }
  const sequenced = await metricsOf(sequencer);
  expect(sampleOf(sequenced, 'turnstream_changes_total', { outcome: 'applied' })).toBeGreaterThan(
    0,
  );
  expect(sampleOf(sequenced, 'turnstream_parked_steps')).toBe(0);
  await until(
    async () => samplesOf(await metricsOf(sequencer), 'turnstream_slot_retained_bytes').length > 0,
  );
}, 120_000);

test('two workers divide the partitions; one is stopped under load, the other takes over', async () => {
  const second = spine.start('run', '--all');
  await until(async () => (await partitionsHeld(second)) === spinePartitions / 2);
  await until(async () => (await partitionsHeld(worker)) === spinePartitions / 2);
  const load = stream(150);
  await until(async () => (await eventsOf(second)) > 500);
  expect(await worker.stop(), worker.log()).toBe(0);
  await load;
  expect(await spine.judged()).toBeNull();
  expect(await partitionsHeld(second)).toBe(spinePartitions);
  worker = second;
}, 150_000);

test('one of two sequencers works; when it is stopped under load the other takes over', async () => {
  const second = spine.start('sequence');
  const both = [sequencer, second];
  const isActive = async (one: TurnstreamProcess) =>
    sampleOf(await metricsOf(one), 'turnstream_sequencer_active') === 1;
  await second.line(({ msg }) => msg === 'active' || msg?.startsWith('standing by') === true);
  await until(async () => (await Promise.all(both.map(isActive))).filter(Boolean).length === 1);
  const [active, standby] = (await isActive(second)) ? [second, sequencer] : [sequencer, second];
  const before = await eventsOf(worker);
  const load = stream(100);
  await until(async () => (await eventsOf(worker)) > before + 200);
  expect(await active.stop(), active.log()).toBe(0);
  await load;
  expect(await spine.judged()).toBeNull();
  expect(await isActive(standby)).toBe(true);
  sequencer = standby;
}, 200_000);

test('staleness grows while Connect is stopped, and falls when it is back', async () => {
  const staleness = async () =>
    sampleOf(await metricsOf(worker), 'turnstream_staleness_seconds', {
      projection: 'turns_by_account',
    });
  await until(async () => (await staleness()) < 3);
  await stopServer('connect');
  await until(async () => (await staleness()) > 6);
  await stream(5);
  await startServer('connect');
  await until(async () => (await staleness()) < 3);
  expect(await spine.judged()).toBeNull();
}, 150_000);

test('a connector’s task that has failed for good is begun anew by the sequencer', async () => {
  const { name, pool, addresses } = spine;
  const connector = { connector: name };
  const isRunning = async () => {
    const [running] = samplesOf(
      await metricsOf(sequencer),
      'turnstream_connector_running',
      connector,
    );
    return running?.value === 1;
  };
  const restarts = async () =>
    sampleOf(await metricsOf(sequencer), 'turnstream_connector_restarts_total', connector);
  await until(isRunning);
  const before = await restarts();
  // Debezium finds no publication when it starts: that is no matter of trying again to it.
  await pool.query(`ALTER PUBLICATION ${name} RENAME TO ${name}_away`);
  await fetch(`${addresses.connect.url}/connectors/${name}/restart?includeTasks=true`, {
    method: 'POST',
  });
  await until(async () => (await restarts()) > before);
  await pool.query(`ALTER PUBLICATION ${name}_away RENAME TO ${name}`);
  await until(isRunning);
  await stream(5);
  expect(await spine.judged()).toBeNull();
  expect(sequencer.log()).toContain('has failed and is begun anew');
}, 150_000);

test('after everything was stopped and started again it goes on where it was', async () => {
  expect(await worker.stop()).toBe(0);
  expect(await sequencer.stop()).toBe(0);
  await stream(30);
  for (const name of ['connect', 'kafka', 'registry', 'cassandra', 'postgres'] as const) {
    await stopServer(name);
  }
  await Promise.all(
    (['postgres', 'kafka', 'registry', 'cassandra'] as const).map((name) => startServer(name)),
  );
  await startServer('connect');
  await spine.reconnect();
  ({ sequencer, worker } = spine.startBoth());
  await stream(30);
  expect(await spine.judged()).toBeNull();
}, 400_000);

test('read models are replayed by two threads, verified, promoted, and equal', async () => {
  // Slow enough for the second thread to join before all is read.
  const pace = ['--events-per-second-max', '1500', '--threads', '2'];
  const run = spine.start('replay', '--all', ...pace);
  run.supervised = true;
  await run.line(({ msg }) => msg === 'another thread of the replay has begun');
  expect(await run.exited, run.log()).toBe(0);
  await stream(10);
  await spine.followLive();
  expect(await spine.judged()).toBeNull();
}, 120_000);
