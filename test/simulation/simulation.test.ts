/**
 * The simulation as part of the suite: the same 2,000 histories each time, and every former find under
 * many schedules. `make sim` looks further.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findings } from './finds.ts';
import { runHistory } from './history.ts';
import { drawPlan } from './plan.ts';

const histories = 2000;
const schedulesOfFind = 20;

test(`${histories} histories keep every promise, and everything that matters happens in them`, async () => {
  const { exitCode, output } = await sim('--from', '1', '--runs', String(histories));
  expect(output).toContain(`${histories.toLocaleString('en')} histories`);
  expect(exitCode, output).toBe(0);
}, 240_000);

test('a seed is played the same way each time', async () => {
  for (const seed of [3, 14, 15]) {
    const tell = async () => {
      const lines: string[] = [];
      const { counts, ...outcome } = await runHistory(drawPlan(seed), (line) => lines.push(line));
      return { lines, outcome, counts: [...counts] };
    };
    const once = await tell();
    expect(once.lines.length).toBeGreaterThan(5);
    expect(await tell()).toEqual(once);
  }
});

describe('former finds', () => {
  test.each(findings)('$name: $what', async ({ plan }) => {
    for (let more = 0; more < schedulesOfFind; more += 1) {
      const schedule = plan.schedule + more;
      const { violation } = await runHistory({ ...plan, schedule });
      expect(violation, `schedule ${schedule}`).toBeNull();
    }
  });
});

function sim(...args: readonly string[]): Promise<{ exitCode: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const main = fileURLToPath(new URL('./main.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', main, ...args]);
    let output = '';
    const hear = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, output }));
  });
}
