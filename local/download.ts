/**
 * Brings the servers' jars from Maven into the download folder, once: a folder's name carries the
 * version and a digest of its pom, and it gets that name only when it is complete, so an interrupted
 * download is never taken for a good one. Maven's own cache and settings (mirrors, proxies) are used.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TurnstreamError } from '../processor/error.ts';
import { withLock } from './lock.ts';
import { lastLines } from './process.ts';
import { repositoryDir, type Settings } from './settings.ts';
import { versions } from './versions.ts';

export type PartName = keyof typeof versions;

export type DownloadContext = {
  readonly settings: Settings;
  readonly javaHome: string;
  readonly say: (line: string) => void;
};

const partTitles: Readonly<Record<PartName, string>> = {
  kafka: 'Kafka and Connect',
  debezium: 'Debezium',
  converter: 'Avro converter',
  registry: 'schema registry',
  cassandra: 'Cassandra',
};

const lockMsMax = 900_000;
const sayEveryMs = 5_000;

/** The folder where the part is or will be. */
export function partDir(settings: Settings, part: PartName): string {
  const digest = createHash('sha256')
    .update(readFileSync(pomFile(part)))
    .digest('hex')
    .slice(0, 8);
  return join(settings.downloadDir, `${part}-${versions[part]}-${digest}`);
}

/** Connect's plugin.path names folders of plugins: a plugin's jars are one folder deeper. */
function partIsPlugin(part: PartName): boolean {
  return part === 'debezium' || part === 'converter';
}

function pomFile(part: PartName): string {
  return join(repositoryDir, 'local', 'maven', `${part}.xml`);
}

export function isDownloaded(settings: Settings, part: PartName): boolean {
  return existsSync(partDir(settings, part));
}

const downloads = new Map<string, Promise<string>>();
let lastDownload: Promise<unknown> = Promise.resolve();

/**
 * Returns the part's folder, downloading it first if it is not there. Parts are downloaded one after
 * the other, in the order in which they were asked for.
 */
export function downloadPart(part: PartName, context: DownloadContext): Promise<string> {
  const target = partDir(context.settings, part);
  if (existsSync(target)) return Promise.resolve(target);
  const known = downloads.get(target);
  if (known !== undefined) return known;
  const download = lastDownload.then(() => downloadLocked(part, target, context));
  downloads.set(target, download);
  lastDownload = download.catch(() => undefined).finally(() => downloads.delete(target));
  return download;
}

function downloadLocked(part: PartName, target: string, context: DownloadContext): Promise<string> {
  const { settings, say } = context;
  return withLock(join(settings.downloadDir, 'lock'), lockMsMax, async () => {
    if (existsSync(target)) return target;
    const started = Date.now();
    const title = `${partTitles[part]} ${versions[part]}`;
    say(`downloading ${title} with Maven …`);
    const partial = `${target}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    const out = partIsPlugin(part) ? join(partial, part) : partial;
    await runMaven(part, out, context);
    await finishPart(part, out, context);
    renameSync(partial, target);
    say(`downloaded ${title} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    return target;
  });
}

async function runMaven(part: PartName, out: string, context: DownloadContext): Promise<void> {
  const logFile = join(context.settings.dir, 'logs', `download-${part}.log`);
  mkdirSync(join(context.settings.dir, 'logs'), { recursive: true });
  const args = [
    '-B',
    '-f',
    pomFile(part),
    `-Dversion=${versions[part]}`,
    `-Dout=${out}`,
    'package',
  ];
  const code = await run('mvn', args, context, logFile);
  if (code !== 0) {
    throw new TurnstreamError(
      'PREFLIGHT',
      `Maven could not download ${partTitles[part]} ${versions[part]} (exit ${code}). Its last lines:\n` +
        lastLines(logFile, 12)
          .map((line) => `    ${line}`)
          .join('\n') +
        `\n  The whole log: ${logFile}. If the network was the cause, run \`make up\` again.`,
    );
  }
}

/** Runs a command with its output in a log file, and says how much Maven has fetched so far. */
function run(
  file: string,
  args: readonly string[],
  context: DownloadContext,
  logFile: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const log = createWriteStream(logFile, { flags: 'a' });
    const child = spawn(file, args, {
      env: { ...process.env, JAVA_HOME: context.javaHome },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let files = 0;
    let kilobytes = 0;
    let saidAt = Date.now();
    child.stderr.pipe(log, { end: false });
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(`${line}\n`);
      const size = /Downloaded .*\(([\d.]+) (k|M)?B/.exec(line);
      if (size === null) return;
      files += 1;
      kilobytes += Number(size[1]) * (size[2] === 'M' ? 1000 : size[2] === 'k' ? 1 : 0.001);
      if (Date.now() - saidAt < sayEveryMs) return;
      saidAt = Date.now();
      context.say(`… ${Math.round(kilobytes / 1000)} MB in ${files} files so far`);
    });
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? missingProgram(file) : error),
    );
    child.on('close', (code) => log.end(() => resolve(code ?? 1)));
  });
}

function missingProgram(file: string): Error {
  return new TurnstreamError('PREFLIGHT', `The command ${file} was not found: install it.`);
}

/** What a part needs besides its files. */
async function finishPart(part: PartName, dir: string, context: DownloadContext): Promise<void> {
  const logFile = join(context.settings.dir, 'logs', `download-${part}.log`);
  if (part === 'registry') {
    const archive = join(dir, 'registry.tar.gz');
    await expectZero(
      await run('tar', ['xzf', archive, '-C', dir], context, logFile),
      'tar',
      logFile,
    );
    rmSync(archive);
  }
  if (part === 'converter') {
    // Connect finds plugins by these entries, and the converter's jar has none.
    const services = join(dir, 'META-INF', 'services');
    mkdirSync(services, { recursive: true });
    writeFileSync(
      join(services, 'org.apache.kafka.connect.storage.Converter'),
      'io.apicurio.registry.utils.converter.AvroConverter\n',
    );
    const jar = join(context.javaHome, 'bin', 'jar');
    const args = ['cf', join(dir, 'converter-services.jar'), '-C', dir, 'META-INF'];
    await expectZero(await run(jar, args, context, logFile), 'jar', logFile);
    rmSync(join(dir, 'META-INF'), { recursive: true });
  }
}

async function expectZero(code: number, program: string, logFile: string): Promise<void> {
  if (code === 0) return;
  throw new TurnstreamError(
    'PREFLIGHT',
    `${program} failed with exit ${code}:\n${lastLines(logFile, 5).join('\n')}`,
  );
}
