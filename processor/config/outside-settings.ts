/** Settings of what Turnstream talks to: Postgres, Kafka, registry, Connect, the CQL database. */
import { segmentTailRows } from '../conversation/limits.ts';
import {
  choice,
  hosts,
  identifier,
  integer,
  port,
  secret,
  table,
  text,
  topic,
  url,
} from './setting.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** What the sequencer's state never parts: the rows that count something up, and the position. */
const batchRowsMin = segmentTailRows + 1;

export const postgres = {
  host: text('TURNSTREAM_POSTGRES_HOST', '127.0.0.1', 'Host of the Postgres primary.'),
  port: port('TURNSTREAM_POSTGRES_PORT', 15_432, 'Port of the Postgres primary.'),
  database: text(
    'TURNSTREAM_POSTGRES_DATABASE',
    'conversations',
    'Database with the four source tables.',
  ),
  user: text(
    'TURNSTREAM_POSTGRES_USER',
    'postgres',
    'User for the pre-flight check, the lag metrics and Debezium; needs REPLICATION and SELECT on the tables.',
  ),
  password: secret('TURNSTREAM_POSTGRES_PASSWORD', 'postgres', "That user's password."),
  schema: text('TURNSTREAM_POSTGRES_SCHEMA', 'public', 'Schema of the four source tables.'),
  sessionsTable: table(
    'TURNSTREAM_POSTGRES_SESSIONS_TABLE',
    'sessions',
    'Name of the table of sessions.',
  ),
  humanTurnsTable: table(
    'TURNSTREAM_POSTGRES_HUMAN_TURNS_TABLE',
    'human_turns',
    'Name of the table of human turns.',
  ),
  agentTurnsTable: table(
    'TURNSTREAM_POSTGRES_AGENT_TURNS_TABLE',
    'agent_turns',
    'Name of the table of agent turns.',
  ),
  stepsTable: table('TURNSTREAM_POSTGRES_STEPS_TABLE', 'steps', 'Name of the table of steps.'),
  sslMode: choice(
    'TURNSTREAM_POSTGRES_SSL_MODE',
    ['disable', 'require', 'verify-full'],
    'disable',
    'Encryption towards Postgres: require encrypts, verify-full also checks the certificate (production).',
  ),
};

