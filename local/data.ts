/** Removing what the stack has made on disk; the servers must have been stopped before. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeOutsideDir } from './postgres-files.ts';
import type { Settings } from './settings.ts';

/** Every folder that the stack makes, by name: nothing else in its folder is touched. */
export function removeData(settings: Settings): void {
  removeOutsideDir(settings);
  for (const name of ['data', 'logs', 'run', 'config']) {
    rmSync(join(settings.dir, name), { recursive: true, force: true });
  }
}

export function removeDownloads(settings: Settings): void {
  rmSync(settings.downloadDir, { recursive: true, force: true });
}
