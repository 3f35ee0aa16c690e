import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findJavaHome } from './java.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'turnstream-local-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function jdk(name: string, version: string): string {
  const home = join(dir, name);
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'bin', 'java'), '');
  writeFileSync(join(home, 'release'), `IMPLEMENTOR="x"\nJAVA_VERSION="${version}"\n`);
  return home;
}

describe('finding the JDK', () => {
  test('a JDK 17 in PATH is found behind a newer one in JAVA_HOME', () => {
    const newer = jdk('newer', '25.0.1');
    const fitting = jdk('fitting', '17.0.15');
    expect(findJavaHome('', { JAVA_HOME: newer, PATH: `/none:${join(fitting, 'bin')}` })).toBe(
      fitting,
    );
  });

  test('the chosen one is taken without a search, and refused if it is another version', () => {
    const fitting = jdk('fitting', '17.0.15');
    expect(findJavaHome(fitting, {})).toBe(fitting);
    expect(() => findJavaHome(jdk('newer', '21.0.2'), { JAVA_HOME: fitting })).toThrow(
      /which is Java 21.*needs a JDK 17.*TURNSTREAM_LOCAL_JAVA_HOME/,
    );
  });

  test('a folder without a JDK is told as that', () => {
    expect(() => findJavaHome(join(dir, 'none'), {})).toThrow('there is no JDK');
  });
});
