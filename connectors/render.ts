/**
 * The connector's configuration, from postgres.json and the settings. Pure but for reading its own
 * data files. Every value is text, as Connect's REST API has it.
 *
 * What is fixed is in postgres.json; why it is so:
 * - Publication and tables are made by us, so Debezium creates none (`autocreate.mode=disabled`).
 * - Only the columns that Turnstream reads leave the database (`column.include.list`).
 * - `skipped.operations=none` lets TRUNCATE through; no tombstones, no transaction metadata, no
 *   context headers: nobody reads them.
 * - Notifications go to the topic of the changes: they tell of a snapshot that found no row.
 * - Texts and identifiers are cut at a length (row-limits.ts): a row that is larger than a record may be
 *   would stop the task for good. Whoever reads one that is as long names the row.
 * - A value that does not convert stops the connector (`fail`); dropping it would be silent.
 * - The header converter is JSON, since decode.ts reads the keys in Debezium's headers.
 * - 10 ms polls: commit → consumer in 28 ms in the median, against 524 ms by default.
 * - Queues are bounded in bytes, and a restart after an error waits 1 s in place of 10 s.
 * - A table with a name of the customer's has its own in a header (`transforms`), so that what is in the topic can be
 *   read without these settings; where all have their own names there is no such transformation.
 * - An idempotent producer keeps the order over its retries with five requests in flight.
 */
import { readFileSync } from 'node:fs';
import { TurnstreamError } from '../processor/error.ts';
import type { TopicSpec } from '../processor/kafka/log.ts';
import { defaultHeartbeatPrefix } from '../processor/source/avro.ts';
import { tableHeader } from '../processor/source/decode.ts';
import { type SourceTable, sourceTables } from '../processor/source/row-change.ts';
import { identifierCharsMax, textCharsMax } from '../processor/source/row-limits.ts';
import type { ConnectSettings } from './settings.ts';
import { type SourceColumn, sourceColumns, textColumns } from './source-tables.ts';

export type ConnectorConfig = Readonly<Record<string, string>>;

const heartbeatTopicPrefix = '__debezium-heartbeat';

export function renderConnector(settings: ConnectSettings): ConnectorConfig {
  const { connector, postgres, topics } = settings;
  const schema = quoteRegex(postgres.schema);
  const values: Readonly<Record<string, string>> = {
    postgresHost: connector.postgresHost,
    postgresPort: String(connector.postgresPort),
    postgresDatabase: postgres.database,
    postgresUser: postgres.user,
    postgresPassword: postgres.password,
    postgresSslMode: postgres.sslMode,
    topicPrefix: connector.topicPrefix,
    slot: connector.slot,
    publication: connector.publication,
    tablePattern: sourceTables.map((table) => tablePattern(settings, table)).join(','),
    columnPattern: columnPattern(settings, () => true),
    snapshotMode: connector.snapshotMode,
    heartbeatPrefix: defaultHeartbeatPrefix,
    heartbeatIntervalMs: String(connector.heartbeatIntervalMs),
    heartbeatTopicPrefix,
    heartbeatQuery: heartbeatQuery(),
    topicPattern: `${quoteRegex(connector.topicPrefix)}\\.(${schema}\\..*|message)`,
    changesTopic: topics.changes,
    registryUrl: connector.registryUrl,
    recordBytesMax: String(topics.recordBytesMax),
    textCharsMax: String(textCharsMax(topics.recordBytesMax)),
    textPattern: columnPattern(settings, ({ name }) => textColumns.includes(name)),
    identifierCharsMax: String(identifierCharsMax),
    identifierPattern: columnPattern(
      settings,
      ({ name, kind }) => kind === 'text' && !textColumns.includes(name),
    ),
    exactlyOnceSupport: connector.delivery === 'exactly-once' ? 'required' : 'requested',
  };
  const template = JSON.parse(readData('postgres.json')) as ConnectorConfig;
  const filled = Object.entries(template).map(([key, value]) => [
    fill(key, values),
    fill(value, values),
  ]);
  return { ...Object.fromEntries(filled), ...tableHeaders(settings) };
}

