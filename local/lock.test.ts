import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withLock } from './lock.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'turnstream-local-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the lock', () => {
  test('lets one in at a time', async () => {
    let inside = 0;
    let insideMax = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      insideMax = Math.max(insideMax, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    await Promise.all([1, 2, 3, 4].map(() => withLock(join(dir, 'lock'), 20_000, work)));
    expect(insideMax).toBe(1);
  });

  test('is free again after its holder failed', async () => {
    const failing = withLock(join(dir, 'lock'), 1_000, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await withLock(join(dir, 'lock'), 1_000, async () => 'in')).toBe('in');
  });

  test('is taken over from a holder that has died', async () => {
    writeFileSync(join(dir, 'lock'), `${process.pid}\nan earlier process\n`);
    expect(await withLock(join(dir, 'lock'), 0, async () => 'in')).toBe('in');
  });

  test('is not waited for longer than the limit, and the error names the holder', async () => {
    await withLock(join(dir, 'lock'), 1_000, async () => {
      const second = withLock(join(dir, 'lock'), 0, async () => 'in');
      await expect(second).rejects.toThrow(`Process ${process.pid} holds`);
    });
  });
});
