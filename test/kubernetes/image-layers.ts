/**
 * Layers and images as files. A layer is a folder as a tar archive whose bytes follow from the folder alone; several
 * images share layers in one archive, in the form that `docker save` writes and containerd reads.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from './run.ts';

/** An archive of hundreds of megabytes, on a disk that others use too. */
const archiveMsMax = 900_000;

export type Layer = { readonly file: string; readonly digest: string };

export type Image = {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
  readonly folder?: string;
  readonly user?: string;
  /** What asks it to end; without one it is SIGTERM. */
  readonly stopSignal?: string;
};

/** In `dir`: the archive of what `fill` puts into a folder, which is gone afterwards. */
export async function layer(
  dir: string,
  name: string,
  fill: (root: string) => Promise<void> | void,
): Promise<Layer> {
  const root = join(dir, name);
  mkdirSync(root, { recursive: true });
  await fill(root);
  const file = `${name}.tar`;
  const same = ['--numeric-owner', '--owner=0', '--group=0', '--sort=name', '--mtime=@0'];
  await run(['tar', '--create', '--file', join(dir, file), ...same, '-C', root, '.'], {
    limitMs: archiveMsMax,
  });
  rmSync(root, { recursive: true, force: true });
  const digest = createHash('sha256');
  await pipeline(createReadStream(join(dir, file)), digest);
  return { file, digest: `sha256:${digest.digest('hex')}` };
}

/** Writes the archive of all images beside their layers, and answers its path. */
export async function imageArchive(dir: string, images: readonly Image[]): Promise<string> {
  const manifest = images.map((image) => {
    const config = JSON.stringify(configOf(image));
    const file = `${createHash('sha256').update(config).digest('hex')}.json`;
    writeFileSync(join(dir, file), config);
    return {
      Config: file,
      RepoTags: [image.name],
      Layers: image.layers.map((each) => each.file),
    };
  });
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
  const layers = new Set(manifest.flatMap(({ Layers }) => Layers));
  const files = ['manifest.json', ...new Set(manifest.map(({ Config }) => Config)), ...layers];
  const path = join(dir, 'images.tar');
  await run(['tar', '--create', '--file', path, '-C', dir, ...files], { limitMs: archiveMsMax });
  for (const name of layers) rmSync(join(dir, name));
  return path;
}

function configOf({ layers, entrypoint, env, folder, user, stopSignal }: Image): object {
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      Entrypoint: entrypoint,
      Env: env,
      ...(folder === undefined ? {} : { WorkingDir: folder }),
      ...(user === undefined ? {} : { User: user }),
      ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  };
}

/** Links are followed; a link into nowhere, and what is named, is left out. */
export function copyFollowing(from: string, to: string, without: readonly string[] = []): void {
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (path) => existsSync(path) && !without.some((name) => path === join(from, name)),
  });
}

/**
 * Puts the system's libraries that these programs load where the loader looks for them. Those that lie below one of
 * the folders come with it.
 */
export async function copyLibraries(
  root: string,
  programs: readonly string[],
  folders: readonly string[] = [],
): Promise<void> {
  const found = new Set<string>();
  for (const program of programs) {
    // A file that is not linked dynamically has no libraries, and ldd fails on it.
    const said = await run(['ldd', program]).catch(() => '');
    for (const [, path = ''] of said.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)) found.add(path);
  }
  for (const path of found) {
    const real = realpathSync(path);
    if (folders.some((folder) => real.startsWith(`${realpathSync(folder)}/`))) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(real, join(root, path));
  }
}

/** All shared objects in a folder and below, also those that Node loads. */
export function sharedObjects(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(so(\.\d+)*|node)$/.test(name))
    .map((name) => join(folder, name));
}
