import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { completeNativeDir } from './postgres-files.ts';
import { readSettings, type Settings } from './settings.ts';

let dir: string;
let settings: Settings;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'turnstream-local-'));
  settings = { ...readSettings({}), downloadDir: join(dir, 'downloads') };
  mkdirSync(join(dir, 'package/native/lib'), { recursive: true });
  writeFileSync(join(dir, 'package/native/lib/libpq.so.5.16'), 'library');
  writeFileSync(
    join(dir, 'package/native/pg-symlinks.json'),
    JSON.stringify([
      { source: 'native/lib/libpq.so.5.16', target: 'native/lib/libpq.so' },
      { source: 'native/lib/libpq.so.5.16', target: 'native/lib/libpq.so.5' },
    ]),
  );
});

afterEach(() => {
  chmodSync(join(dir, 'package/native/lib'), 0o755);
  rmSync(dir, { recursive: true, force: true });
});

describe('the libraries of the Postgres package', () => {
  test('links that its install script has not made are made, and made once', () => {
    const native = join(dir, 'package/native');
    expect(completeNativeDir(native, settings)).toBe(native);
    expect(completeNativeDir(native, settings)).toBe(native);
    for (const name of ['libpq.so', 'libpq.so.5']) {
      expect(lstatSync(join(native, 'lib', name)).isSymbolicLink()).toBe(true);
      expect(readFileSync(join(native, 'lib', name), 'utf8')).toBe('library');
    }
  });

  test.skipIf(process.getuid?.() === 0)('a package that is not ours to write is copied', () => {
    const native = join(dir, 'package/native');
    chmodSync(join(native, 'lib'), 0o555);
    const copy = completeNativeDir(native, settings);
    expect(copy).toBe(join(settings.downloadDir, 'postgres/native'));
    expect(readFileSync(join(copy, 'lib/libpq.so.5'), 'utf8')).toBe('library');
  });
});
