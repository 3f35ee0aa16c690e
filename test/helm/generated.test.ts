/** The chart follows the registry and the settings; no helm is needed to see it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { chartDir, generatedFiles, withProjections } from '../../local/helm-chart.ts';
import { documentedValues } from '../../local/helm-documented.ts';
import { valuesSchema } from '../../local/helm-schema.ts';
import { allSettings } from '../../processor/config.ts';
import { projections } from '../../projections/index.ts';
import { readText, rootDir } from '../support/sources.ts';

const read = (path: string) => (existsSync(join(rootDir, path)) ? readText(path) : '');
const values = read(`${chartDir}/values.yaml`);
const [first] = projections;

test.each([...generatedFiles(read)])(
  '%s is up to date: else run npm run helm:generate',
  (path, text) => {
    // Compared as a fact: a difference of a thousand lines would say less than the sentence above.
    expect(read(path) === text).toBe(true);
  },
);

describe('a new projection', () => {
  const added = [
    ...projections,
    { ...first!, name: 'sessions_by_week', about: 'A session, under its week.' },
  ];

  test('appears in the values, the schema and the README by itself', () => {
    const files = generatedFiles(read, added);
    const own = parse(files.get(`${chartDir}/values.yaml`) ?? '', { merge: true });
    expect(own.projections.sessions_by_week).toEqual({ enabled: true });
    expect(Object.keys(own.projections)).toEqual(['grouped', ...added.map(({ name }) => name)]);
    expect(files.get(`${chartDir}/README.md`)).toContain('| `projections.sessions_by_week` |');
    const schema = JSON.parse(files.get(`${chartDir}/values.schema.json`) ?? '');
    expect(Object.keys(schema.properties.projections.properties)).toContain('sessions_by_week');
  });

  test('one that is gone disappears', () => {
    expect(withProjections(values, projections.slice(1))).not.toContain(`  ${first?.name}:`);
  });

  test('none may be called as the switch beside them is', () => {
    expect(projections.map(({ name }) => name)).not.toContain('grouped');
  });
});

describe('values.yaml', () => {
  test('a value without a sentence is refused, with its name', () => {
    expect(() => documentedValues('# -- One.\na: 1\nb:\n  c: 2\n')).toThrow(
      /no sentence in values.yaml: b\.c\./,
    );
  });

  test('a sentence goes on over lines, and what @schema says is no part of it', () => {
    const [a] = documentedValues(
      '# A heading.\n\n# -- One\n# and more.\n# @schema {"minimum": 1}\na: 1\n',
    );
    expect(a).toEqual({
      path: ['a'],
      value: 1,
      type: 'integer',
      about: 'One and more.',
      schema: { minimum: 1 },
    });
  });

  test('says only what the settings table has', () => {
    const known = allSettings().map(({ setting }) => setting.env);
    const named = [...values.matchAll(/TURNSTREAM_[A-Z_]*[A-Z]/g)].map(([name]) => name);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('the schema', () => {
  const schema = valuesSchema(documentedValues(values), ['one']) as {
    definitions: {
      settings: { properties: Record<string, object>; additionalProperties: boolean };
    };
  };
  const { settings } = schema.definitions;

  test('knows every setting but the secrets, and nothing else', () => {
    const plain = allSettings().filter(({ setting }) => setting.secret !== true);
    expect(Object.keys(settings.properties)).toEqual(plain.map(({ setting }) => setting.env));
    expect(settings.additionalProperties).toBe(false);
  });

  test('knows their bounds', () => {
    expect(settings.properties['TURNSTREAM_KAFKA_REPLICATION_FACTOR']).toMatchObject({
      minimum: 1,
      maximum: 9,
    });
    expect(settings.properties['TURNSTREAM_CQL_DIALECT']).toMatchObject({
      enum: ['cassandra', 'scylladb'],
    });
  });
});

test('the chart is of the version that package.json has', () => {
  const chart = parse(read(`${chartDir}/Chart.yaml`)) as { appVersion: string };
  expect(chart.appVersion).toBe((JSON.parse(read('package.json')) as { version: string }).version);
});

test('what the servers run is what the Compose file runs', () => {
  const chart = parse(values, { merge: true });
  const { services } = parse(read('local/compose.yaml'));
  for (const name of ['scylla', 'kafka', 'connect', 'registry', 'postgres']) {
    const { registry, repository, tag } = chart[name].image;
    expect(`${registry}/${repository}:${tag}`).toBe(services[name].image);
  }
});
