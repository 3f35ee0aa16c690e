/**
 * How much memory a server holds: its process and its descendants (Postgres has several), shared pages
 * counted once where the system tells (Pss), otherwise resident pages.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** In MiB; null where the system does not say. */
export function memoryMib(pid: number): number | null {
  if (!existsSync('/proc/self/stat')) return residentByPs(pid);
  const kibibytes = [pid, ...descendants(pid)].map(processKibibytes);
  return Math.round(kibibytes.reduce((sum, value) => sum + value, 0) / 1024);
}

function residentByPs(pid: number): number | null {
  try {
    const text = execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
    return Math.round(Number(text) / 1024);
  } catch {
    return null;
  }
}

function descendants(pid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = read(`/proc/${entry}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const own = children.get(next) ?? [];
    found.push(...own);
    queue.push(...own);
  }
  return found;
}

function processKibibytes(pid: number): number {
  const shared = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`));
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`));
  return Number(shared?.[1] ?? resident?.[1] ?? 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
