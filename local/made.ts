/** What is fetched or built once, and kept beside the downloads: a folder gets its name when it is complete. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.ts';
import { readSettings } from './settings.ts';

/** The folder; `make` fills a draft of it, by one process at a time. */
export async function made(
  name: string,
  limitMs: number,
  make: (draft: string) => Promise<void>,
): Promise<string> {
  const folder = join(readSettings(process.env).downloadDir, name);
  if (existsSync(folder)) return folder;
  return await withLock(`${folder}.lock`, limitMs, async () => {
    if (existsSync(folder)) return folder;
    const draft = `${folder}.draft`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    await make(draft);
    renameSync(draft, folder);
    return folder;
  });
}
