/**
 * What the five servers have in common: a server is a value that says how to prepare, start, ask and
 * stop it, and the functions here do it, the same way for all. Starting a server that runs is harmless;
 * only a process that a pid file proves to be ours is ever stopped.
 */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { TurnstreamError } from '../processor/error.ts';
import { withLock } from './lock.ts';
import { host, portIsFree } from './probe.ts';
import {
  type Command,
  lastLines,
  processIdentity,
  type RunningProcess,
  readPidFile,
  removePidFile,
  signalProcess,
  startProcess,
  stopProcess,
  waitForEnd,
  writePidFile,
} from './process.ts';
import { repositoryDir, type SettingName, type Settings, settingTable } from './settings.ts';

/** The first one is the only one unless the settings say more. */
export type CassandraName = 'cassandra' | 'cassandra-2' | 'cassandra-3';

export type ServerName =
  | 'postgres'
  | 'kafka'
  | 'registry'
  | 'connect'
  | CassandraName
  // Turnstream's own: services.ts.
  | 'sequencer'
  | 'worker';

export type StartContext = {
  readonly settings: Settings;
  readonly say: (line: string) => void;
  /** Looked for when the first server asks: a stopped Postgres needs no JDK. */
  readonly javaHome: () => string;
};

export type Server = {
  readonly name: ServerName;
  readonly title: string;
  /** Where it listens; 127.0.0.1 unless it says so. */
  readonly address?: string;
  /** The settings of the ports that it listens on, the one for clients first. */
  readonly ports: readonly SettingName[];
  readonly needs: readonly ServerName[];
  readonly stopSignal: NodeJS.Signals;
  /** Downloads, data folder, configuration files; then the command. */
  readonly prepare: (context: StartContext) => Promise<Command>;
  /** True when it does its work. */
  readonly answers: (settings: Settings) => Promise<boolean>;
  /** Done whenever it answers: what must exist inside it, made if it does not. */
  readonly afterStart?: (settings: Settings) => Promise<void>;
};

export type StartResult = 'started' | 'already running';

const pollMs = 200;
const sayEveryMs = 10_000;
const logLinesShown = 15;
const lineCharsMax = 220;

export function logFile(settings: Settings, name: ServerName): string {
  return join(settings.dir, 'logs', `${name}.log`);
}

export function pidFile(settings: Settings, name: ServerName): string {
  return join(settings.dir, 'run', `${name}.pid`);
}

export function runningServer(settings: Settings, name: ServerName): RunningProcess | null {
  return readPidFile(pidFile(settings, name));
}

function portNumbers(server: Server, settings: Settings): readonly number[] {
  return server.ports.map((name) => Number(settings[name]));
}

/** Returns when the server answers; throws with its last log lines when it does not. */
export async function startOne(server: Server, context: StartContext): Promise<StartResult> {
  const { settings } = context;
  const lockMsMax = (settings.readySeconds + 900) * 1000;
  return withLock(join(settings.dir, 'run', `${server.name}.lock`), lockMsMax, async () => {
    const running = runningServer(settings, server.name);
    if (running !== null) {
      checkSamePorts(server, settings, running);
      await waitUntilReady(server, context, running, null);
      await server.afterStart?.(settings);
      return 'already running';
    }
    await checkPorts(server, settings);
    const command = await server.prepare(context);
    await checkPorts(server, settings);
    context.say('starting');
    const launched = await launch(server, settings, command);
    await waitUntilReady(server, context, launched.running, launched.ending);
    await server.afterStart?.(settings);
    return 'started';
  });
}

type Ending = { how: string | null };

async function launch(
  server: Server,
  settings: Settings,
  command: Command,
): Promise<{ readonly running: RunningProcess; readonly ending: Ending }> {
  const child = startProcess(command, logFile(settings, server.name));
  const ending: Ending = { how: null };
  child.once('exit', (code, signal) => {
    ending.how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  });
  const spawned = new Promise<number>((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0));
    child.once('error', (error) =>
      reject(
        new TurnstreamError('PREFLIGHT', `${command.file} could not be run: ${error.message}`),
      ),
    );
  });
  const pid = await spawned;
  const identity = processIdentity(pid) ?? 'ended';
  const running = { pid, identity, ports: portNumbers(server, settings) };
  writePidFile(pidFile(settings, server.name), running);
  return { running, ending };
}

