/** `make replay`: `turnstream replay` on the local stack, of all read models or of those in PROJECTION. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { serviceEnvironment } from './services.ts';
import { readSettings, repositoryDir } from './settings.ts';

const named = (process.env['PROJECTION'] ?? '').split(/[\s,]+/).filter((name) => name !== '');
const { status } = spawnSync(
  process.execPath,
  [
    join(repositoryDir, 'bin', 'turnstream.mjs'),
    'replay',
    ...(named.length > 0 ? named : ['--all']),
    ...process.argv.slice(2),
  ],
  {
    // What the environment says holds, so that another installation can be replayed too.
    env: {
      NODE_OPTIONS: '--max-semi-space-size=64',
      ...serviceEnvironment(readSettings(process.env)),
      ...process.env,
    },
    stdio: 'inherit',
  },
);
process.exitCode = status ?? 2;
