/**
 * Ten minutes of `turnstream verify --continuous` under load, workers and the sequencer killed now and then: not one false
 * alarm, and memory within bounds. In short: test/stack/verify.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import { BackgroundLoad } from '../stack/support/background-load.ts';
import { Spine } from '../stack/support/spine.ts';
import { parsePrometheusText, sampleOf } from '../support/prometheus-text.ts';
import { pause } from '../support/wait.ts';

const minutes = 10;
const rssBytesMax = 512 * 1024 * 1024;
const spine = new Spine({ TURNSTREAM_VERIFY_ROUNDS_MAX: '60' });
const endAtMs = Date.parse('2026-03-05T12:00:00Z');

beforeAll(async () => {
  await spine.prepare(async (pool) => {
    await createTables(pool);
    await generate(pool, { seed: 6, sessions: 200, endAtMs });
  });
  spine.startBoth();
  await spine.caughtUp();
});

afterAll(() => spine.drop());

test('ten minutes under load give no false alarm', async () => {
  const load = new BackgroundLoad(spine.pool, { seed: 60, endAtMs, rowsPerSecondMax: 200 });
  const verifier = spine.start('verify', '--continuous', '--interval', '1');
  const until = performance.now() + minutes * 60_000;
  let rssMax = 0;
  let kills = 0;
  while (performance.now() < until) {
    await pause(5_000);
    const families = parsePrometheusText(await verifier.metrics());
    rssMax = Math.max(rssMax, sampleOf(families, 'process_resident_memory_bytes') ?? 0);
    // Somebody else goes on where the killed one was; now and then, so that most runs see none.
    if (performance.now() > until - (4 - kills) * 140_000 && kills < 4) {
      kills += 1;
      const part = kills % 2 === 0 ? 'sequence' : 'run';
      const victim = spine.processes.findLast(({ name, ended }) => name.startsWith(part) && !ended);
      victim?.kill('SIGKILL');
      spine.start(...(part === 'run' ? ['run', '--all'] : ['sequence']));
    }
  }
  const families = parsePrometheusText(await verifier.metrics());
  const runs = (result: string) => sampleOf(families, 'turnstream_verify_runs_total', { result });
  const changes = await load.stop();
  const said = verifier.lines.filter(
    (line) => line['level'] === 'error' || line['level'] === 'warn',
  );
  console.log(
    JSON.stringify({
      minutes,
      kills,
      changes,
      equal: runs('equal'),
      unknown: runs('unknown'),
      failed: runs('failed'),
      rounds: sampleOf(families, 'turnstream_verify_rounds'),
      seconds: sampleOf(families, 'turnstream_verify_duration_seconds'),
      rssMiB: Math.round(rssMax / 1024 / 1024),
    }),
  );
  expect(runs('differences'), said.map(({ msg }) => msg).join('\n')).toBe(0);
  expect(runs('equal')).toBeGreaterThan(minutes);
  expect(rssMax).toBeLessThan(rssBytesMax);
  expect(await spine.judged()).toBeNull();
});
