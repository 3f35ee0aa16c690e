/**
 * What `make up` looks at before it starts or downloads anything: the JDK, Maven where something is
 * still to be downloaded, and the ports of every server that does not run. All problems are told at
 * once, and then nothing has been started.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { messageOf, TurnstreamError } from '../processor/error.ts';
import { isDownloaded, type PartName } from './download.ts';
import { findJavaHome } from './java.ts';
import { checkPorts, runningServer } from './server.ts';
import type { Environment, Settings } from './settings.ts';
import { serversOf } from './stack.ts';
import { versions } from './versions.ts';

/** Throws one error with all problems. */
export async function checkBeforeStart(
  settings: Settings,
  environment: Environment,
): Promise<void> {
  const stopped = serversOf(settings).filter(
    (server) => runningServer(settings, server.name) === null,
  );
  if (stopped.length === 0) return;
  const checks = [
    async () => void findJavaHome(settings.javaHome, environment),
    async () => checkMaven(settings, environment),
    ...stopped.map((server) => () => checkPorts(server, settings)),
  ];
  const problems: string[] = [];
  for (const check of checks) {
    await check().catch((error: unknown) => problems.push(messageOf(error)));
  }
  if (problems.length === 0) return;
  throw new TurnstreamError(
    'PREFLIGHT',
    `Nothing was started:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
  );
}

function checkMaven(settings: Settings, environment: Environment): void {
  const parts = Object.keys(versions) as PartName[];
  if (parts.every((part) => isDownloaded(settings, part))) return;
  const folders = (environment['PATH'] ?? '').split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, 'mvn')))) return;
  throw new TurnstreamError(
    'PREFLIGHT',
    'Maven (the command mvn) was not found in PATH; it downloads the servers. Install it ' +
      '(Debian, Ubuntu: apt-get install maven; macOS: brew install maven).',
  );
}
