/**
 * Processes that outlive the command that started them: start with a log file and a pid file, tell
 * whether the recorded process is still that one (a pid may have been given to another program), and
 * stop it. Nothing here ever signals a process that the pid file does not prove to be ours.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export type Command = {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: { readonly uid: number; readonly gid: number };
};

export type RunningProcess = {
  readonly pid: number;
  /** Tells this process from a later one with the same pid. */
  readonly identity: string;
  readonly ports: readonly number[];
};

const pollMs = 100;

/** Null when there is no such process, or when it has ended and only waits to be reaped. */
export function processIdentity(pid: number): string | null {
  if (existsSync('/proc/self/stat')) {
    const stat = readIfThere(`/proc/${pid}/stat`);
    // The name in parentheses may hold spaces: count fields behind it. 0 is the state, 19 the start time.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields === undefined || fields[0] === 'X') return null;
    if (fields[0] === 'Z' && threadCount(pid) <= 1) return null;
    const boot = readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
    return `${boot}/${fields[19]}`;
  }
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
  } catch {
    return null;
  }
}

/** A killed process whose first thread has ended still holds its ports until its last one has. */
function threadCount(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Starts a process in its own session, so that Ctrl-C at the terminal does not reach it. */
export function startProcess(command: Command, logFile: string): ChildProcess {
  mkdirSync(dirname(logFile), { recursive: true });
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: { ...process.env, ...command.env },
      detached: true,
      stdio: ['ignore', log, log],
      ...(command.user ?? {}),
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** The pid alone on the first line, for people; what proves the process on the second. */
export function writePidFile(path: string, running: RunningProcess): void {
  mkdirSync(dirname(path), { recursive: true });
  const { pid, ...rest } = running;
  writeFileSync(path, `${pid}\n${JSON.stringify(rest)}\n`);
}

/** The process of the pid file if it is alive and the same one, else null. */
export function readPidFile(path: string): RunningProcess | null {
  const [first, second] = (readIfThere(path) ?? '').split('\n');
  if (first === undefined || second === undefined || second === '') return null;
  const pid = Number(first);
  const rest = JSON.parse(second) as Omit<RunningProcess, 'pid'>;
  return processIdentity(pid) === rest.identity ? { pid, ...rest } : null;
}

export function removePidFile(path: string): void {
  rmSync(path, { force: true });
}

function isAlive(running: RunningProcess): boolean {
  return processIdentity(running.pid) === running.identity;
}

/** Signals the process if it is still ours; false when it has ended. */
export function signalProcess(running: RunningProcess, signal: NodeJS.Signals): boolean {
  if (!isAlive(running)) return false;
  process.kill(running.pid, signal);
  return true;
}

const reapMsMax = 2_000;

/** True when the process ended within the limit. */
export async function waitForEnd(running: RunningProcess, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (isAlive(running)) {
    if (Date.now() >= deadline) return false;
    await pause(pollMs);
  }
  await waitForReaping(running.pid, Math.min(deadline, Date.now() + reapMsMax));
  return true;
}

/**
 * An ended process keeps its number until its parent has asked for its exit code, and Postgres takes
 * whoever has the number in its lock file for a running server.
 */
async function waitForReaping(pid: number, deadline: number): Promise<void> {
  while (existsSync(`/proc/${pid}`) && Date.now() < deadline) await pause(pollMs);
}

/** Asks with `signal`, waits, and kills what is left after the limit. */
export async function stopProcess(
  running: RunningProcess,
  signal: NodeJS.Signals,
  limitMs: number,
): Promise<'stopped' | 'killed'> {
  signalProcess(running, signal);
  if (await waitForEnd(running, limitMs)) return 'stopped';
  signalProcess(running, 'SIGKILL');
  await waitForEnd(running, limitMs);
  return 'killed';
}

export function lastLines(path: string, count: number): readonly string[] {
  const text = readIfThere(path) ?? '';
  return text.trimEnd().split('\n').slice(-count);
}
