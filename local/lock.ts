/**
 * One holder at a time for a server's start or a download, over processes: two `make up` at once wait
 * for each other instead of starting everything twice. A lock whose holder has died is taken over.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { TurnstreamError } from '../processor/error.ts';
import { processIdentity } from './process.ts';

const pollMs = 100;

export async function withLock<Result>(
  path: string,
  limitMs: number,
  work: () => Promise<Result>,
): Promise<Result> {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${process.pid}\n${processIdentity(process.pid)}\n`;
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = tryTake(path, own);
    if (answer === 'taken') break;
    if (answer === 'held by the dead') {
      rmSync(path, { force: true });
      continue;
    }
    if (Date.now() >= deadline) {
      throw new TurnstreamError(
        'PREFLIGHT',
        `Process ${holderOf(path)?.pid ?? '?'} holds ${path} and did not release it within ${Math.round(limitMs / 1000)} s. Wait for it to end, or end it, and try again.`,
      );
    }
    await pause(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Written apart and linked into place, so that nobody reads a half-written lock. */
function tryTake(path: string, own: string): 'taken' | 'held' | 'held by the dead' {
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  writeFileSync(draft, own);
  try {
    linkSync(draft, path);
    return 'taken';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const holder = holderOf(path);
    const isDead = holder !== null && processIdentity(holder.pid) !== holder.identity;
    return isDead ? 'held by the dead' : 'held';
  } finally {
    rmSync(draft, { force: true });
  }
}

function holderOf(path: string): { readonly pid: number; readonly identity: string } | null {
  try {
    const [pid, identity] = readFileSync(path, 'utf8').split('\n');
    return { pid: Number(pid), identity: identity ?? '' };
  } catch {
    return null;
  }
}
