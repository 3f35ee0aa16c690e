/**
 * Apache Cassandra 5: the CQL engine of the local default, where production has ScyllaDB. It is
 * started from its jars, so its configuration is ours (config/cassandra.yaml). One node, or several
 * (TURNSTREAM_LOCAL_CASSANDRA_NODES) on the same ports of 127.0.0.1, 127.0.0.2, …; a node of a
 * cluster of two is no node of one of three, so each number of nodes has its own data.
 */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TurnstreamError } from '../processor/error.ts';
import { downloadPart } from './download.ts';
import { configSource, heapFlags, jarsOf, javaFile, jvmEnvironment, renderConfig } from './jvm.ts';
import { cqlAnswers } from './probe.ts';
import type { Command } from './process.ts';
import type { CassandraName, Server, StartContext } from './server.ts';
import type { Settings } from './settings.ts';

/** From 1. */
function node(number: number, name: CassandraName): Server {
  const address = addressOfNode(number);
  return {
    name,
    title: number === 1 ? 'Cassandra' : `Cassandra ${number}`,
    address,
    ports: ['cassandraPort', 'cassandraStoragePort'],
    needs: [],
    // Drains: its clients and its neighbours are told, its memory goes to disk.
    stopSignal: 'SIGTERM',
    prepare: (context) => prepare(context, number, name),
    answers: (settings) => cqlAnswers(settings.cassandraPort, address),
  };
}

function addressOfNode(number: number): string {
  return `127.0.0.${number}`;
}

export const cassandraNodes = [
  node(1, 'cassandra'),
  node(2, 'cassandra-2'),
  node(3, 'cassandra-3'),
] as const satisfies readonly Server[];

export function nodesOf({ cassandraNodes: count }: Settings): readonly Server[] {
  return cassandraNodes.slice(0, count);
}

async function prepare(
  context: StartContext,
  number: number,
  name: CassandraName,
): Promise<Command> {
  const { settings } = context;
  const javaHome = context.javaHome();
  const jars = await downloadPart('cassandra', { settings, javaHome, say: context.say });
  const dataDir = join(settings.dir, 'data', ...dataPath(settings.cassandraNodes, number));
  const tmpDir = join(dataDir, 'tmp');
  mkdirSync(tmpDir, { recursive: true });
  const seeds = nodesOf(settings).map(
    (_, at) => `${addressOfNode(at + 1)}:${settings.cassandraStoragePort}`,
  );
  const yaml = renderConfig(settings, 'local/config/cassandra.yaml', `${name}.yaml`, {
    address: addressOfNode(number),
    port: settings.cassandraPort,
    storagePort: settings.cassandraStoragePort,
    seeds: seeds.join(),
    token: tokenOf(settings.cassandraNodes, number).toString(),
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

function dataPath(count: number, number: number): readonly string[] {
  return count === 1 ? ['cassandra'] : [`cassandra-of-${count}`, String(number)];
}

/** The middle of the node's share of the ring, from -2^63 to 2^63. */
function tokenOf(count: number, number: number): bigint {
  const share = 2n ** 64n / BigInt(count);
  return share * BigInt(number) - share / 2n - 2n ** 63n;
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
