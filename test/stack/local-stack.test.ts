import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { runningServer } from '../../local/server.ts';
import { readSettings } from '../../local/settings.ts';
import { killServer, servers, stackAddresses, startServer, stopServer } from '../../local/stack.ts';

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

  test('the registry gives a schema its id back after a crash', async () => {
    const subject = `${addresses.registry.url}/apis/ccompat/v7/subjects/local-stack/versions`;
    const register = async (): Promise<unknown> => {
      const response = await fetch(subject, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ schema: '{"type":"record","name":"Probe","fields":[]}' }),
      });
      return response.json();
    };
    const before = await register();
    await killServer('registry');
    await startServer('registry');
    expect(await register()).toEqual(before);
    expect(before).toMatchObject({ id: expect.any(Number) });
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

  test('Kafka and Cassandra come back after a crash', async () => {
    await Promise.all([killServer('kafka'), killServer('cassandra')]);
    expect(await Promise.all([startServer('kafka'), startServer('cassandra')])).toEqual([
      'started',
      'started',
    ]);
  });
});
