/** Settings for tests: the embedded stack's names with addresses that nobody has. */
import type { ConnectSettings } from './settings.ts';

export const exampleSettings: ConnectSettings = {
  postgres: {
    host: 'db.example',
    port: 5432,
    database: 'conversations',
    user: 'turnstream',
    password: 'secret',
    schema: 'public',
    tables: {
      sessions: 'sessions',
      human_turns: 'human_turns',
      agent_turns: 'agent_turns',
      steps: 'steps',
    },
    sslMode: 'require',
  },
  connector: {
    url: 'http://connect.example:8083',
    name: 'turnstream',
    slot: 'turnstream',
    publication: 'turnstream',
    topicPrefix: 'turnstream',
    heartbeatIntervalMs: 100,
    delivery: 'at-least-once',
    snapshotMode: 'when_needed',
    postgresHost: 'db.internal',
    postgresPort: 6432,
    registryUrl: 'http://registry.example:8080/apis/registry/v2',
    startTimeoutMs: 5000,
  },
  topics: {
    changes: 'turnstream.changes',
    events: 'turnstream.events',
    eventsPartitions: 4,
    deadLetters: 'turnstream.dead-letters',
    replicationFactor: 1,
    recordBytesMax: 32 * 1024 * 1024,
  },
};
