/**
 * Kafka Connect in distributed mode, with Debezium's Postgres connector and Apicurio's Avro converter
 * as plugins. The worker's configuration is connectors/connect-worker.properties; connectors are
 * registered later by `turnstream connect`, and live in Kafka.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { downloadPart } from './download.ts';
import { configSource, heapFlags, jarsOf, javaFile, jvmEnvironment, renderConfig } from './jvm.ts';
import { host, httpAnswers } from './probe.ts';
import type { Command } from './process.ts';
import type { Server, StartContext } from './server.ts';

async function prepare(context: StartContext): Promise<Command> {
  const { settings } = context;
  const javaHome = context.javaHome();
  const download = { settings, javaHome, say: context.say };
  const jars = await downloadPart('kafka', download);
  const plugins = [
    await downloadPart('debezium', download),
    await downloadPart('converter', download),
  ];
  const dataDir = join(settings.dir, 'data', 'connect');
  mkdirSync(dataDir, { recursive: true });
  const properties = renderConfig(
    settings,
    'connectors/connect-worker.properties',
    'connect-worker.properties',
    {
      kafkaBootstrap: `${host}:${settings.kafkaPort}`,
      listenHost: host,
      port: settings.connectPort,
      replicationFactor: 1,
      pluginPath: plugins.join(','),
      exactlyOnceSourceSupport: settings.connectExactlyOnce,
    },
  );
  return {
    file: javaFile(javaHome),
    args: [
      ...heapFlags(settings.connectHeap),
      `-Dlog4j2.configurationFile=${pathToFileURL(configSource('log4j2.properties'))}`,
      '-cp',
      jarsOf(jars),
      'org.apache.kafka.connect.cli.ConnectDistributed',
      properties,
    ],
    cwd: dataDir,
    env: jvmEnvironment,
  };
}

export const connect: Server = {
  name: 'connect',
  title: 'Kafka Connect',
  ports: ['connectPort'],
  needs: ['kafka'],
  stopSignal: 'SIGTERM',
  prepare,
  answers: (settings) => httpAnswers(settings.connectPort, '/connectors'),
};
