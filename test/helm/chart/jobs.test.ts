/** The Jobs and what they are told of the source: names, snapshots, grants; when they run, and what all of them have. */
import { describe, expect, test } from 'vitest';
import { envOf, podsOf } from '../support/pods.ts';
import {
  type Fields,
  isMissing,
  type KubernetesObject,
  objectOf,
  render,
} from '../support/render.ts';

const settingsOf = (objects: readonly KubernetesObject[]) =>
  objectOf(objects, 'ConfigMap', 'turnstream-settings').data ?? {};

describe.skipIf(isMissing)('the source', () => {
  const names = ['Chats', 'questions', 'answers', 'answer_parts'];

  test('has the names and the snapshots that the values say, in every place', async () => {
    const objects = await render({ file: 'everything-values.yaml' });
    const { data: settings } = objectOf(objects, 'ConfigMap', 'turnstream-readmodels-settings');
    expect(settings).toMatchObject({
      TURNSTREAM_POSTGRES_SCHEMA: 'app',
      TURNSTREAM_POSTGRES_SESSIONS_TABLE: 'Chats',
      TURNSTREAM_POSTGRES_HUMAN_TURNS_TABLE: 'questions',
      TURNSTREAM_POSTGRES_AGENT_TURNS_TABLE: 'answers',
      TURNSTREAM_POSTGRES_STEPS_TABLE: 'answer_parts',
      TURNSTREAM_CONNECT_SNAPSHOT_MODE: 'initial',
    });
    const grants = podsOf(objects).find(({ owner }) => /^Job .*-grants-/.test(owner));
    expect(envOf(grants!.spec.containers[0]!)['CAPTURE_TABLES']).toBe(names.join());
    const { data } = objectOf(objects, 'ConfigMap', 'turnstream-readmodels-postgres-tables');
    const made = [...(data?.['tables.sql'] ?? '').matchAll(/RENAME TO "(\w+)"/g)];
    expect(made.map(([, name]) => name)).toEqual(names);
  });

  test('has the tables as they are where no name is given', async () => {
    const objects = await render();
    expect(settingsOf(objects)).toMatchObject({
      TURNSTREAM_POSTGRES_STEPS_TABLE: 'steps',
      TURNSTREAM_CONNECT_SNAPSHOT_MODE: 'when_needed',
    });
    const { data } = objectOf(objects, 'ConfigMap', 'turnstream-postgres-tables');
    expect(data?.['tables.sql']).not.toContain('RENAME');
  });

  test('what the script of grants asks of the environment is given to it', async () => {
    const objects = await render({ file: 'external-values.yaml' });
    const script = objectOf(objects, 'ConfigMap', 'turnstream-grants').data?.['grants.sql'] ?? '';
    const asked = [...script.matchAll(/^\\getenv \w+ (\w+)$/gm)].map(([, name]) => name);
    expect(asked.length).toBe(6);
    const pod = podsOf(objects).find(({ owner }) => owner.startsWith('Job turnstream-grants'));
    const given = pod?.spec.containers[0]?.env?.map(({ name }) => name);
    expect(given).toEqual(expect.arrayContaining(asked));
  });
});

describe.skipIf(isMissing)('jobs', () => {
  const jobNames = async (values: Fields) =>
    (await render({ values })).flatMap(({ kind, metadata }) =>
      kind === 'Job' ? [metadata.name] : [],
    );

  test('are plain objects, so that installing with --wait does not wait for itself', async () => {
    const objects = await render();
    const hooks = objects.filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/hook'] !== undefined,
    );
    expect(
      hooks.map(({ kind, metadata }) => [kind, metadata.annotations?.['helm.sh/hook']]),
    ).toEqual([['Pod', 'test']]);
  });

  test('run again when what they do has changed, and only then', async () => {
    const before = await jobNames({});
    expect(await jobNames({ sequencer: { replicas: 2 } })).toEqual(before);
    const after = await jobNames({ capture: { slotName: 'another' } });
    expect(after.length).toBe(before.length);
    for (const name of before) expect(after).not.toContain(name);
  });

  test('wait for what they need', async () => {
    const objects = await render();
    const waits = podsOf(objects)
      .filter(({ kind }) => kind === 'Job')
      .map(({ labels, spec }) => [
        labels['app.kubernetes.io/component'],
        spec.containers[0]?.args,
        spec.initContainers?.[0]?.args,
      ]);
    expect(waits.toSorted()).toEqual([
      ['capture', ['connect'], ['wait', 'postgres', 'kafka', 'registry', 'connect']],
      ['schema', ['schema', 'apply'], ['wait', 'cql']],
    ]);
  });

  test('the one for grants runs as the owner, for the user that captures', async () => {
    const objects = await render({ file: 'external-values.yaml' });
    const pod = podsOf(objects).find(({ owner }) => owner.startsWith('Job turnstream-grants'));
    const container = pod?.spec.containers[0];
    const secretOf = (name: string) =>
      container?.env?.find((each) => each.name === name)?.valueFrom?.secretKeyRef;
    expect(secretOf('PGPASSWORD')).toEqual({ name: 'app-postgres-owner', key: 'password' });
    expect(secretOf('CAPTURE_PASSWORD')).toEqual({ name: 'app-postgres', key: 'password' });
    expect(envOf(container!)).toMatchObject({
      PGHOST: 'turnstream-db.example.com',
      PGSSLROOTCERT: '/etc/turnstream/ca/ca.crt',
      CAPTURE_PUBLICATION: 'app_turnstream',
    });
  });

  test('all have what they have in common, each in its own pod', async () => {
    const objects = await render({ file: 'everything-values.yaml' });
    const jobs = podsOf(objects).filter(({ kind }) => /Job|^Pod$/.test(kind));
    const parts = jobs.map(({ labels }) => labels['app.kubernetes.io/component']);
    const all = ['capture', 'grants', 'replay', 'schema', 'test-flow', 'verify'];
    expect(parts.toSorted()).toEqual(all);
    for (const { owner, labels, annotations, spec } of jobs) {
      expect(labels['example.com/c'], owner).toBe('3');
      expect(annotations['example.com/b'], owner).toBe('2');
      expect(spec, owner).toMatchObject({
        nodeSelector: { 'kubernetes.io/arch': 'amd64' },
        tolerations: [{ key: 'dedicated', operator: 'Exists' }],
        priorityClassName: 'low',
        securityContext: { supplementalGroups: [1234], runAsNonRoot: true },
      });
      const mounts = spec.containers[0]?.volumeMounts?.map(({ mountPath }) => mountPath);
      expect(mounts, owner).toContain('/more');
    }
    for (const { kind, metadata } of objects.filter((each) => /Job$/.test(each.kind))) {
      expect(metadata.annotations?.['example.com/a'], `${kind} ${metadata.name}`).toBe('1');
    }
  });

  test('replay and verification wait for somebody who starts them', async () => {
    const objects = await render();
    for (const name of ['turnstream-replay', 'turnstream-verify']) {
      expect(objectOf(objects, 'CronJob', name).spec).toMatchObject({ suspend: true });
    }
  });
});