/** Before the records lose the topic that Debezium names after their table. */
function tableHeaders(settings: ConnectSettings): ConnectorConfig {
  const { connector, postgres } = settings;
  const renamed = sourceTables.filter((table) => postgres.tables[table] !== table);
  if (renamed.length === 0) return {};
  const entries = renamed.flatMap((table) => [
    [`transforms.${table}.type`, 'org.apache.kafka.connect.transforms.InsertHeader'],
    [`transforms.${table}.header`, tableHeader],
    [`transforms.${table}.value.literal`, table],
    [`transforms.${table}.predicate`, table],
    [`predicates.${table}.type`, 'org.apache.kafka.connect.transforms.predicates.TopicNameMatches'],
    [
      `predicates.${table}.pattern`,
      `${quoteRegex(connector.topicPrefix)}\\.${tablePattern(settings, table)}`,
    ],
  ]);
  return {
    ...Object.fromEntries(entries),
    transforms: [...renamed, 'route'].join(','),
    predicates: renamed.join(','),
  };
}

/** As Debezium names the table. */
function tablePattern({ postgres }: ConnectSettings, table: SourceTable): string {
  return `${quoteRegex(postgres.schema)}\\.${postgres.tables[table]}`;
}

/** The statement that makes the publication of the four tables. */
export function publicationStatement(settings: ConnectSettings): string {
  return fill(readData('publication.sql').trim(), {
    publication: quoteName(settings.connector.publication),
    tables: sourceTables.map((table) => tableName(settings, table)).join(', '),
  });
}

/** `"public"."steps"`, as statements want it. */
export function tableName({ postgres }: ConnectSettings, table: SourceTable): string {
  return `${quoteName(postgres.schema)}.${quoteName(postgres.tables[table])}`;
}

export function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/**
 * The topics of a deployment. `changes` has one partition, whose offsets are positions (DESIGN
 * 3.2), and is kept for a week: longer than that no sequencer may be down. `events` is the event
 * store, kept for ever.
 */
export function topicSpecs(settings: ConnectSettings): readonly TopicSpec[] {
  const { topics, connector } = settings;
  const common = {
    'max.message.bytes': String(topics.recordBytesMax),
    'cleanup.policy': 'delete',
    'min.insync.replicas': topics.replicationFactor >= 3 ? '2' : '1',
  };
  const spec = (topic: string, partitions: number, config: ConnectorConfig): TopicSpec => ({
    topic,
    partitions,
    replicationFactor: topics.replicationFactor,
    config: { ...common, ...config },
  });
  const forEver = { 'retention.ms': '-1', 'retention.bytes': '-1' };
  return [
    spec(topics.changes, 1, {
      'retention.ms': String(7 * 24 * 3_600_000),
      'retention.bytes': '-1',
    }),
    spec(topics.events, topics.eventsPartitions, forEver),
    spec(topics.deadLetters, 1, forEver),
    // Ten records a second that nobody reads: Debezium's own sign of life.
    spec(`${heartbeatTopicPrefix}.${connector.topicPrefix}`, 1, {
      'retention.ms': String(3_600_000),
      'segment.ms': String(600_000),
    }),
  ];
}

function heartbeatQuery(): string {
  const statement = readData('heartbeat.sql').trim().replace(/;$/, '');
  return fill(statement, { heartbeatPrefix: defaultHeartbeatPrefix });
}

/** Those columns of all tables, as Debezium names them. */
function columnPattern(
  settings: ConnectSettings,
  isMeant: (column: SourceColumn) => boolean,
): string {
  return sourceTables
    .flatMap((table) => {
      const names = sourceColumns[table].filter(isMeant).map(({ name }) => name);
      return names.length === 0 ? [] : [`${tablePattern(settings, table)}\\.(${names.join('|')})`];
    })
    .join(',');
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value !== undefined) return value;
    throw new TurnstreamError(
      'CONFIGURATION',
      `The connector's configuration names \${${name}}, which no setting fills; correct connectors/.`,
    );
  });
}

function quoteRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function readData(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}
