/**
 * Apache Cassandra 5, one node: the CQL engine of the local default, where production has ScyllaDB. It
 * is started from its jars, so its configuration is ours (config/cassandra.yaml).
 */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TurnstreamError } from '../processor/error.ts';
import { downloadPart } from './download.ts';
import { configSource, heapFlags, jarsOf, javaFile, jvmEnvironment, renderConfig } from './jvm.ts';
import { cqlAnswers } from './probe.ts';
import type { Command } from './process.ts';
import type { Server, StartContext } from './server.ts';

async function prepare(context: StartContext): Promise<Command> {
  const { settings } = context;
  const javaHome = context.javaHome();
  const jars = await downloadPart('cassandra', { settings, javaHome, say: context.say });
  const dataDir = join(settings.dir, 'data', 'cassandra');
  const tmpDir = join(dataDir, 'tmp');
  mkdirSync(tmpDir, { recursive: true });
  const yaml = renderConfig(settings, 'local/config/cassandra.yaml', 'cassandra.yaml', {
    port: settings.cassandraPort,
    storagePort: settings.cassandraStoragePort,
    dataDir,
  });
  // Java's argument files know no spaces in paths, so this one holds flags alone and is named relatively.
  copyFileSync(configSource('cassandra-jvm.options'), join(dataDir, 'jvm.options'));
  return {
    file: javaFile(javaHome),
    args: [
      ...heapFlags(settings.cassandraHeap),
      '@jvm.options',
      `-javaagent:${join(jars, agentJar(jars))}`,
      `-Dcassandra.config=${pathToFileURL(yaml)}`,
      `-Dcassandra.storagedir=${dataDir}`,
      `-Dlogback.configurationFile=${pathToFileURL(configSource('logback.xml'))}`,
      `-Djava.io.tmpdir=${tmpDir}`,
      '-cp',
      jarsOf(jars),
      'org.apache.cassandra.service.CassandraDaemon',
    ],
    cwd: dataDir,
    env: jvmEnvironment,
  };
}

/** Measures objects for the memtables' limits. */
function agentJar(jars: string): string {
  const name = readdirSync(jars).find((file) => file.startsWith('jamm-'));
  if (name === undefined) {
    throw new TurnstreamError(
      'PREFLIGHT',
      `jamm is missing in ${jars}: delete that folder and run \`make up\` again.`,
    );
  }
  return name;
}

export const cassandra: Server = {
  name: 'cassandra',
  title: 'Cassandra',
  ports: ['cassandraPort', 'cassandraStoragePort'],
  needs: [],
  stopSignal: 'SIGTERM',
  prepare,
  answers: (settings) => cqlAnswers(settings.cassandraPort),
};
