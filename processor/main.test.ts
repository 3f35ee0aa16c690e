import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { pause } from '../test/support/wait.ts';

const bin = fileURLToPath(new URL('../bin/turnstream.mjs', import.meta.url));

type Ended = { readonly code: number; readonly out: string; readonly err: string };

function turnstream(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TURNSTREAM_'));
  return new Promise((resolve) => {
    const options = { env: { ...Object.fromEntries(inherited), ...env } };
    execFile(process.execPath, [bin, ...args], options, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const timeout = 60_000;

test('the command works as it is installed: help on stdout, exit 0', { timeout }, async () => {
  const { code, out, err } = await turnstream(['--help']);
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('$ turnstream run --all');
});

test('usage and configuration errors leave stdout empty and exit with 2', { timeout }, async () => {
  const [command, configuration] = await Promise.all([
    turnstream(['sequnce']),
    turnstream(['config'], { TURNSTREAM_CQL_PORT: 'x' }),
  ]);
  expect([command.code, command.out]).toEqual([2, '']);
  expect([configuration.code, configuration.out]).toEqual([2, '']);
  expect(configuration.err).toContain('TURNSTREAM_CQL_PORT must be a whole number');
});

test('a result is stdout alone, for another program to read', { timeout }, async () => {
  const { code, out, err } = await turnstream(['config', '--json']);
  expect([code, err]).toEqual([0, '']);
  expect(Object.keys(JSON.parse(out))).toContain('TURNSTREAM_KAFKA_BROKERS');
});

test('whoever reads slowly gets all of it', { timeout }, async () => {
  // Far more than a pipe holds: names that it does not know, told again in one sentence.
  const names = Array.from({ length: 6 }, (_, at) => String(at).repeat(100_000));
  const child = spawn(process.execPath, [bin, 'run', ...names], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await once(child.stderr, 'readable');
  // One that does not wait for its reader has ended by then, and taken the rest with it.
  await Promise.race([once(child, 'exit'), pause(500)]);
  let bytes = 0;
  for await (const chunk of child.stderr) bytes += (chunk as Buffer).length;
  expect(bytes).toBeGreaterThan(600_000);
});
