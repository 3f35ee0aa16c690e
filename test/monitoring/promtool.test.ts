/** promtool's own checks of the rules, and its tests of when each alert fires. */
import { execFile } from 'node:child_process';
import { posix } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { rootDir } from '../support/sources.ts';
import { prometheusTools } from './prometheus-tools.ts';
import { rulesPath, ruleTestFiles } from './rules.ts';

const tools = await prometheusTools();
if ('missing' in tools) console.warn(`promtool's tests did not run: ${tools.missing}.`);

async function promtool(...args: readonly string[]): Promise<string> {
  if ('missing' in tools) throw new Error(tools.missing);
  const env = { ...process.env, GOMAXPROCS: '1' };
  const run = promisify(execFile)(tools.promtool, [...args], { cwd: rootDir, env });
  const { stdout } = await run.catch((failure: { stdout: string; stderr: string }) => {
    throw new Error(`promtool ${args.join(' ')}:\n${failure.stdout}${failure.stderr}`);
  });
  return stdout;
}

test.skipIf('missing' in tools)('promtool accepts the rules', async () => {
  expect(await promtool('check', 'rules', '--lint=all', '--lint-fatal', rulesPath)).toContain(
    'SUCCESS',
  );
});

test.skipIf('missing' in tools).each(ruleTestFiles.map((path) => [posix.basename(path), path]))(
  'promtool test rules: %s',
  async (_, path) => {
    expect(await promtool('test', 'rules', path)).not.toContain('FAILED');
  },
);
