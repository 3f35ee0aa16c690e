/** Runs one `turnstream` command to its end, its output shown. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { TurnstreamError } from '../processor/error.ts';
import { repositoryDir } from './settings.ts';

export async function runTurnstream(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const command = join(repositoryDir, 'bin', 'turnstream.mjs');
  const child = spawn(process.execPath, [command, ...args], {
    cwd: repositoryDir,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.on('data', (chunk) => {
    process.stdout.write(String(chunk).replace(/^(?=.)/gm, '  '));
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  throw new TurnstreamError(
    'PREFLIGHT',
    `\`turnstream ${args.join(' ')}\` failed with exit code ${code}; what it says stands above.`,
  );
}
