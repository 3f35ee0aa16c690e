/**
 * Kafka: one process that is broker and controller. Its data folder is formatted once, with a cluster
 * id of its own, and kept.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { messageOf, TurnstreamError } from '../processor/error.ts';
import { downloadPart } from './download.ts';
import { configSource, heapFlags, jarsOf, javaFile, jvmEnvironment, renderConfig } from './jvm.ts';
import { kafkaAnswers } from './probe.ts';
import type { Command } from './process.ts';
import type { Server, StartContext } from './server.ts';

/** A record of 32 MiB, and room for the batch around it. */
const messageBytesMax = 33 * 1024 * 1024;

async function prepare(context: StartContext): Promise<Command> {
  const { settings } = context;
  const javaHome = context.javaHome();
  const jars = await downloadPart('kafka', { settings, javaHome, say: context.say });
  const dataDir = join(settings.dir, 'data', 'kafka');
  mkdirSync(dataDir, { recursive: true });
  const properties = renderConfig(settings, 'local/config/kafka.properties', 'kafka.properties', {
    port: settings.kafkaPort,
    controllerPort: settings.kafkaControllerPort,
    dataDir,
    messageBytesMax,
  });
  const flags = [
    ...heapFlags(settings.kafkaHeap),
    `-Dlog4j2.configurationFile=${pathToFileURL(configSource('log4j2.properties'))}`,
    '-cp',
    jarsOf(jars),
  ];
  if (!existsSync(join(dataDir, 'meta.properties'))) {
    const clusterId = randomBytes(16).toString('base64url');
    await format(javaFile(javaHome), [
      ...flags,
      'kafka.tools.StorageTool',
      'format',
      // One argument: an id may begin with a dash, and would be taken for an option by itself.
      `--cluster-id=${clusterId}`,
      '-c',
      properties,
    ]);
  }
  return {
    file: javaFile(javaHome),
    args: [...flags, 'kafka.Kafka', properties],
    cwd: dataDir,
    env: jvmEnvironment,
  };
}

async function format(file: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(file, [...args]);
  } catch (error) {
    throw new TurnstreamError(
      'PREFLIGHT',
      `Kafka’s data folder could not be formatted: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

export const kafka: Server = {
  name: 'kafka',
  title: 'Kafka',
  ports: ['kafkaPort', 'kafkaControllerPort'],
  needs: [],
  stopSignal: 'SIGTERM',
  prepare,
  answers: (settings) => kafkaAnswers(settings.kafkaPort),
};
