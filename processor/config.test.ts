import { describe, expect, test } from 'vitest';
import { expected } from './config/setting.ts';
import { settingsTable } from './config/settings-table.ts';
import { allSettings, type Config, describeConfig, loadConfig, misspelled } from './config.ts';

function configOf(env: Record<string, string>, overrides: Record<string, string> = {}): Config {
  const loaded = loadConfig(env, overrides);
  if (loaded.errors !== undefined) throw new Error(JSON.stringify(loaded.errors));
  return loaded.config;
}

function messagesOf(env: Record<string, string>, overrides: Record<string, string> = {}) {
  return (loadConfig(env, overrides).errors ?? []).map(({ message }) => message);
}

describe('loadConfig', () => {
  test('an empty environment gives the embedded stack', () => {
    const config = configOf({});
    expect(config.postgres.port).toBe(15_432);
    expect(config.kafka.brokers).toEqual(['127.0.0.1:19092']);
    expect(config.kafka.eventsPartitions).toBe(4);
    expect(config.connect.url).toBe('http://127.0.0.1:18083');
    expect(config.cql.contactPoints).toEqual(['127.0.0.1']);
    expect(config.cql.port).toBe(19_042);
    expect(config.metrics.port).toBe(9464);
    expect(config.sequencer.positionBase).toBe(0);
    expect(config.cql.batchBytesMax).toBe(30 * 1024);
  });

  test('every setting is in the configuration, under one name of its own', () => {
    const config = configOf({}) as unknown as Record<string, Record<string, unknown>>;
    for (const { group, name } of allSettings()) expect(config[group]?.[name]).toBeDefined();
    const names = allSettings().map(({ setting }) => setting.env);
    expect(new Set(names).size).toBe(names.length);
    const flags = allSettings().flatMap(({ setting }) => setting.flag ?? []);
    expect(new Set(flags).size).toBe(flags.length);
    for (const name of names) expect(name).toMatch(/^TURNSTREAM(_[A-Z]+)+$/);
  });

  test('all errors come at once, each with its setting, what is expected and what is there', () => {
    expect(
      messagesOf({
        TURNSTREAM_POSTGRES_PORT: 'tcp://10.0.0.1:5432',
        TURNSTREAM_KAFKA_BROKERS: 'one:9092, two',
        TURNSTREAM_REGISTRY_URL: 'localhost:8081',
        TURNSTREAM_CQL_DIALECT: 'mysql',
        TURNSTREAM_METRICS_PORT: '70000',
        TURNSTREAM_CQL_KEYSPACE: 'My-Keyspace',
      }),
    ).toEqual([
      'TURNSTREAM_POSTGRES_PORT must be a whole number from 1 to 65535; it is "tcp://10.0.0.1:5432".',
      'TURNSTREAM_KAFKA_BROKERS must be host:port, several separated by commas; it is "one:9092, two".',
      'TURNSTREAM_REGISTRY_URL must be an http:// or https:// address; it is "localhost:8081".',
      'TURNSTREAM_CQL_KEYSPACE must be a lower-case name of letters, digits and _ (at most 48); it is "My-Keyspace".',
      'TURNSTREAM_CQL_DIALECT must be one of cassandra, scylladb; it is "mysql".',
      'TURNSTREAM_METRICS_PORT must be a whole number from 0 to 65535; it is "70000".',
    ]);
  });

  test('settings that contradict each other are told together', () => {
    const messages = messagesOf({
      TURNSTREAM_KAFKA_HEARTBEAT_INTERVAL_MS: '5000',
      TURNSTREAM_WORKER_RETRY_DELAY_MS_MIN: '20000',
      TURNSTREAM_SEQUENCER_CONTENT_INLINE_BYTES_MAX: '40960',
      TURNSTREAM_KAFKA_EVENTS_TOPIC: 'turnstream.changes',
      TURNSTREAM_POSTGRES_HUMAN_TURNS_TABLE: 'turns',
      TURNSTREAM_POSTGRES_AGENT_TURNS_TABLE: 'turns',
    });
    expect(messages).toHaveLength(5);
    expect(messages[3]).toBe(
      'TURNSTREAM_POSTGRES_SESSIONS_TABLE must differ from the names of the other tables; the four are sessions, turns, turns, steps.',
    );
    expect(messages[0]).toBe(
      'TURNSTREAM_KAFKA_HEARTBEAT_INTERVAL_MS must be at most a third of TURNSTREAM_KAFKA_SESSION_TIMEOUT_MS (10000); it is 5000.',
    );
  });

  test.each([
    ['TURNSTREAM_CQL_BATCH_ROWS_MAX', '4', 'must be a whole number from 5 to 1000'],
    ['TURNSTREAM_CQL_BATCH_BYTES_MAX', '12287', 'must be at most a third of'],
    ['TURNSTREAM_SEQUENCER_CONTAINER_BYTES_MAX', '268435457', 'must be at most'],
    ['TURNSTREAM_KAFKA_RECORD_BYTES_MAX', '8388607', 'must be at most a 16th of'],
  ])('a limit that the others do not leave room for is refused: %s=%s', (env, value, sentence) => {
    const messages = messagesOf({ [env]: value });
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(sentence);
    expect(messages[0]).toContain(env);
  });

  test('an empty variable counts as unset', () => {
    expect(configOf({ TURNSTREAM_POSTGRES_PORT: '' }).postgres.port).toBe(15_432);
  });

  test('an option wins over the environment, and an error in it names the option', () => {
    const env = { TURNSTREAM_METRICS_PORT: '1234' };
    expect(configOf(env, { TURNSTREAM_METRICS_PORT: '0' }).metrics.port).toBe(0);
    expect(messagesOf(env, { TURNSTREAM_METRICS_PORT: 'x' })).toEqual([
      '--metrics-port (TURNSTREAM_METRICS_PORT) must be a whole number from 0 to 65535; it is "x".',
    ]);
  });

  test('lists are split at commas, addresses lose their trailing slash', () => {
    const config = configOf({
      TURNSTREAM_KAFKA_BROKERS: 'one:9092, two:9092',
      TURNSTREAM_CONNECT_URL: 'http://connect:8083/',
    });
    expect(config.kafka.brokers).toEqual(['one:9092', 'two:9092']);
    expect(config.connect.url).toBe('http://connect:8083');
  });

  test('every default is a value of its own type', () => {
    expect(messagesOf({})).toEqual([]);
    for (const { setting } of allSettings()) expect(expected(setting.type)).not.toBe('');
  });
});

