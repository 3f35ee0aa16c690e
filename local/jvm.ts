/**
 * The pieces that the four Java servers share: the heap's flags, the classpath of a folder of jars, and
 * a configuration file rendered into the server's folder.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryDir, type Settings } from './settings.ts';
import { renderTemplate, type TemplateValues } from './template.ts';

/** glibc keeps an arena per thread by default: hundreds of MiB that nobody uses. */
export const jvmEnvironment = { MALLOC_ARENA_MAX: '2' } as const;

export function javaFile(javaHome: string): string {
  return join(javaHome, 'bin', 'java');
}

/** A small first heap: what is not needed is not taken from the machine. */
export function heapFlags(heapMib: number): readonly string[] {
  return [
    `-Xms${Math.min(64, heapMib)}m`,
    `-Xmx${heapMib}m`,
    '-XX:+UseSerialGC',
    '-XX:+ExitOnOutOfMemoryError',
    '-Djava.net.preferIPv4Stack=true',
  ];
}

export function jarsOf(dir: string): string {
  return join(dir, '*');
}

/** Renders `source` (below the repository) into the stack's folder and returns the new file's path. */
export function renderConfig(
  settings: Settings,
  source: string,
  target: string,
  values: TemplateValues,
): string {
  const text = readFileSync(join(repositoryDir, source), 'utf8');
  const path = join(settings.dir, 'config', target);
  mkdirSync(join(settings.dir, 'config'), { recursive: true });
  writeFileSync(path, renderTemplate(source, text, values));
  return path;
}

export function configSource(name: string): string {
  return join(repositoryDir, 'local', 'config', name);
}
