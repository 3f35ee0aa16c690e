/**
 * Every setting, once: environment variable, type, default, sentence. Names carry their unit;
 * defaults fit the embedded stack and say when production wants another value. `Config` has the
 * same groups and names with parsed values (config.ts).
 */
import { connect, cql, kafka, postgres, registry } from './outside-settings.ts';
import { log, metrics, replay, sequencer, verify, worker } from './own-settings.ts';

export const settingsTable = {
  postgres,
  kafka,
  registry,
  connect,
  cql,
  sequencer,
  worker,
  replay,
  verify,
  metrics,
  log,
};

export type SettingsTable = typeof settingsTable;
export type GroupName = keyof SettingsTable;

export const groupTitles: Readonly<Record<GroupName, string>> = {
  postgres: 'Postgres, the source',
  kafka: 'Kafka',
  registry: 'Schema registry',
  connect: 'Kafka Connect and Debezium',
  cql: 'ScyllaDB or Cassandra',
  sequencer: 'Sequencer',
  worker: 'Workers',
  replay: 'Replay',
  verify: 'Verification',
  metrics: 'Metrics and health',
  log: 'Logs',
};
