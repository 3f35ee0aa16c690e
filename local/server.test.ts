import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server as Listener } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readPidFile, writePidFile } from './process.ts';
import {
  killOne,
  pidFile,
  runningServer,
  type Server,
  type StartContext,
  startOne,
  stopOne,
} from './server.ts';
import { readSettings, type Settings } from './settings.ts';

let dir: string;
let settings: Settings;
let context: StartContext;
const listeners: Listener[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'turnstream-local-'));
  settings = { ...readSettings({}), dir, postgresPort: 0, readySeconds: 20, stopSeconds: 5 };
  context = { settings, say: () => undefined, javaHome: () => '' };
});

afterEach(async () => {
  await stopOne({ name: 'postgres', stopSignal: 'SIGKILL' }, settings);
  for (const listener of listeners.splice(0)) {
    await new Promise((resolve) => listener.close(resolve));
  }
  rmSync(dir, { recursive: true, force: true });
});

/** A server that is a line of JavaScript; it answers when `answers` says so. */
function tiny(script: string, answers: () => boolean = () => true): Server {
  return {
    name: 'postgres',
    title: 'Tiny',
    ports: ['postgresPort'],
    needs: [],
    stopSignal: 'SIGTERM',
    prepare: async () => ({ file: process.execPath, args: ['-e', script], cwd: dir }),
    answers: async () => answers(),
  };
}

const forEver = 'setInterval(() => {}, 1000)';

async function takenPort(): Promise<number> {
  const listener = createServer();
  listeners.push(listener);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return address.port;
}

describe('starting a server', () => {
  test('a taken port is told with the port, the server and the setting, and nothing is started', async () => {
    const port = await takenPort();
    settings = { ...settings, postgresPort: port };
    const start = startOne(tiny(forEver), { ...context, settings });
    await expect(start).rejects.toThrow(
      new RegExp(
        `Tiny cannot start: port ${port} .* taken.*TURNSTREAM_LOCAL_POSTGRES_PORT=${port + 1}`,
      ),
    );
    expect(runningServer(settings, 'postgres')).toBeNull();
  });

  test('an address that the machine does not have is told with what gives it one', async () => {
    const elsewhere = { ...tiny(forEver), address: '192.0.2.1' };
    await expect(startOne(elsewhere, context)).rejects.toThrow(
      /Tiny cannot start: 192\.0\.2\.1 is not an address of this machine.*lo0 alias 192\.0\.2\.1/,
    );
    expect(runningServer(settings, 'postgres')).toBeNull();
  });

  test('a server that dies is told with its exit code and its last lines, and leaves no pid file', async () => {
    const script = 'for (let i = 0; i < 40; i += 1) console.log("line " + i); process.exit(7)';
    const start = startOne(
      tiny(script, () => false),
      context,
    );
    const error = await start.catch((thrown: Error) => thrown.message);
    expect(error).toContain('Tiny ended while it started (exit code 7)');
    expect(error).toContain('line 39');
    expect(error).toContain('line 25');
    expect(error).not.toContain('line 24\n');
    expect(runningServer(settings, 'postgres')).toBeNull();
  });

  test('a server that does not answer in time is told with the setting to raise, and is left running', async () => {
    settings = { ...settings, readySeconds: 1 };
    const start = startOne(
      tiny(forEver, () => false),
      { ...context, settings },
    );
    await expect(start).rejects.toThrow('TURNSTREAM_LOCAL_READY_SECONDS=2');
    expect(runningServer(settings, 'postgres')).not.toBeNull();
  });

  test('a program that cannot be run is told by name', async () => {
    const server: Server = {
      ...tiny(forEver),
      prepare: async () => ({ file: join(dir, 'absent'), args: [], cwd: dir }),
    };
    await expect(startOne(server, context)).rejects.toThrow(join(dir, 'absent'));
  });

  test('two starts at once make one process', async () => {
    const outcomes = await Promise.all([
      startOne(tiny(forEver), context),
      startOne(tiny(forEver), context),
    ]);
    expect([...outcomes].sort()).toEqual(['already running', 'started']);
  });

  test('a server that runs on other ports than the settings say is not taken for the wanted one', async () => {
    await startOne(tiny(forEver), context);
    const other = { ...settings, postgresPort: 15999 };
    await expect(startOne(tiny(forEver), { ...context, settings: other })).rejects.toThrow(
      'runs on port 0, the settings say 15999',
    );
  });
});

describe('stopping a server', () => {
  test('one that heeds its signal is stopped', async () => {
    await startOne(tiny(forEver), context);
    expect(await stopOne(tiny(forEver), settings)).toBe('stopped');
    expect(runningServer(settings, 'postgres')).toBeNull();
  });

  test('one that does not heed its signal is killed after the limit', async () => {
    const ready = join(dir, 'deaf');
    const script = `process.on('SIGTERM', () => {});
      require('node:fs').writeFileSync(${JSON.stringify(ready)}, ''); ${forEver}`;
    settings = { ...settings, stopSeconds: 1 };
    const deaf = tiny(script, () => existsSync(ready));
    await startOne(deaf, context);
    expect(await stopOne(deaf, settings)).toBe('killed');
    expect(runningServer(settings, 'postgres')).toBeNull();
  });

  test('a process that only has the recorded pid is not ours: it is neither reported nor signalled', async () => {
    writePidFile(pidFile(settings, 'postgres'), {
      pid: process.pid,
      identity: 'an earlier process',
      ports: [0],
    });
    expect(readPidFile(pidFile(settings, 'postgres'))).toBeNull();
    expect(await stopOne(tiny(forEver), settings)).toBe('not running');
  });

  test('killing what does not run is an error that names it', async () => {
    await expect(killOne(tiny(forEver), settings, 'SIGKILL')).rejects.toThrow('Tiny does not run');
  });
});
