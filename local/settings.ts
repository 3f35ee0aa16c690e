/**
 * Every setting of the local stack, once: environment variable, type, default and sentence. Nothing
 * else in local/ reads the environment for its configuration. `make help` prints this table, and a
 * bad value is refused here with the variable's name, before anything starts.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TurnstreamError } from '../processor/error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export const repositoryDir = fileURLToPath(new URL('..', import.meta.url));

type SettingType =
  | 'port'
  | 'mebibytes'
  | 'seconds'
  | 'path'
  | 'name'
  | 'count'
  | 'nodes'
  | 'switch';

type SettingRow = {
  readonly variable: string;
  readonly type: SettingType;
  readonly default: string;
  readonly sentence: string;
};

function row<Type extends SettingType>(
  variable: string,
  type: Type,
  value: string,
  sentence: string,
): SettingRow & { readonly type: Type } {
  return { variable: `TURNSTREAM_LOCAL_${variable}`, type, default: value, sentence };
}

/** Ports stay below 32768, where the system takes ports for outgoing connections. */
export const settingTable = {
  dir: row('DIR', 'path', '.turnstream', 'folder of data, logs and pid files'),
  downloadDir: row('DOWNLOAD_DIR', 'path', '.turnstream/downloads', 'folder of the servers’ jars'),
  portOffset: row('PORT_OFFSET', 'count', '0', 'added to every default port: a second stack'),
  postgresPort: row('POSTGRES_PORT', 'port', '15432', 'Postgres'),
  kafkaPort: row('KAFKA_PORT', 'port', '19092', 'Kafka, for clients'),
  kafkaControllerPort: row('KAFKA_CONTROLLER_PORT', 'port', '19093', 'Kafka, its own controller'),
  connectPort: row('CONNECT_PORT', 'port', '18083', 'Kafka Connect, REST'),
  registryPort: row('REGISTRY_PORT', 'port', '18081', 'schema registry, REST'),
  cassandraPort: row('CASSANDRA_PORT', 'port', '19042', 'Cassandra, CQL'),
  cassandraStoragePort: row('CASSANDRA_STORAGE_PORT', 'port', '17000', 'Cassandra, node to node'),
  sequencerMetricsPort: row(
    'SEQUENCER_METRICS_PORT',
    'port',
    '9464',
    'metrics of the demo’s sequencer',
  ),
  workerMetricsPort: row('WORKER_METRICS_PORT', 'port', '9465', 'metrics of the demo’s worker'),
  postgresBuffers: row('POSTGRES_BUFFERS_MIB', 'mebibytes', '128', 'Postgres shared buffers'),
  kafkaHeap: row('KAFKA_HEAP_MIB', 'mebibytes', '512', 'largest heap of Kafka'),
  connectHeap: row('CONNECT_HEAP_MIB', 'mebibytes', '1024', 'largest heap of Kafka Connect'),
  registryHeap: row('REGISTRY_HEAP_MIB', 'mebibytes', '256', 'largest heap of the registry'),
  cassandraHeap: row('CASSANDRA_HEAP_MIB', 'mebibytes', '768', 'largest heap of Cassandra'),
  cassandraNodes: row(
    'CASSANDRA_NODES',
    'nodes',
    '1',
    'Cassandra nodes, 1 to 3: the same ports on 127.0.0.1, .2 and .3; each number has data of its own',
  ),
  connectExactlyOnce: row(
    'CONNECT_EXACTLY_ONCE',
    'switch',
    'disabled',
    'Connect’s exactly-once mode; it holds for the whole worker',
  ),
  readySeconds: row('READY_SECONDS', 'seconds', '120', 'longest wait for a server to answer'),
  stopSeconds: row('STOP_SECONDS', 'seconds', '30', 'longest wait for an orderly stop'),
  javaHome: row('JAVA_HOME', 'path', '', 'the JDK 17 to use; found by itself when empty'),
  postgresUser: row(
    'POSTGRES_USER',
    'name',
    '',
    'for root only: who Postgres runs as (else postgres or nobody)',
  ),
  systemDir: row(
    'SYSTEM_DIR',
    'path',
    '/var/lib',
    'for root only: where Postgres’ files go if its user cannot reach the checkout',
  ),
} as const satisfies Readonly<Record<string, SettingRow>>;

