/**
 * Turnstream's own processes on the local stack: a sequencer and a worker with all projections.
 * `make demo` starts them; they are supervised, shown and stopped like the servers.
 */
import { join } from 'node:path';
import { nodesOf } from './cassandra.ts';
import { postgresAccount } from './postgres.ts';
import { host, httpAnswers } from './probe.ts';
import { addressOf, type Server } from './server.ts';
import { repositoryDir, type SettingName, type Settings } from './settings.ts';

/** The TURNSTREAM_* settings that lead to this stack; the defaults do when no port was changed. */
export function serviceEnvironment(settings: Settings): Readonly<Record<string, string>> {
  const registry = `http://${host}:${settings.registryPort}/apis`;
  return {
    TURNSTREAM_POSTGRES_HOST: host,
    TURNSTREAM_POSTGRES_PORT: String(settings.postgresPort),
    TURNSTREAM_POSTGRES_DATABASE: postgresAccount.database,
    TURNSTREAM_KAFKA_BROKERS: `${host}:${settings.kafkaPort}`,
    TURNSTREAM_REGISTRY_URL: `${registry}/ccompat/v7`,
    TURNSTREAM_CONNECT_URL: `http://${host}:${settings.connectPort}`,
    TURNSTREAM_CONNECT_REGISTRY_URL: `${registry}/registry/v2`,
    TURNSTREAM_CQL_CONTACT_POINTS: nodesOf(settings).map(addressOf).join(),
    TURNSTREAM_CQL_PORT: String(settings.cassandraPort),
    TURNSTREAM_CQL_DATACENTER: 'datacenter1',
    TURNSTREAM_CQL_REPLICATION_FACTOR: String(settings.cassandraNodes),
  };
}

function service(
  name: 'sequencer' | 'worker',
  title: string,
  port: SettingName,
  args: readonly string[],
): Server {
  return {
    name,
    title,
    ports: [port],
    needs: ['kafka', 'registry', 'cassandra', 'postgres'],
    stopSignal: 'SIGTERM',
    prepare: async ({ settings }) => ({
      file: process.execPath,
      args: [
        join(repositoryDir, 'bin', 'turnstream.mjs'),
        ...args,
        '--metrics-port',
        String(settings[port]),
      ],
      cwd: repositoryDir,
      env: serviceEnvironment(settings),
    }),
    answers: (settings) => httpAnswers(Number(settings[port]), '/health/ready'),
  };
}

export const services: readonly Server[] = [
  service('sequencer', 'Sequencer', 'sequencerMetricsPort', ['sequence']),
  service('worker', 'Worker', 'workerMetricsPort', ['run', '--all']),
];
