/** `make verify`: `turnstream verify` on the local stack; its exit code says whether all is equal. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { serviceEnvironment } from './services.ts';
import { readSettings, repositoryDir } from './settings.ts';

const { status } = spawnSync(
  process.execPath,
  [join(repositoryDir, 'bin', 'turnstream.mjs'), 'verify', ...process.argv.slice(2)],
  {
    // What the environment says holds, so that another installation can be verified too.
    env: { ...serviceEnvironment(readSettings(process.env)), ...process.env },
    stdio: 'inherit',
  },
);
process.exitCode = status ?? 2;