export type SettingName = keyof typeof settingTable;

type NumberType = 'port' | 'mebibytes' | 'seconds' | 'count' | 'nodes';

export type Settings = {
  readonly [Name in SettingName]: (typeof settingTable)[Name]['type'] extends NumberType
    ? number
    : string;
};

const limits: Readonly<Record<NumberType, { readonly min: number; readonly max: number }>> = {
  port: { min: 1, max: 65_535 },
  mebibytes: { min: 32, max: 1_048_576 },
  seconds: { min: 1, max: 3_600 },
  count: { min: 0, max: 40_000 },
  nodes: { min: 1, max: 3 },
};

function isNumberType(type: SettingType): type is NumberType {
  return type in limits;
}

/** Reads all settings; every mistake is in the one error, each with what is expected. */
export function readSettings(environment: Environment): Settings {
  const problems: string[] = [];
  const offset = readNumber(settingTable.portOffset, environment, 0, problems);
  const values: Record<string, number | string> = {};
  for (const [name, setting] of Object.entries<SettingRow>(settingTable)) {
    values[name] = isNumberType(setting.type)
      ? readNumber(setting, environment, setting.type === 'port' ? offset : 0, problems)
      : readText(setting, environment, problems);
  }
  problems.push(...samePorts(values), ...unknownVariables(environment));
  if (problems.length > 0) {
    throw new TurnstreamError(
      'CONFIGURATION',
      `The local stack’s settings are wrong:\n${[...new Set(problems)].map((line) => `  ${line}`).join('\n')}`,
    );
  }
  return values as Settings;
}

function textOf(setting: SettingRow, environment: Environment): string | undefined {
  const text = environment[setting.variable]?.trim();
  return text === '' ? undefined : text;
}

function readNumber(
  setting: SettingRow,
  environment: Environment,
  offset: number,
  problems: string[],
): number {
  const text = textOf(setting, environment);
  const value = text === undefined ? Number(setting.default) + offset : Number(text);
  const { min, max } = limits[setting.type as NumberType];
  if (!Number.isInteger(value) || value < min || value > max) {
    problems.push(
      `${setting.variable} (${setting.sentence}) is ${text ?? value}: expected a whole number from ${min} to ${max}.`,
    );
  }
  return value;
}

function readText(setting: SettingRow, environment: Environment, problems: string[]): string {
  const text = textOf(setting, environment) ?? setting.default;
  if (setting.type === 'switch' && text !== 'enabled' && text !== 'disabled') {
    problems.push(`${setting.variable} is ${text}: expected enabled or disabled.`);
  }
  return setting.type === 'path' && text !== '' ? resolve(repositoryDir, text) : text;
}

function samePorts(values: Readonly<Record<string, number | string>>): readonly string[] {
  const users = new Map<number | string, string>();
  const problems: string[] = [];
  for (const [name, setting] of Object.entries<SettingRow>(settingTable)) {
    if (setting.type !== 'port') continue;
    const port = values[name] ?? '';
    const other = users.get(port);
    if (other !== undefined) {
      problems.push(`${other} and ${setting.variable} are both ${port}: give each its own port.`);
    }
    users.set(port, setting.variable);
  }
  return problems;
}

function unknownVariables(environment: Environment): readonly string[] {
  const known = new Set<string>(Object.values(settingTable).map((setting) => setting.variable));
  return Object.keys(environment)
    .filter((name) => name.startsWith('TURNSTREAM_LOCAL_') && !known.has(name))
    .map((name) => `${name} is not a setting: \`make help\` lists them.`);
}

/** The table for `make help`, with the values in force. */
export function describeSettings(environment: Environment): string {
  const rows = Object.values<SettingRow>(settingTable);
  const width = Math.max(...rows.map((setting) => setting.variable.length));
  return rows
    .map((setting) => {
      const set = textOf(setting, environment);
      const value = setting.default === '' ? 'none' : setting.default;
      const now = set === undefined ? '' : ` — now ${set}`;
      return `  ${setting.variable.padEnd(width)}  ${setting.sentence} (${value})${now}`;
    })
    .join('\n');
}
