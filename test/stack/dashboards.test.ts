/**
 * A real Prometheus scrapes the real pipeline under load, and evaluates every query of the dashboards and
 * every rule: none is refused, each that must have data has some, and nothing is alarmed.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import { evaluate } from '../monitoring/evaluate.ts';
import { PrometheusServer, type Target } from '../monitoring/prometheus-server.ts';
import { prometheusTools } from '../monitoring/prometheus-tools.ts';
import { BackgroundLoad } from './support/background-load.ts';
import { Spine } from './support/spine.ts';
import type { TurnstreamProcess } from './support/turnstream-process.ts';

/** What a pipeline that runs well has nothing to show of. */
const restful = ['No replay runs', 'No retries since the start', 'None since the start'];

const endAtMs = Date.parse('2026-03-05T12:00:00Z');
const tools = await prometheusTools();
if ('missing' in tools) console.warn(`The dashboards were not tried: ${tools.missing}.`);

const spine = new Spine();
let prometheus: PrometheusServer | undefined;
let load: BackgroundLoad | undefined;

beforeAll(async () => {
  if ('missing' in tools) return;
  await spine.prepare(async (pool) => {
    await createTables(pool);
    await generate(pool, { seed: 11, sessions: 10, endAtMs });
  });
});

afterAll(async () => {
  await prometheus?.stop();
  await load?.stop();
  if ('missing' in tools) await spine.pool.end();
  else await spine.drop();
});

async function targetOf(job: string, one: TurnstreamProcess): Promise<Target> {
  const { metrics } = await one.line((line) => typeof line['metrics'] === 'string');
  return { job, url: String(metrics) };
}

test.skipIf('missing' in tools)(
  'over the real pipeline every panel shows something, every rule holds, no alert does',
  async () => {
    if ('missing' in tools) return;
    const { sequencer, worker } = spine.startBoth();
    await spine.caughtUp();
    load = new BackgroundLoad(spine.pool, { seed: 60, endAtMs, rowsPerSecondMax: 150 });
    const verifier = spine.start('verify', '--continuous', '--interval', '1');
    const targets = [
      await targetOf('sequencer', sequencer),
      await targetOf('worker', worker),
      await targetOf('verifier', verifier),
    ];
    prometheus = await PrometheusServer.start(tools, targets);
    // Its first comparison has ended, and the counter of it is in two scrapes.
    await prometheus.holds('sum(turnstream_verify_runs_total) >= 2');
    await prometheus.scraped(targets.length, 6);
    await load.goesOn(200);
    expect(await prometheus.targetErrors()).toEqual(targets.map(() => null));
    const { empty, ...rest } = await evaluate(prometheus);
    expect(rest).toEqual({ refused: [], unrecorded: [], alarmed: [] });
    const meantToHaveData = ({ emptyMeans = '' }) => !restful.includes(emptyMeans);
    expect(empty.filter(meantToHaveData).map(({ panel }) => panel)).toEqual([]);
  },
);

test.skipIf('missing' in tools)(
  'when the sequencer and the verifier are gone, their alerts see it',
  async () => {
    const [sequencer, , verifier] = spine.processes;
    await Promise.all([sequencer!.stop(), verifier!.stop()]);
    const server = prometheus!;
    await server.holds('ALERTS{alertname="TurnstreamNobodySequencing", alertstate="pending"}');
    await server.holds('ALERTS{alertname="TurnstreamVerifyOverdue", alertstate="pending"}');
    // The worker still says how old its rows are.
    await server.holds('min(turnstream_staleness_seconds) > 1');
    expect((await evaluate(server)).refused).toEqual([]);
  },
);
