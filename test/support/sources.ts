/** The project's own sources as text, with what each imports: for tests of the sources themselves. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Import = {
  /** A path from the root of the repository, or the name of a package (`node:fs`, `kafkajs`). */
  readonly target: string;
  readonly typeOnly: boolean;
};

export type Source = {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
};

export const rootDir = fileURLToPath(new URL('../..', import.meta.url));

/** Files of the folders with one of the endings, read anew. */
export function filesIn(folders: readonly string[], endings: readonly string[]): readonly string[] {
  return folders.flatMap((folder) =>
    readdirSync(posix.join(rootDir, folder), { recursive: true, encoding: 'utf8' })
      .map((path) => posix.join(folder, path.replaceAll('\\', '/')))
      .filter((path) => endings.some((ending) => path.endsWith(ending))),
  );
}

export function readText(path: string): string {
  return readFileSync(posix.join(rootDir, path), 'utf8');
}

export function sourcesIn(folders: readonly string[]): readonly Source[] {
  return filesIn(folders, ['.ts']).map((path) => {
    const text = readText(path);
    return { path, text, imports: importsOf(path, text) };
  });
}

/** Biome keeps every import and re-export at the beginning of a line, and its quotes single. */
const staticImport = /^(?:import|export)\s+(type\s)?(?:[^;']*?\sfrom\s+)?'([^']+)'/gm;
const dynamicImport = /\bimport\('([^']+)'\)/g;

function importsOf(path: string, text: string): readonly Import[] {
  const found = [...text.matchAll(staticImport)].map(([, type, target = '']) => {
    return { target: resolve(path, target), typeOnly: type !== undefined };
  });
  const dynamic = [...text.matchAll(dynamicImport)].map(([, target = '']) => {
    return { target: resolve(path, target), typeOnly: false };
  });
  return [...found, ...dynamic];
}

function resolve(path: string, target: string): string {
  return target.startsWith('.') ? posix.join(posix.dirname(path), target) : target;
}
