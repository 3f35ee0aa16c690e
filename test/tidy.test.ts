/**
 * The rules that hold the sources together and that the linter has no words for: imports follow the
 * data (docs/architecture.md), drivers stay in their folders, the core does no I/O, files stay small.
 */
import { expect, test } from 'vitest';
import { type Import, type Source, sourcesIn } from './support/sources.ts';

const folders = ['processor', 'projections', 'connectors', 'generator', 'local', 'monitoring'];
const everything = sourcesIn([...folders, 'test', 'benchmarks']);
const isForTests = ({ path }: Source) =>
  path.startsWith('test/') ||
  path.startsWith('benchmarks/') ||
  /\.(test|contract|arbitrary|types)\.ts$|-fixture\.ts$/.test(path);
const product = everything.filter((source) => !isForTests(source));

/** What everybody may import. */
const common = [
  'processor/error.ts',
  'processor/grouped-by.ts',
  'processor/logger.ts',
  'processor/log-level.ts',
];

/**
 * Folder → what it may import beside itself, packages and `common`. After `type `: for its types
 * alone. source → conversation → event → projection → engine → cql; the sequencer stands between
 * the engine, whose clock, budget and retries it shares, and cql, which has its store.
 * conversation/ and event/ know each other's types: an event consists of facts, the fold makes events.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'processor/source/': [],
  'processor/conversation/': ['processor/source/', 'type processor/event/event.ts'],
  'processor/event/': ['processor/source/', 'type processor/conversation/fact.ts'],
  'processor/projection/': [
    'processor/source/',
    'processor/conversation/fact.ts',
    'processor/conversation/step-type.ts',
    'type processor/event/event.ts',
  ],
  'processor/kafka/': [],
  'processor/engine/': [
    'processor/source/',
    'processor/event/',
    'processor/projection/',
    'processor/kafka/',
    'type processor/metrics/metrics.ts',
  ],
  'processor/replay/': [
    'processor/source/',
    'processor/event/',
    'processor/projection/',
    'processor/kafka/',
    'processor/engine/',
    'type processor/conversation/fact.ts',
  ],
  'processor/verify/': [
    'processor/source/',
    'processor/event/',
    'processor/projection/',
    'processor/kafka/',
    'processor/engine/',
    'processor/postgres.ts',
    'type processor/config.ts',
    // Facts from final rows, which share no code with the fold.
    'processor/conversation/final-facts.ts',
    'connectors/source-tables.ts',
  ],
  'processor/sequencer/': [
    'processor/source/',
    'processor/conversation/',
    'processor/event/',
    'processor/kafka/',
    'processor/engine/',
  ],
  'processor/cql/': [
    'processor/source/',
    'processor/projection/',
    'type processor/engine/',
    // What a generation is called, and its refusals.
    'processor/engine/generations.ts',
    'processor/conversation/limits.ts',
    'processor/sequencer/state-key.ts',
    'type processor/sequencer/state-store.ts',
    'type processor/verify/ports.ts',
  ],
  'processor/metrics/': [
    'processor/source/',
    'processor/event/event.ts',
    'processor/config/',
    'processor/config.ts',
    'processor/postgres.ts',
    'type processor/engine/clock.ts',
    'type processor/verify/report.ts',
  ],
  // Defaults stand where they are used; settings give them a name and a sentence.
  'processor/config/': ['processor/conversation/limits.ts'],
  'processor/config.ts': ['processor/config/', 'processor/conversation/limits.ts'],
  'processor/postgres.ts': ['type processor/config.ts'],
  'processor/logger.ts': [],
  'processor/log-level.ts': [],
  'processor/error.ts': [],
  'processor/grouped-by.ts': [],
  'processor/main.ts': ['processor/commands/'],
  'processor/commands/': ['processor/', 'projections/index.ts', 'connectors/', 'package.json'],
  'projections/': [
    'processor/projection/',
    'processor/conversation/fact.ts',
    'processor/conversation/step-type.ts',
  ],
  'connectors/': [
    'processor/source/',
    'type processor/kafka/log.ts',
    // The watch over the connector has the clock and the pauses of everything that tries again.
    'type processor/engine/clock.ts',
    'processor/engine/retry.ts',
    'processor/engine/any-signal.ts',
  ],
  // Descriptions of dashboards: data.
  'monitoring/': [],
};

const within = (target: string, scope: string) =>
  scope.endsWith('/') ? target.startsWith(scope) : target === scope;

/** Packages have no folder of ours. */
const isOurs = ({ target }: Import) =>
  target === 'package.json' || folders.some((folder) => target.startsWith(`${folder}/`));

