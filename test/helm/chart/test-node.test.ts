/** The values of `make test-kubernetes` give objects that Kubernetes takes, with those images alone that it makes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { kubernetesVersions } from '../../../local/helm-tools.ts';
import { volumes } from '../../kubernetes/node-files.ts';
import { readText, rootDir } from '../../support/sources.ts';
import { missingSchemas, problemsOf } from '../support/kubernetes-schemas.ts';
import { containersOf, podsOf } from '../support/pods.ts';
import { type Fields, isMissing, render } from '../support/render.ts';

const values = parse(readText('test/kubernetes/values.yaml'), { merge: true }) as Fields;
const images = readText('test/kubernetes/images.ts');

describe.skipIf(isMissing)('the chart on the node of the test', () => {
  test('has the images that are made for it, and pulls none', async () => {
    const containers = podsOf(await render({ values })).flatMap(containersOf);
    const names = new Set(containers.map(({ image }) => image));
    expect(names.size).toBe(6);
    for (const name of names) {
      const [, short] = /^localhost\/turnstream-test\/(\w+):test$/.exec(name) ?? [];
      expect(images).toMatch(new RegExp(`(server|nameOf)\\('${short}'`));
    }
    for (const each of containers) expect(each).toMatchObject({ imagePullPolicy: 'Never' });
  });

  test('starts programs that are in them', async () => {
    const commands = podsOf(await render({ values }))
      .flatMap(containersOf)
      .flatMap(({ command }) => command?.[0] ?? []);
    expect(commands.length).toBe(4);
    for (const command of commands) {
      const path = join(rootDir, 'test/kubernetes/programs', command.split('/').at(-1) ?? '');
      expect(existsSync(path), command).toBe(true);
    }
  });

  test.each([
    ['start-cassandra', 'cassandra.yaml'],
    ['start-connect', 'log4j2.properties'],
    ['start-cassandra', 'logback.xml'],
  ])('%s leaves no gap in %s', (program, config) => {
    const script = readText(`test/kubernetes/programs/${program}`);
    const gaps = [...readText(`local/config/${config}`).matchAll(/\$\{(\w+)\}/g)];
    for (const [gap] of gaps) expect(script).toMatch(new RegExp(`s\\|\\\\?\\${gap}\\|`));
  });

  test('gives each program the variables that it asks for', async () => {
    const pods = podsOf(await render({ values }));
    const asked: readonly (readonly [string, readonly string[]])[] = [
      ['connect', ['HEAP_OPTS', 'BOOTSTRAP_SERVERS', 'REST_HOST_NAME', 'ADVERTISED_HOST_NAME']],
      ['kafka', ['KAFKA_HEAP_OPTS', 'CLUSTER_ID', 'KAFKA_NODE_ID']],
      ['registry', ['JAVA_OPTS_APPEND']],
      ['scylla', ['POD_IP']],
      ['postgres', ['PGDATA', 'POSTGRES_USER', 'POSTGRES_PASSWORD', 'POSTGRES_DB']],
    ];
    for (const [component, names] of asked) {
      const pod = pods.find(({ labels }) => labels['app.kubernetes.io/component'] === component);
      const given = pod?.spec.containers[0]?.env?.map(({ name }) => name);
      expect(given, component).toEqual(expect.arrayContaining([...names]));
    }
  });

  test('has a volume of the node for each claim', async () => {
    const claims = (await render({ values })).filter(({ spec }) => spec?.['volumeClaimTemplates']);
    expect(claims.length).toBe(3);
    expect(volumes.length).toBeGreaterThanOrEqual(claims.length);
  });

  test.skipIf(missingSchemas !== null).each(kubernetesVersions)(
    'is taken by Kubernetes %s',
    async (version) => {
      const problems = (await render({ values })).flatMap((object) => problemsOf(version, object));
      expect(problems).toEqual([]);
    },
  );
});
