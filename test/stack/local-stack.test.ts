import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { runningServer } from '../../local/server.ts';
import { readSettings } from '../../local/settings.ts';
import {
  killServer,
  serversOf,
  stackAddresses,
  startServer,
  stopServer,
} from '../../local/stack.ts';
import { AcknowledgedWrites } from './support/acknowledged-writes.ts';

const settings = readSettings(process.env);
const addresses = stackAddresses();

async function query(text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client(addresses.postgres);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

describe('the local stack', () => {
  test('every server answers in its own protocol', async () => {
    const servers = serversOf(settings);
    const answers = await Promise.all(
      servers.map(async (server) => [server.name, await server.answers(settings)]),
    );
    expect(answers).toEqual(servers.map((server) => [server.name, true]));
  });

  test('Postgres writes a logical WAL', async () => {
    expect(await query('SHOW wal_level')).toEqual([{ wal_level: 'logical' }]);
  });

  test('Connect has the Postgres connector', async () => {
    const response = await fetch(`${addresses.connect.url}/connector-plugins`);
    const plugins = (await response.json()) as readonly { readonly class: string }[];
    expect(plugins.map((plugin) => plugin.class)).toContain(
      'io.debezium.connector.postgresql.PostgresConnector',
    );
  });

  test('a crash of the registry right after a registration leaves every schema its id', async () => {
    const register = async (name: string): Promise<unknown> => {
      const url = `${addresses.registry.url}/apis/ccompat/v7/subjects/${name}/versions`;
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ schema: `{"type":"record","name":"${name}","fields":[]}` }),
      });
      return response.json();
    };
    const names = ['ProbeA', 'ProbeB', 'ProbeC', 'ProbeD'];
    const before = new Map<string, unknown>();
    for (const name of names) before.set(name, await register(name));
    await killServer('registry');
    await startServer('registry');
    // In another order: a lost id would be given to another schema.
    for (const name of names.toReversed()) {
      expect([name, await register(name)]).toEqual([name, before.get(name)]);
    }
    expect(before.get('ProbeA')).toMatchObject({ id: expect.any(Number) });
  });

  test('starting a server that runs leaves the same process running', async () => {
    const before = runningServer(settings, 'postgres');
    expect(await startServer('postgres')).toBe('already running');
    expect(runningServer(settings, 'postgres')).toEqual(before);
  });

  test('what Postgres committed is there after a crash, a stop and a start', async () => {
    await query('CREATE TABLE local_stack_probe AS SELECT 42 AS value');
    await killServer('postgres');
    expect(await startServer('postgres')).toBe('started');
    expect(await stopServer('postgres')).toBe('stopped');
    expect(await stopServer('postgres')).toBe('not running');
    expect(await startServer('postgres')).toBe('started');
    expect(await query('SELECT value FROM local_stack_probe')).toEqual([{ value: 42 }]);
    await query('DROP TABLE local_stack_probe');
  });

  test('Kafka and Cassandra come back after a crash, with every write that was acknowledged', async () => {
    const writer = new AcknowledgedWrites();
    await writer.start();
    await writer.acknowledged(500);
    await Promise.all([killServer('kafka'), killServer('cassandra')]);
    await writer.ended();
    expect(await Promise.all([startServer('kafka'), startServer('cassandra')])).toEqual([
      'started',
      'started',
    ]);
    expect(await writer.lost()).toEqual([]);
  });
});