export const kafka = {
  brokers: hosts(
    'TURNSTREAM_KAFKA_BROKERS',
    '127.0.0.1:19092',
    'Brokers to start from.',
    'host:port',
  ),
  clientId: text('TURNSTREAM_KAFKA_CLIENT_ID', 'turnstream', "This client's name in Kafka's logs."),
  tls: choice(
    'TURNSTREAM_KAFKA_TLS',
    ['disabled', 'enabled'],
    'disabled',
    'Encryption towards the brokers; their certificates are checked.',
  ),
  saslMechanism: choice(
    'TURNSTREAM_KAFKA_SASL_MECHANISM',
    ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    'none',
    'How to log in to the brokers.',
  ),
  saslUser: text('TURNSTREAM_KAFKA_SASL_USER', '', 'User of that log-in.'),
  saslPassword: secret('TURNSTREAM_KAFKA_SASL_PASSWORD', '', "That user's password."),
  compression: choice(
    'TURNSTREAM_KAFKA_COMPRESSION',
    ['none', 'lz4', 'gzip'],
    'none',
    'Compression of what Turnstream writes to Kafka.',
  ),
  replicationFactor: integer(
    'TURNSTREAM_KAFKA_REPLICATION_FACTOR',
    1,
    'Replicas of the topics that Turnstream creates; 3 in production.',
    { min: 1, max: 9 },
  ),
  changesTopic: topic(
    'TURNSTREAM_KAFKA_CHANGES_TOPIC',
    'turnstream.changes',
    'Topic of row changes, one partition, in the order of commits.',
  ),
  eventsTopic: topic(
    'TURNSTREAM_KAFKA_EVENTS_TOPIC',
    'turnstream.events',
    'Topic of events: the event store.',
  ),
  deadLettersTopic: topic(
    'TURNSTREAM_KAFKA_DEAD_LETTERS_TOPIC',
    'turnstream.dead-letters',
    'Topic of records that were set aside with their error.',
  ),
  eventsPartitions: integer(
    'TURNSTREAM_EVENTS_PARTITIONS',
    4,
    "Partitions of the event store, so the most workers that share a projection. Fixed for the store's life: 12 in production.",
    { min: 1, max: 1000 },
  ),
  sequencerGroup: text(
    'TURNSTREAM_KAFKA_SEQUENCER_GROUP',
    'turnstream.sequencer',
    'Consumer group of the sequencers.',
  ),
  projectionsGroup: text(
    'TURNSTREAM_KAFKA_PROJECTIONS_GROUP',
    'turnstream.projections',
    'Start of the names of the workers’ consumer groups; the names of their projections follow.',
  ),
  sessionTimeoutMs: integer(
    'TURNSTREAM_KAFKA_SESSION_TIMEOUT_MS',
    10_000,
    'A process that has not been heard of for so long loses its partitions.',
    { min: 1000, max: 300_000 },
  ),
  heartbeatIntervalMs: integer(
    'TURNSTREAM_KAFKA_HEARTBEAT_INTERVAL_MS',
    1000,
    'Pause between heartbeats to the group; at most a third of the session timeout.',
    { min: 100, max: 100_000 },
  ),
  fetchWaitMsMax: integer(
    'TURNSTREAM_KAFKA_FETCH_WAIT_MS_MAX',
    50,
    'The longest that a broker holds back a fetch when there is nothing to read.',
    { min: 1, max: 30_000 },
  ),
  fetchStalledMsMax: integer(
    'TURNSTREAM_KAFKA_FETCH_STALLED_MS_MAX',
    30_000,
    'A consumer that fetches nothing for so long, though there is something to fetch, is closed and opened again; at least twice the session timeout.',
    { min: 2000, max: 3_600_000 },
  ),
  fetchBytesMax: integer(
    'TURNSTREAM_KAFKA_FETCH_BYTES_MAX',
    33 * MIB,
    'Bytes of one fetch from one broker; not below the largest record.',
    { min: 64 * KIB, max: 512 * MIB },
  ),
  partitionQueueBytesMax: integer(
    'TURNSTREAM_KAFKA_PARTITION_QUEUE_BYTES_MAX',
    4 * MIB,
    'Fetched bytes of one partition that wait their turn; beyond, fetching it pauses.',
    { min: 64 * KIB, max: 256 * MIB },
  ),
  recordBytesMax: integer(
    'TURNSTREAM_KAFKA_RECORD_BYTES_MAX',
    32 * MIB,
    'The largest record, set on the topics and in the connector. A title, prompt or content of more characters than a sixth of this less 1 MiB is cut, and its row named in a dead letter.',
    { min: 2 * MIB, max: 256 * MIB },
  ),
};

export const registry = {
  url: url(
    'TURNSTREAM_REGISTRY_URL',
    'http://127.0.0.1:18081/apis/ccompat/v7',
    'Schema registry, the Confluent-compatible API.',
  ),
};

export const connect = {
  url: url('TURNSTREAM_CONNECT_URL', 'http://127.0.0.1:18083', 'REST address of Kafka Connect.', {
    flag: '--connect-url',
  }),
  connectorName: text('TURNSTREAM_CONNECT_CONNECTOR_NAME', 'turnstream', 'Name of the connector.'),
  slotName: identifier(
    'TURNSTREAM_CONNECT_SLOT_NAME',
    'turnstream',
    'Replication slot that Debezium reads from.',
  ),
  publicationName: identifier(
    'TURNSTREAM_CONNECT_PUBLICATION_NAME',
    'turnstream',
    'Publication of the four tables.',
  ),
  topicPrefix: topic(
    'TURNSTREAM_CONNECT_TOPIC_PREFIX',
    'turnstream',
    "Debezium's name for this Postgres, part of its schemas' names. Never change it later.",
  ),
  heartbeatIntervalMs: integer(
    'TURNSTREAM_CONNECT_HEARTBEAT_INTERVAL_MS',
    100,
    'Pause between heartbeat messages in the WAL; they carry the watermark when the tables are idle.',
    { min: 10, max: 60_000 },
  ),
  deliveryMode: choice(
    'TURNSTREAM_CONNECT_DELIVERY_MODE',
    ['at-least-once', 'exactly-once'],
    'at-least-once',
    'Delivery by Connect; both end in the same rows, at-least-once is the faster one.',
  ),
  snapshotMode: choice(
    'TURNSTREAM_CONNECT_SNAPSHOT_MODE',
    ['when_needed', 'initial', 'always'],
    'when_needed',
    'When Debezium reads all rows: at the first start and whenever its place in the WAL is lost; at the first start alone, so that a lost slot waits for an operator; or at every start.',
  ),
  registryUrl: url(
    'TURNSTREAM_CONNECT_REGISTRY_URL',
    'http://127.0.0.1:18081/apis/registry/v2',
    "Schema registry as the connector's Avro converter reaches it (Apicurio's own API).",
  ),
  watchIntervalMs: integer(
    'TURNSTREAM_CONNECT_WATCH_INTERVAL_MS',
    5000,
    'Pause between two looks of the sequencer at the connector, of which it begins anew what has failed; 0: it does not look.',
    { min: 0, max: 3_600_000 },
  ),
  restartDelayMsMax: integer(
    'TURNSTREAM_CONNECT_RESTART_DELAY_MS_MAX',
    300_000,
    'The longest pause before a connector that fails again and again is begun anew.',
    { min: 1000, max: 24 * 3_600_000 },
  ),
  postgresHost: text(
    'TURNSTREAM_CONNECT_POSTGRES_HOST',
    '',
    'Postgres host as Connect reaches it; empty: the same as TURNSTREAM_POSTGRES_HOST.',
  ),
  postgresPort: integer(
    'TURNSTREAM_CONNECT_POSTGRES_PORT',
    0,
    'Postgres port as Connect reaches it; 0: the same as TURNSTREAM_POSTGRES_PORT.',
    { min: 0, max: 65_535 },
  ),
};

