/** The documents are true of the code as far as a test can see: their links, paths and examples. */
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { changed, sessionFact } from '../processor/projection/facts.ts';
import { specOf } from '../processor/projection/spec.ts';
import { sessionsByAccount } from './readme-example.ts';
import { filesIn, readText, rootDir, sourcesIn } from './support/sources.ts';

const documents = ['README.md', 'CHANGELOG.md', ...filesIn(['docs'], ['.md'])];
const invariants = readText('docs/invariants.md');
const names = Array.from({ length: 10 }, (_, index) => `I${index + 1}`);

test.each(documents)('%s links to files that are there', (document) => {
  const text = readFileSync(posix.join(rootDir, document), 'utf8');
  const broken = [...text.matchAll(/\]\(([^)#:\s]+)(#[^)]*)?\)/g)]
    .map(([, link = '']) => posix.join(posix.dirname(document), link))
    .filter((path) => !existsSync(posix.join(rootDir, path)));
  expect(broken).toEqual([]);
});

test.each(documents)('%s names files of the repository that are there', (document) => {
  const path =
    /`((?:processor|projections|connectors|generator|local|test|benchmarks|docs)\/[\w./-]*)`/g;
  const missing = [...readText(document).matchAll(path)]
    .map(([, name = '']) => name)
    .filter((name) => !existsSync(posix.join(rootDir, name)));
  expect(missing).toEqual([]);
});

test('every test that docs/invariants.md names is there, word for word', () => {
  const claims = [
    ...invariants.matchAll(
      /^ *- `(test\/[^`]+|[^`]+\.(?:test|contract)\.ts)`(?: \([^)]*\))?: (.+)$/gm,
    ),
  ];
  const missing = claims.flatMap(([, path = '', titles = '']) => {
    const text = readText(path);
    return [...titles.matchAll(/“([^”]+)”/g)]
      .map(([, title = '']) => title)
      .filter((title) => !text.includes(title))
      .map((title) => `${path}: ${title}`);
  });
  expect(claims.length).toBeGreaterThan(20);
  expect(missing).toEqual([]);
});

test.each(names)(
  '%s has its place in docs/invariants.md, with its enforcement, and is cited',
  (name) => {
    const [, section] = invariants.split(new RegExp(`^## ${name}\\b`, 'm'));
    expect(section?.split(/^## /m)[0]).toContain('**Enforcement**');
    const cited = new RegExp(`\\b${name}\\b`);
    const citing = sourcesIn(['processor', 'projections', 'test']).filter(
      ({ path, text }) => path !== 'test/docs.test.ts' && cited.test(text),
    );
    expect(citing).not.toEqual([]);
  },
);

test('the README’s example of a read model is the one that is compiled and tested', () => {
  expect(readText('README.md')).toContain(readText('test/readme-example.ts'));
});

test('a session that moves leaves the list of its former account', () => {
  const session = sessionFact({
    uid: 's1',
    accountUid: 'a1',
    title: 'Trip',
    humanTurns: 2,
    steps: 9,
  });
  specOf(sessionsByAccount)
    .given(session)
    .when(changed(session, { accountUid: 'a2' }), { times: 2 })
    .then({
      accountUid: 'a2',
      sessionUid: 's1',
      title: 'Trip',
      lastActivityAt: session.lastActivityAt,
      humanTurns: 2,
      steps: 9,
    });
});