async function waitUntilReady(
  server: Server,
  context: StartContext,
  running: RunningProcess,
  ending: Ending | null,
): Promise<void> {
  const { settings } = context;
  const started = Date.now();
  let saidAt = started;
  while (!(await server.answers(settings))) {
    const seconds = Math.round((Date.now() - started) / 1000);
    if (processIdentity(running.pid) !== running.identity) {
      removePidFile(pidFile(settings, server.name));
      throw deadServer(server, settings, ending?.how ?? null);
    }
    if (Date.now() - started >= settings.readySeconds * 1000)
      throw lateServer(server, settings, running);
    if (Date.now() - saidAt >= sayEveryMs) {
      saidAt = Date.now();
      const log = relative(repositoryDir, logFile(settings, server.name));
      context.say(`still starting after ${seconds} s; log: ${log}`);
    }
    await pause(pollMs);
  }
}

function logTail(settings: Settings, name: ServerName): string {
  const path = logFile(settings, name);
  if (!existsSync(path)) return `  It has written no log (${path}).`;
  const lines = lastLines(path, logLinesShown).map((line) => `    ${shortened(line)}`);
  return `  The last lines of ${path}:\n${lines.join('\n')}`;
}

function shortened(line: string): string {
  return line.length <= lineCharsMax ? line : `${line.slice(0, lineCharsMax)} …`;
}

function deadServer(server: Server, settings: Settings, how: string | null): TurnstreamError {
  return new TurnstreamError(
    'PREFLIGHT',
    `${server.title} ended while it started${how === null ? '' : ` (${how})`}.\n${logTail(settings, server.name)}`,
  );
}

function lateServer(server: Server, settings: Settings, running: RunningProcess): TurnstreamError {
  return new TurnstreamError(
    'STALLED',
    `${server.title} (process ${running.pid}) runs but did not answer within ${settings.readySeconds} s. ` +
      `A slow machine needs more: TURNSTREAM_LOCAL_READY_SECONDS=${settings.readySeconds * 2}. ` +
      `It is left running: run \`make up\` again to wait on, or \`make down\`.\n${logTail(settings, server.name)}`,
    { retriable: true },
  );
}

function checkSamePorts(server: Server, settings: Settings, running: RunningProcess): void {
  const wanted = portNumbers(server, settings);
  if (wanted.every((port, at) => running.ports[at] === port)) return;
  throw new TurnstreamError(
    'CONFIGURATION',
    `${server.title} runs on port ${running.ports.join(' and ')}, the settings say ${wanted.join(' and ')}. ` +
      `Stop it first (\`make down\`), or give the same settings as when it was started.`,
  );
}

/** Says which port of which server is taken, and how to choose another. */
export async function checkPorts(
  server: Pick<Server, 'title' | 'ports' | 'address'>,
  settings: Settings,
): Promise<void> {
  const address = addressOf(server);
  for (const name of server.ports) {
    const port = Number(settings[name]);
    const isFree = await portIsFree(port, address).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EADDRNOTAVAIL' ? foreignAddress(server.title, address) : error;
    });
    if (isFree) continue;
    const { variable } = settingTable[name];
    throw new TurnstreamError(
      'PREFLIGHT',
      `${server.title} cannot start: port ${port} on ${address} is taken by another program. ` +
        `Stop that program (\`lsof -i :${port}\` or \`ss -ltnp\` shows it), or choose another port: ` +
        `${variable}=${port + 1} make up`,
    );
  }
}

export function addressOf({ address = host }: Pick<Server, 'address'>): string {
  return address;
}

function foreignAddress(title: string, address: string): TurnstreamError {
  return new TurnstreamError(
    'PREFLIGHT',
    `${title} cannot start: ${address} is not an address of this machine. Give it that one ` +
      `(macOS: \`sudo ifconfig lo0 alias ${address}\`), or use one Cassandra node ` +
      '(TURNSTREAM_LOCAL_CASSANDRA_NODES=1).',
  );
}

export type StopResult = 'stopped' | 'killed' | 'not running';

/** Asks it to end, waits, and kills it after the limit of the settings. */
export async function stopOne(
  server: Pick<Server, 'name' | 'stopSignal'>,
  settings: Settings,
): Promise<StopResult> {
  const running = runningServer(settings, server.name);
  const result =
    running === null
      ? 'not running'
      : await stopProcess(running, server.stopSignal, settings.stopSeconds * 1000);
  removePidFile(pidFile(settings, server.name));
  return result;
}

/** Sends one signal. SIGKILL returns when the process is gone; the data stays as the crash left it. */
export async function killOne(
  server: Pick<Server, 'name' | 'title'>,
  settings: Settings,
  signal: NodeJS.Signals,
): Promise<void> {
  const running = runningServer(settings, server.name);
  if (running === null || !signalProcess(running, signal)) {
    throw new TurnstreamError(
      'PREFLIGHT',
      `${server.title} does not run: there is nothing to send ${signal} to.`,
    );
  }
  if (signal !== 'SIGKILL') return;
  await waitForEnd(running, settings.stopSeconds * 1000);
  removePidFile(pidFile(settings, server.name));
}
