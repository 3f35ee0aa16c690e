/**
 * Where `prometheus` and `promtool` come from: PATH; else Debian's package, unpacked beside the local
 * stack's downloads, without installing anything and without root; else nowhere, and why.
 */
import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from '../../local/lock.ts';
import { readSettings } from '../../local/settings.ts';
import { messageOf } from '../../processor/error.ts';

export type PrometheusTools = { readonly prometheus: string; readonly promtool: string };
export type Missing = { readonly missing: string };

const run = promisify(execFile);
const aptMsMax = 120_000;
const lockMsMax = 300_000;

/** Looks once a process; a download happens once a checkout. */
export function prometheusTools(): Promise<PrometheusTools | Missing> {
  found ??= find();
  return found;
}

let found: Promise<PrometheusTools | Missing> | undefined;

async function find(): Promise<PrometheusTools | Missing> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const tools = toolsIn(folder);
    if (tools !== null) return tools;
  }
  try {
    return await unpacked(join(readSettings(process.env).downloadDir, 'prometheus'));
  } catch (thrown) {
    return {
      missing: `prometheus and promtool are not in PATH, and Debian's package can't be had (${messageOf(thrown)}); install the package \`prometheus\`, or put both into PATH`,
    };
  }
}

function toolsIn(folder: string): PrometheusTools | null {
  const tools = { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') };
  try {
    for (const tool of Object.values(tools)) accessSync(tool, constants.X_OK);
    return tools;
  } catch {
    return null;
  }
}

/** The folder gets its name when it is complete. */
async function unpacked(folder: string): Promise<PrometheusTools> {
  const bin = join(folder, 'usr', 'bin');
  return await withLock(`${folder}.lock`, lockMsMax, async () => {
    if (!existsSync(folder)) {
      const draft = `${folder}.draft`;
      rmSync(draft, { recursive: true, force: true });
      mkdirSync(draft, { recursive: true });
      const archive = await downloaded(draft);
      await run('dpkg-deb', ['-x', archive, draft]);
      rmSync(archive);
      renameSync(draft, folder);
    }
    const tools = toolsIn(bin);
    if (tools === null) throw new Error(`${bin} lacks them: remove ${folder} to try again`);
    return tools;
  });
}

/** With the system's lists; where it has none or old ones, with lists of our own. */
async function downloaded(folder: string): Promise<string> {
  const apt = (...args: readonly string[]) =>
    run('apt-get', [...args], { cwd: folder, timeout: aptMsMax });
  const own = ['-o', `Dir::State::lists=${join(folder, 'lists')}`, '-o', `Dir::Cache=${folder}`];
  try {
    await apt('download', 'prometheus');
  } catch {
    mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
    await apt(...own, 'update');
    await apt(...own, 'download', 'prometheus');
    rmSync(join(folder, 'lists'), { recursive: true });
  }
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new Error('apt-get brought no package');
  return join(folder, archive);
}