export const cql = {
  contactPoints: hosts(
    'TURNSTREAM_CQL_CONTACT_POINTS',
    '127.0.0.1',
    'Nodes of ScyllaDB or Cassandra to start from.',
    'host',
  ),
  port: port('TURNSTREAM_CQL_PORT', 19_042, 'CQL port of the nodes.'),
  datacenter: text('TURNSTREAM_CQL_DATACENTER', 'datacenter1', 'The local data centre.'),
  keyspace: identifier('TURNSTREAM_CQL_KEYSPACE', 'turnstream', 'Keyspace of all tables.'),
  user: text('TURNSTREAM_CQL_USER', '', 'User; empty: no authentication.'),
  password: secret('TURNSTREAM_CQL_PASSWORD', '', "That user's password."),
  dialect: choice(
    'TURNSTREAM_CQL_DIALECT',
    ['cassandra', 'scylladb'],
    'cassandra',
    'Which database takes the DDL.',
    { flag: '--dialect' },
  ),
  replicationFactor: integer(
    'TURNSTREAM_CQL_REPLICATION_FACTOR',
    1,
    'Replicas in the local data centre when the keyspace is created; 3 in production.',
    { min: 1, max: 9 },
  ),
  tls: choice(
    'TURNSTREAM_CQL_TLS',
    ['disabled', 'enabled'],
    'disabled',
    'Encryption towards the nodes.',
  ),
  requestTimeoutMs: integer(
    'TURNSTREAM_CQL_REQUEST_TIMEOUT_MS',
    10_000,
    'The longest wait for one answer.',
    { min: 100, max: 600_000 },
  ),
  secondNodeDelayMs: integer(
    'TURNSTREAM_CQL_SECOND_NODE_DELAY_MS',
    2500,
    'A request that a node has not answered for so long goes to a second node too; 0: never.',
    { min: 0, max: 600_000 },
  ),
  slowNodeMs: integer(
    'TURNSTREAM_CQL_SLOW_NODE_MS',
    10_000,
    'A node that let a request wait until a second one was asked is asked last for so long.',
    { min: 0, max: 600_000 },
  ),
  reconnectDelayMsMax: integer(
    'TURNSTREAM_CQL_RECONNECT_DELAY_MS_MAX',
    2000,
    'The longest pause before a node that was lost is tried again.',
    { min: 100, max: 600_000 },
  ),
  writesInFlightMax: integer(
    'TURNSTREAM_CQL_WRITES_IN_FLIGHT_MAX',
    64,
    'Writes of one process under way at a time: batches, not rows.',
    { min: 1, max: 4096 },
  ),
  readsInFlightMax: integer(
    'TURNSTREAM_CQL_READS_IN_FLIGHT_MAX',
    128,
    'Reads of one process under way at a time.',
    { min: 1, max: 4096 },
  ),
  batchBytesMax: integer(
    'TURNSTREAM_CQL_BATCH_BYTES_MAX',
    30 * KIB,
    'Bytes of one unlogged batch, estimated; Cassandra refuses batches above 50 KiB.',
    { min: 4 * KIB, max: 40 * KIB },
  ),
  batchRowsMax: integer(
    'TURNSTREAM_CQL_BATCH_ROWS_MAX',
    100,
    'Statements in one unlogged batch, all of one CQL partition; also closes the segments of conversation state.',
    { min: batchRowsMin, max: 1000 },
  ),
};