function isAllowed({ target, typeOnly }: Import, allowed: readonly string[]): boolean {
  return allowed.some((scope) =>
    scope.startsWith('type ') ? typeOnly && within(target, scope.slice(5)) : within(target, scope),
  );
}

const line = (source: Source, { target }: Import) => `${source.path} imports ${target}`;

test('imports follow the data', () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const source of product) {
    if (source.path.startsWith('local/') || source.path.startsWith('generator/')) continue;
    const home = Object.keys(mayImport).find((scope) => within(source.path, scope));
    if (home === undefined) {
      wrong.push(`${source.path} has no place in the order of imports`);
      continue;
    }
    const allowed = [home, ...common, ...(mayImport[home] ?? [])];
    for (const each of source.imports.filter(isOurs)) {
      seen += 1;
      if (!isAllowed(each, allowed)) wrong.push(line(source, each));
    }
  }
  expect(seen).toBeGreaterThan(300);
  expect(wrong).toEqual([]);
});

test('only main.ts and the commands themselves import a command', () => {
  const importers = product.filter(
    ({ path, imports }) =>
      !path.startsWith('processor/commands/') &&
      imports.some(({ target }) => target.startsWith('processor/commands/')),
  );
  expect(importers.map(({ path }) => path)).toEqual(['processor/main.ts']);
});

test.each([
  ['kafkajs', 'processor/kafka/'],
  ['cassandra-driver', 'processor/cql/'],
])('%s is imported by %s alone', (name, folder) => {
  const importers = product.filter(({ imports }) => imports.some(({ target }) => target === name));
  expect(importers.length).toBeGreaterThan(0);
  expect(importers.filter(({ path }) => !path.startsWith(folder))).toEqual([]);
});

test('the fold and the read models import no package: they are pure', () => {
  const pure = product.filter(({ path }) => /^(processor\/conversation|projections)\//.test(path));
  const wrong = pure.flatMap((source) =>
    source.imports.filter((each) => !isOurs(each)).map((each) => line(source, each)),
  );
  expect(pure.length).toBeGreaterThan(20);
  expect(wrong).toEqual([]);
});

test('nobody but main.ts reads argv and env, or exits', () => {
  const readers = product
    .filter(({ path }) => /^(processor|projections|connectors)\//.test(path))
    .filter(({ text }) => /\bprocess\.(argv|env|exit)\b/.test(text));
  expect(readers.map(({ path }) => path)).toEqual(['processor/main.ts']);
});

test('the core takes time and randomness from outside', () => {
  const core =
    /^(projections|processor\/(source|conversation|event|projection|engine|sequencer))\//;
  const wrong = product
    .filter(({ path }) => core.test(path))
    .filter(({ text }) => /\b(Date\.now|performance\.now|Math\.random|setTimeout)\(/.test(text));
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test('a module opens with what it is', () => {
  const silent = product.filter(({ text }) => !text.startsWith('/**'));
  expect(silent.map(({ path }) => path)).toEqual([]);
});

test('no file has more than 400 lines, and the median of the product is at most 120', () => {
  const lines = ({ text }: Source) => text.split('\n').length - 1;
  const long = everything.filter((source) => lines(source) > 400).map(({ path }) => path);
  expect(long).toEqual([]);
  const sizes = product.map(lines).sort((one, other) => one - other);
  expect(sizes[Math.floor(sizes.length / 2)]).toBeLessThanOrEqual(120);
});
