/**
 * Plants a bug: copies the sources into a folder of its own, patches them there, and lets the
 * simulation of that copy look for it. A patch whose text is not in the source exactly once is an
 * error: the code has changed, and the bug must be planted anew.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootDir } from '../../support/sources.ts';

export type Patch = {
  /** From the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
};

export type Bug = {
  readonly name: string;
  /** What goes wrong, in the words of the protocol. */
  readonly about: string;
  readonly patches: readonly Patch[];
};

export type Hunt = {
  /** 1 when a history failed, 0 when all held. */
  readonly exitCode: number;
  readonly output: string;
};

const copied = ['processor', 'projections', 'test', 'package.json', 'tsconfig.json'];

/** The text with the patch applied; throws when it does not fit. */
export function patched(text: string, { file, from, to }: Patch): string {
  const parts = text.split(from);
  if (parts.length === 2) return parts.join(to);
  throw new Error(
    `A patch of ${file} fits ${parts.length - 1} times instead of once; the code has changed, so plant the bug anew: ${from}`,
  );
}

export async function hunt(bug: Bug, args: readonly string[]): Promise<Hunt> {
  const dir = mkdtempSync(join(tmpdir(), 'turnstream-bug-'));
  try {
    for (const name of copied) cpSync(join(rootDir, name), join(dir, name), { recursive: true });
    symlinkSync(join(rootDir, 'node_modules'), join(dir, 'node_modules'));
    for (const patch of bug.patches) {
      const path = join(dir, patch.file);
      writeFileSync(path, patched(readFileSync(path, 'utf8'), patch));
    }
    return await run(dir, args);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function run(dir: string, args: readonly string[]): Promise<Hunt> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', join('test', 'simulation', 'main.ts'), ...args],
      { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    const hear = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    child.on('close', (code) => resolve({ exitCode: code ?? 1, output }));
  });
}
