import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeSettings, readSettings, repositoryDir, settingTable } from './settings.ts';

describe('settings of the local stack', () => {
  test('an empty environment gives the documented defaults', () => {
    const settings = readSettings({});
    expect(settings).toMatchObject({
      dir: join(repositoryDir, '.turnstream'),
      postgresPort: 15432,
      kafkaPort: 19092,
      kafkaControllerPort: 19093,
      connectPort: 18083,
      registryPort: 18081,
      cassandraPort: 19042,
      cassandraStoragePort: 17000,
      cassandraNodes: 1,
      connectExactlyOnce: 'disabled',
    });
  });

  test('an empty or blank variable counts as not set', () => {
    expect(readSettings({ TURNSTREAM_LOCAL_KAFKA_PORT: '  ' }).kafkaPort).toBe(19092);
  });

  test('the offset moves default ports and leaves a port that was named where it was named', () => {
    const settings = readSettings({
      TURNSTREAM_LOCAL_PORT_OFFSET: '10000',
      TURNSTREAM_LOCAL_KAFKA_PORT: '9092',
    });
    expect([settings.postgresPort, settings.kafkaPort]).toEqual([25432, 9092]);
  });

  test('all mistakes are told at once, each with its variable and what is expected', () => {
    const read = (): unknown =>
      readSettings({
        TURNSTREAM_LOCAL_KAFKA_PORT: 'many',
        TURNSTREAM_LOCAL_CASSANDRA_HEAP_MIB: '1.5',
        TURNSTREAM_LOCAL_CONNECT_EXACTLY_ONCE: 'yes',
        TURNSTREAM_LOCAL_CASSANDRA_NODES: '4',
        TURNSTREAM_LOCAL_KAFKA_PROT: '1',
      });
    expect(read).toThrow(/KAFKA_PORT .* is many: expected a whole number from 1 to 65535/);
    expect(read).toThrow(/CASSANDRA_HEAP_MIB .* is 1\.5/);
    expect(read).toThrow(/CASSANDRA_NODES .* is 4: expected a whole number from 1 to 3/);
    expect(read).toThrow(/CONNECT_EXACTLY_ONCE is yes: expected enabled or disabled/);
    expect(read).toThrow(/KAFKA_PROT is not a setting/);
  });

  test('two servers on one port are refused by name', () => {
    expect(() => readSettings({ TURNSTREAM_LOCAL_KAFKA_PORT: '15432' })).toThrow(
      'TURNSTREAM_LOCAL_POSTGRES_PORT and TURNSTREAM_LOCAL_KAFKA_PORT are both 15432',
    );
  });

  test('a port that the offset moves beyond the last one is refused', () => {
    expect(() => readSettings({ TURNSTREAM_LOCAL_PORT_OFFSET: '40000' })).not.toThrow();
    expect(() =>
      readSettings({ TURNSTREAM_LOCAL_PORT_OFFSET: '1', TURNSTREAM_LOCAL_KAFKA_PORT: '65536' }),
    ).toThrow('KAFKA_PORT');
  });

  test('the help lists every setting, its default and the value in force', () => {
    const help = describeSettings({ TURNSTREAM_LOCAL_KAFKA_PORT: '9092' });
    for (const { variable, sentence } of Object.values(settingTable)) {
      expect(help).toContain(variable);
      expect(help).toContain(sentence);
    }
    expect(help).toContain('(19092) — now 9092');
  });
});
