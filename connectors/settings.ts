/** What capture needs to know: from the configuration in production, made by hand in tests. */

import type { SourceNames } from '../processor/source/source-names.ts';

export type ConnectSettings = {
  /** As this process reaches it. */
  readonly postgres: {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
    readonly password: string;
    /** Of the four source tables. */
    readonly schema: string;
    readonly tables: SourceNames;
    readonly sslMode: 'disable' | 'require' | 'verify-full';
  };
  readonly connector: {
    /** REST address of Kafka Connect. */
    readonly url: string;
    readonly name: string;
    readonly slot: string;
    readonly publication: string;
    /** Debezium's name for this Postgres, part of the names of its schemas. */
    readonly topicPrefix: string;
    readonly heartbeatIntervalMs: number;
    readonly delivery: 'at-least-once' | 'exactly-once';
    /** Debezium's modes that leave read models complete (docs/decisions/0025). */
    readonly snapshotMode: 'when_needed' | 'initial' | 'always';
    /** Postgres and the registry (Apicurio's own API) as the Connect worker reaches them. */
    readonly postgresHost: string;
    readonly postgresPort: number;
    readonly registryUrl: string;
    /** How long to wait for its task to run. */
    readonly startTimeoutMs: number;
  };
  readonly topics: {
    readonly changes: string;
    readonly events: string;
    readonly eventsPartitions: number;
    readonly deadLetters: string;
    readonly replicationFactor: number;
    readonly recordBytesMax: number;
  };
};