describe('describeConfig', () => {
  test('secrets are masked, in addresses and in error messages too', () => {
    const env = {
      TURNSTREAM_POSTGRES_PASSWORD: 'hunter2',
      TURNSTREAM_REGISTRY_URL: 'https://me:hunter2@registry/apis/ccompat/v7',
      TURNSTREAM_CONNECT_URL: 'ftp://me:hunter2@connect',
    };
    const shown = describeConfig(env);
    expect(JSON.stringify([shown, messagesOf(env)])).not.toContain('hunter2');
    expect(shown.find(({ env: name }) => name === 'TURNSTREAM_REGISTRY_URL')?.value).toBe(
      'https://********@registry/apis/ccompat/v7',
    );
    expect(shown.find(({ env: name }) => name === 'TURNSTREAM_CQL_PASSWORD')?.value).toBe('');
  });

  test('every setting says where its value comes from', () => {
    const shown = describeConfig(
      { TURNSTREAM_LOG_LEVEL: 'warn' },
      { TURNSTREAM_METRICS_PORT: '0' },
    );
    const originOf = (name: string) => shown.find(({ env }) => env === name)?.origin;
    expect(originOf('TURNSTREAM_LOG_LEVEL')).toBe('environment');
    expect(originOf('TURNSTREAM_METRICS_PORT')).toBe('option');
    expect(originOf('TURNSTREAM_CQL_PORT')).toBe('default');
  });
});

test('a slip of the pen in a variable is recognised, another program’s variable is left alone', () => {
  expect(
    misspelled({ TURNSTREAM_KAFKA_BROKER: 'x', TURNSTREAM_HOME: 'x', TURNSTREAM_LOG_LEVLE: 'x' }),
  ).toEqual([{ variable: 'TURNSTREAM_KAFKA_BROKER', meant: 'TURNSTREAM_KAFKA_BROKERS' }]);
});

test('numbers carry their unit or say what they count', () => {
  const unit =
    /(Ms|MsMin|MsMax|BytesMax|BytesTarget|EventsMax|RecordsMax|RowsMax|CachedMax|HintsMax|hintsMax|BatchMax|ConcurrencyMax|InFlightMax|DaysMax|[pP]ort|Factor|Partitions|Base|readersMax|roundsMax|PerRead|Bits|[tT]hreads)$/;
  for (const group of Object.values(settingsTable)) {
    for (const [name, setting] of Object.entries(group)) {
      if (setting.type.kind === 'integer') expect(name).toMatch(unit);
    }
  }
});
