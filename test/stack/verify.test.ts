/**
 * `turnstream verify` on the real servers: equal while everything is written on, and each planted fault is
 * found, named and repaired. Ten minutes of it without a false alarm are test/chaos/verify.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import type { VerifyReport } from '../../processor/verify/report.ts';
import { BackgroundLoad } from './support/background-load.ts';
import { PlantedFaults } from './support/planted-faults.ts';
import { Spine } from './support/spine.ts';
import { TurnstreamProcess } from './support/turnstream-process.ts';

const spine = new Spine();
const endAtMs = Date.parse('2026-03-05T12:00:00Z');
let faults: PlantedFaults;
let worker: TurnstreamProcess;

beforeAll(async () => {
  await spine.prepare(async (pool) => {
    await createTables(pool);
    await generate(pool, { seed: 5, sessions: 25, endAtMs });
  });
  ({ worker } = spine.startBoth());
  faults = await PlantedFaults.open(spine);
});

afterAll(async () => {
  await faults.close();
  await spine.drop();
});

async function verified(...args: readonly string[]) {
  const run = new TurnstreamProcess(['verify', '--json', ...args], spine.env);
  const code = await run.exited;
  if (run.stdout === '') throw new Error(`turnstream verify ended with ${code}:\n${run.log()}`);
  return { code, report: JSON.parse(run.stdout) as VerifyReport, log: run.log() };
}

const of = ({ projections }: VerifyReport, name: string) =>
  projections.find(({ projection }) => projection === name)!;

test('on a system that is written to all the while, read models are equal', async () => {
  await spine.caughtUp();
  const load = new BackgroundLoad(spine.pool, { seed: 50, endAtMs, rowsPerSecondMax: 150 });
  await load.goesOn(100);
  const { code, report, log } = await verified();
  expect({ code, verdict: report.verdict, log }).toEqual({ code: 0, verdict: 'equal', log });
  for (const { rows, projection } of report.projections)
    expect(rows, projection).toBeGreaterThan(50);
  // No terminal, and JSON on stdout: how far it is stands in the log.
  expect(log).toContain('verifying: ');
  const sampled = await verified('turns_by_account', '--sample', '20%');
  expect({ code: sampled.code, log: sampled.log }).toEqual({ code: 0, log: sampled.log });
  expect(await load.stop()).toBeGreaterThan(200);
}, 120_000);

test('what was planted is found and named, with both sides, and repaired', async () => {
  await spine.caughtUp();
  const [steps, turns, totals] = ['steps_by_type_day', 'turns_by_account', 'latency_histogram'].map(
    (name) => spine.model(name),
  );
  if (steps === undefined || turns === undefined || totals === undefined)
    throw new Error('no model');
  await faults.deleteByHand(steps);
  await faults.lose(steps);
  const changed = await faults.change(steps);
  const added = await faults.add(steps);
  const partition = await faults.losePartition(turns);
  await faults.offByOne(totals);
  const { code, report } = await verified('--repair');
  expect([code, report.verdict]).toEqual([1, 'differences']);
  expect(of(report, 'steps_by_type_day')).toMatchObject({
    missing: 2,
    different: 1,
    extra: 1,
    repaired: 4,
  });
  expect(of(report, 'turns_by_account')).toMatchObject({
    missing: partition.length,
    different: 0,
    extra: 0,
  });
  expect(of(report, 'latency_histogram')).toMatchObject({ missing: 0, different: 1, extra: 0 });
  const named = of(report, 'steps_by_type_day').differences;
  expect(named.find(({ kind }) => kind === 'different')).toMatchObject({
    key: { agentTurnUid: changed.key.at(-2), idx: changed.key.at(-1) },
    expected: { sessionUid: changed.values[0] },
    found: { sessionUid: `${changed.values[0]}!` },
    writtenAt: String(2n ** 60n),
  });
  expect(named.find(({ kind }) => kind === 'extra')?.key['agentTurnUid']).toBe(added.key.at(-2));
  const again = await verified();
  expect({ code: again.code, report: again.report }).toMatchObject({
    code: 0,
    report: { verdict: 'equal' },
  });
  // By hand at a time beyond the log: their later changes would not show.
  expect(of(again.report, 'steps_by_type_day').pinned).toBe(2);
  expect(await spine.judged()).toBeNull();
}, 120_000);

test('a repair of totals lasts, though the worker that runs had the wrong ones in memory', async () => {
  await spine.caughtUp();
  const totals = spine.model('latency_histogram');
  if (totals === undefined) throw new Error('no model');
  await worker.stop();
  // Not more than one repair takes.
  const wrong = await faults.manyOffByOne(totals, 1_500);
  expect(wrong).toBeGreaterThan(3);
  worker = spine.start('run', '--all');
  const load = new BackgroundLoad(spine.pool, { seed: 90, endAtMs, rowsPerSecondMax: 100 });
  // What it writes now it loaded before: it has them in memory, and goes on writing.
  await load.goesOn(300);
  const { code, report, log } = await verified('latency_histogram', '--repair');
  expect({ code, log }).toEqual({ code: 1, log });
  const { repaired, differences } = of(report, 'latency_histogram');
  expect(repaired).toBeGreaterThan(0);
  for (const { repair } of differences) expect(repair).toMatch(/^repaired at position/);
  await load.goesOn(300);
  await load.stop();
  await spine.caughtUp();
  const again = await verified('latency_histogram');
  expect({ code: again.code, report: again.report }).toMatchObject({
    code: 0,
    report: { verdict: 'equal' },
  });
  expect(worker.ended).toBe(false);
  expect(await spine.judged()).toBeNull();
}, 120_000);
