/**
 * Finds the JDK that the servers run on. Cassandra takes Java 17 and nothing else, so everything runs
 * on that one; a newer JDK first in PATH does no harm as long as a 17 is somewhere usual.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { TurnstreamError } from '../processor/error.ts';
import type { Environment } from './settings.ts';
import { javaMajor } from './versions.ts';

type Jdk = { readonly home: string; readonly major: number };

/** The home folder of a JDK 17. `chosen` is the setting; when empty, the usual places are searched. */
export function findJavaHome(chosen: string, environment: Environment): string {
  if (chosen !== '') {
    const jdk = inspect(chosen);
    if (jdk?.major === javaMajor) return jdk.home;
    throw missingJava(
      jdk === null
        ? `TURNSTREAM_LOCAL_JAVA_HOME names ${chosen}, and there is no JDK.`
        : `TURNSTREAM_LOCAL_JAVA_HOME names ${chosen}, which is Java ${jdk.major}.`,
    );
  }
  const found = candidates(environment)
    .map(inspect)
    .filter((jdk) => jdk !== null);
  const fitting = found.find((jdk) => jdk.major === javaMajor);
  if (fitting !== undefined) return fitting.home;
  const others = [...new Set(found.map((jdk) => `Java ${jdk.major} in ${jdk.home}`))];
  throw missingJava(
    others.length === 0
      ? 'No JDK was found in JAVA_HOME, PATH or the usual folders.'
      : `No JDK ${javaMajor} was found, only ${others.join(' and ')}.`,
  );
}

function missingJava(what: string): TurnstreamError {
  return new TurnstreamError(
    'PREFLIGHT',
    `${what} The stack needs a JDK ${javaMajor} (Cassandra runs on no other). Install one ` +
      `(Debian, Ubuntu: apt-get install openjdk-${javaMajor}-jdk-headless; macOS: brew install openjdk@${javaMajor}), ` +
      `or set TURNSTREAM_LOCAL_JAVA_HOME to its folder.`,
  );
}

function candidates(environment: Environment): readonly string[] {
  const onPath = (environment['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'java'))
    .filter((file) => existsSync(file))
    .map((file) => dirname(dirname(realpathSync(file))));
  const homebrew = ['/opt/homebrew/opt', '/usr/local/opt'].map((folder) =>
    join(folder, `openjdk@${javaMajor}`, 'libexec/openjdk.jdk/Contents/Home'),
  );
  return [
    ...(environment['JAVA_HOME'] ? [environment['JAVA_HOME']] : []),
    ...onPath,
    ...inFolder('/usr/lib/jvm', ''),
    ...inFolder('/opt/java', ''),
    ...inFolder('/Library/Java/JavaVirtualMachines', 'Contents/Home'),
    ...inFolder(join(homedir(), '.sdkman/candidates/java'), ''),
    ...homebrew,
  ];
}

function inFolder(folder: string, below: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name, below));
}

/** Reads the version that a JDK states in its `release` file; asks the program where there is none. */
function inspect(home: string): Jdk | null {
  if (!existsSync(join(home, 'bin', 'java'))) return null;
  const release = join(home, 'release');
  const text = existsSync(release) ? readFileSync(release, 'utf8') : askedVersion(home);
  const major = /JAVA_VERSION="?(?:1\.)?(\d+)/.exec(text)?.[1];
  return major === undefined ? null : { home, major: Number(major) };
}

function askedVersion(home: string): string {
  try {
    const settings = execFileSync(
      join(home, 'bin', 'java'),
      ['-XshowSettings:properties', '-version'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    return `JAVA_VERSION=${/java\.version = (\S+)/.exec(settings)?.[1] ?? ''}`;
  } catch {
    return '';
  }
}
