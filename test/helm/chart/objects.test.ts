/** What holds for every object, and the small ones: account, passwords, objects of yours. */
import { describe, expect, test } from 'vitest';
import { podsOf } from '../support/pods.ts';
import { isMissing, namesOf, objectOf, render, valuesFiles } from '../support/render.ts';

const isOurs = ({ metadata }: { readonly metadata: { readonly name: string } }) =>
  metadata.name !== 'turnstream-more';

describe.skipIf(isMissing)('every object', () => {
  test.each(valuesFiles)(
    '%s: has the usual labels, and is in the release’s namespace',
    async (file) => {
      const isEverything = file.startsWith('everything');
      const name = isEverything ? 'readmodels' : 'turnstream';
      for (const { kind, metadata } of (await render({ file })).filter(isOurs)) {
        expect(metadata.labels, `${kind} ${metadata.name}`).toMatchObject({
          'app.kubernetes.io/name': name,
          'app.kubernetes.io/instance': 'turnstream',
          'app.kubernetes.io/component': expect.stringMatching(/^[a-z-]+$/),
          'app.kubernetes.io/managed-by': 'Helm',
          'app.kubernetes.io/part-of': name,
          'helm.sh/chart': expect.stringMatching(/^turnstream-\d/),
          ...(isEverything ? { team: 'data' } : {}),
        });
        const isDashboard = metadata.name.includes('-dashboard-');
        expect(metadata.namespace, metadata.name).toBe(
          isEverything && isDashboard ? 'monitoring' : 'apps',
        );
        if (isEverything) expect(metadata.annotations?.['example.com/owner']).toBe('data');
      }
    },
  );

  test.each([
    [{}, 'turnstream', 'turnstream'],
    [{}, 'apps', 'apps-turnstream'],
    [{ nameOverride: 'models' }, 'apps', 'apps-models'],
    [{ fullnameOverride: 'mine' }, 'apps', 'mine'],
  ])('%j: is named after the release %s: %s', async (values, release, full) => {
    const objects = (await render({ values, release })).filter(isOurs);
    const strange = objects.filter(
      ({ metadata: { name } }) => name !== full && !name.startsWith(`${full}-`),
    );
    expect(namesOf(strange)).toEqual([]);
  });
});

describe.skipIf(isMissing)('the account of the pods', () => {
  test('is made, or one of yours, or the default', async () => {
    for (const [serviceAccount, made, used] of [
      [{}, 'turnstream', 'turnstream'],
      [{ name: 'mine', annotations: { a: 'b' } }, 'mine', 'mine'],
      [{ create: false, name: 'yours' }, null, 'yours'],
      [{ create: false }, null, 'default'],
    ] as const) {
      const objects = await render({ values: { serviceAccount } });
      const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount');
      expect(accounts.map(({ metadata }) => metadata.name)).toEqual(made === null ? [] : [made]);
      const names = podsOf(objects).map(({ spec }) => spec.serviceAccountName);
      expect([...new Set(names)]).toEqual([used]);
    }
  });
});

describe.skipIf(isMissing)('passwords', () => {
  const text = (base64 = '') => Buffer.from(base64, 'base64').toString();

  test('that are given stand in one secret, which outlives the bundled Postgres’ release', async () => {
    const objects = await render({
      values: {
        postgres: { auth: { password: 'of Postgres' } },
        scylla: { auth: { user: 'u', password: 'of CQL' } },
      },
    });
    const { data, metadata } = objectOf(objects, 'Secret', 'turnstream-credentials');
    expect(text(data?.['postgres-password'])).toBe('of Postgres');
    expect(text(data?.['cql-password'])).toBe('of CQL');
    expect(metadata.annotations?.['helm.sh/resource-policy']).toBe('keep');
  });

  test('that nobody gives are made for the bundled Postgres alone', async () => {
    const { data } = objectOf(await render(), 'Secret', 'turnstream-credentials');
    expect(Object.keys(data ?? {})).toEqual(['postgres-password']);
    expect(text(data?.['postgres-password'])).toMatch(/^[A-Za-z0-9]{24}$/);
  });

  test('each may be in a secret of yours, under a key of your choice', async () => {
    const auth = (name: string) => ({ existingSecret: name, passwordKey: 'p', userKey: 'u' });
    const objects = await render({
      values: {
        postgres: { auth: auth('pg') },
        kafka: {
          enabled: false,
          external: { brokers: 'a:1' },
          auth: { ...auth('kafka'), mechanism: 'plain' },
        },
        scylla: { auth: auth('cql') },
        capture: {
          grants: { enabled: true, existingSecret: 'owner', userKey: 'u', passwordKey: 'p' },
        },
        test: { user: 'writer', existingSecret: 'writer', passwordKey: 'p' },
      },
    });
    expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const refs = podsOf(objects).flatMap(({ spec }) =>
      [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ env = [] }) =>
        env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []),
      ),
    );
    const asked = new Set(refs.map(({ name, key }) => `${name}/${key}`));
    expect([...asked].toSorted()).toEqual([
      'cql/p',
      'cql/u',
      'kafka/p',
      'kafka/u',
      'owner/p',
      'owner/u',
      'pg/p',
      'pg/u',
      'writer/p',
    ]);
  });
});

test.skipIf(isMissing)(
  'objects of yours come along, as text or YAML, with templates resolved',
  async () => {
    const object = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
    const extraObjects = [
      object('{{ .Release.Name }}-yaml'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Name }}-text"}\n',
    ];
    const names = namesOf(await render({ values: { extraObjects } }));
    expect(names).toContain('ConfigMap turnstream-yaml');
    expect(names).toContain('ConfigMap turnstream-text');
  },
);
