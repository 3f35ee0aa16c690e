/**
 * The image has the files that the program needs and none that it does not: the parts of the repository that
 * docker/Dockerfile copies, less .dockerignore, run as they are in a folder of their own.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, matchesGlob, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesIn, readText, rootDir } from '../support/sources.ts';

const dockerfile = readText('docker/Dockerfile');
const rules = readText('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

/** As Docker reads it: the last rule that matches a path, or a folder above it, decides. */
function isIgnored(path: string): boolean {
  let ignored = false;
  for (const rule of rules) {
    const pattern = rule.replace(/^!/, '');
    const parents = path.split('/').map((_, at, parts) => parts.slice(0, at + 1).join('/'));
    if (parents.some((parent) => matchesGlob(parent, pattern))) ignored = !rule.startsWith('!');
  }
  return ignored;
}

/** The last stage's COPY instructions from the repository. */
const copied = (dockerfile.split(/^FROM /m).at(-1) ?? '')
  .split('\n')
  .flatMap((line) => /^COPY (?!--from)(?:--\S+ )?(\S+) \S+$/.exec(line)?.[1] ?? []);

let app = '';

beforeAll(() => {
  app = mkdtempSync(join(tmpdir(), 'turnstream-image-'));
  for (const source of copied) {
    cpSync(join(rootDir, source), join(app, source), {
      recursive: true,
      filter: (from) => !isIgnored(relative(rootDir, from)),
    });
  }
  symlinkSync(join(rootDir, 'node_modules'), join(app, 'node_modules'));
});

afterAll(() => rmSync(app, { recursive: true }));

async function turnstream(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [join(app, 'bin', 'turnstream.mjs'), ...args],
    { env: { PATH: process.env['PATH'] } },
  ).catch((failure: { stdout: string; stderr: string }) => failure);
  return stdout + stderr;
}

describe('the image', () => {
  test('has the sources, and neither tests nor fixtures', () => {
    const files = filesIn(
      copied.filter((source) => !source.endsWith('.json')),
      ['.ts', '.mjs', '.json', '.sql', '.avsc'],
    );
    const kept = files.filter((path) => existsSync(join(app, path)));
    expect(kept).toContain('processor/main.ts');
    expect(kept).toContain('connectors/postgres.json');
    expect(kept).toContain('processor/event/events.avsc');
    expect(
      kept.filter((path) => /\.(test|contract|types|arbitrary)\.ts$|-fixture\.ts$/.test(path)),
    ).toEqual([]);
    expect(existsSync(join(app, 'test'))).toBe(false);
  });

  test('has what every command loads', async () => {
    // Each fails on its arguments or its servers, and not on a file that is missing.
    const none = '127.0.0.1:1';
    for (const [said, ...args] of [
      ['CREATE TABLE', 'schema', 'print'],
      [
        'does not answer|refuses|ECONNREFUSED|127.0.0.1',
        'connect',
        '--check',
        '--connect-url',
        `http://${none}`,
      ],
      ['TURNSTREAM_LOG_LEVEL', 'config'],
      ["can't be waited for", 'wait', 'nothing'],
    ] as const) {
      const output = await turnstream(...args);
      expect(output).toMatch(new RegExp(said));
      expect(output).not.toMatch(/ERR_MODULE_NOT_FOUND|Cannot find|ENOENT/);
    }
  });

  test('imports no file that is left out', () => {
    const sources = filesIn(['processor', 'projections', 'connectors'], ['.ts']).filter(
      (path) => !isIgnored(path),
    );
    const missing = sources.flatMap((path) =>
      [...readText(path).matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)]
        .map(([, target = '']) => relative(rootDir, join(rootDir, path, '..', target)))
        .filter((target) => target !== 'package.json' && isIgnored(target))
        .map((target) => `${path} imports ${target}`),
    );
    expect(sources.length).toBeGreaterThan(200);
    expect(missing).toEqual([]);
  });

  test('runs as somebody who is not root, told by number', () => {
    expect(dockerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  });
});
