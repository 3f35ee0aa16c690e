/**
 * The schema registry: Apicurio, which also speaks Confluent's API. Its schemas and their ids are in a
 * file database, so ids in old Kafka records stay good over restarts.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TurnstreamError } from '../processor/error.ts';
import { downloadPart } from './download.ts';
import { heapFlags, javaFile, jvmEnvironment } from './jvm.ts';
import { host, httpAnswers } from './probe.ts';
import type { Command } from './process.ts';
import type { Server, StartContext } from './server.ts';

async function prepare(context: StartContext): Promise<Command> {
  const { settings } = context;
  const javaHome = context.javaHome();
  const dir = await downloadPart('registry', { settings, javaHome, say: context.say });
  const dataDir = join(settings.dir, 'data', 'registry');
  mkdirSync(dataDir, { recursive: true });
  return {
    file: javaFile(javaHome),
    args: [
      ...heapFlags(settings.registryHeap),
      // It serves a handful of requests: quick to start matters more than quick in the long run.
      '-XX:TieredStopAtLevel=1',
      `-Dquarkus.http.host=${host}`,
      `-Dquarkus.http.port=${settings.registryPort}`,
      '-Dquarkus.management.enabled=false',
      '-Dapicurio.storage.kind=sql',
      '-Dapicurio.storage.sql.kind=h2',
      // Without WRITE_DELAY=0 a crash takes the last half second of schemas with it, and other schemas
      // then get the ids that records in Kafka already carry.
      `-Dapicurio.datasource.url=jdbc:h2:file:${join(dataDir, 'registry')};WRITE_DELAY=0`,
      '-Dapicurio.datasource.username=sa',
      '-Dapicurio.datasource.password=sa',
      '-jar',
      runnerJar(dir),
    ],
    cwd: dataDir,
    env: jvmEnvironment,
  };
}

function runnerJar(dir: string): string {
  const name = readdirSync(dir).find((file) => /runner\.jar$|^quarkus-run\.jar$/.test(file));
  const path = join(dir, name ?? '');
  if (name === undefined || !existsSync(path)) {
    throw new TurnstreamError(
      'PREFLIGHT',
      `There is no program to run in ${dir}: delete that folder and run \`make up\` again.`,
    );
  }
  return path;
}

export const registry: Server = {
  name: 'registry',
  title: 'Schema registry',
  ports: ['registryPort'],
  needs: [],
  stopSignal: 'SIGTERM',
  prepare,
  answers: (settings) => httpAnswers(settings.registryPort, '/apis/ccompat/v7/subjects'),
};
