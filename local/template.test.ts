import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repositoryDir } from './settings.ts';
import { renderTemplate } from './template.ts';

function place(name: string): string {
  return `\${${name}}`;
}

describe('templates of configuration files', () => {
  test('every place is filled, more than once if it is there more than once', () => {
    expect(
      renderTemplate('a', `x=${place('port')}\ny=${place('port')}:${place('host')}`, {
        port: 1,
        host: 'h',
      }),
    ).toBe('x=1\ny=1:h');
  });

  test('a comment keeps its text', () => {
    expect(renderTemplate('a', `# ${place('port')}\nx=${place('port')}`, { port: 1 })).toBe(
      `# ${place('port')}\nx=1`,
    );
  });

  test('a value is never read as a template itself', () => {
    expect(renderTemplate('a', `x=${place('port')}`, { port: `$& ${place('host')}` })).toBe(
      `x=$& ${place('host')}`,
    );
  });

  test('a place without a value is refused by name', () => {
    expect(() => renderTemplate('a.yaml', `x=${place('port')}`, {})).toThrow(
      `a.yaml asks for ${place('port')}`,
    );
  });

  test('a value without a place is refused by name', () => {
    expect(() => renderTemplate('a.yaml', 'x=1', { port: 1 })).toThrow(
      `a.yaml has no place for ${place('port')}`,
    );
  });

  test('the worker’s configuration allows records of 32 MiB', () => {
    const text = readFileSync(join(repositoryDir, 'connectors/connect-worker.properties'), 'utf8');
    expect(text).toContain(`producer.max.request.size=${32 * 1024 * 1024}\n`);
  });
});
