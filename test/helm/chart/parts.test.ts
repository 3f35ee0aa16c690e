/** Each server can be somebody else's: then nothing of it is left, and the settings name the other one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { kubernetesVersions } from '../../../local/helm-tools.ts';
import { rootDir } from '../../support/sources.ts';
import { missingSchemas, problemsOf } from '../support/kubernetes-schemas.ts';
import { envOf, podOf, podsOf } from '../support/pods.ts';
import {
  chartPath,
  type Fields,
  helmOutput,
  isMissing,
  type KubernetesObject,
  namesOf,
  objectOf,
  parsed,
  render,
} from '../support/render.ts';

const settingsOf = (objects: readonly KubernetesObject[]) =>
  objectOf(objects, 'ConfigMap', 'turnstream-settings').data ?? {};

const external: readonly (readonly [part: string, values: Fields, settings: object])[] = [
  [
    'postgres',
    {
      external: {
        host: 'db-{{ .Release.Name }}',
        port: 5433,
        connectHost: 'inner',
        connectPort: 6,
      },
      auth: { existingSecret: 'pg' },
    },
    {
      TURNSTREAM_POSTGRES_HOST: 'db-turnstream',
      TURNSTREAM_POSTGRES_PORT: '5433',
      TURNSTREAM_CONNECT_POSTGRES_HOST: 'inner',
      TURNSTREAM_CONNECT_POSTGRES_PORT: '6',
    },
  ],
  ['kafka', { external: { brokers: 'a:1,b:2' } }, { TURNSTREAM_KAFKA_BROKERS: 'a:1,b:2' }],
  ['connect', { external: { url: 'http://c:1' } }, { TURNSTREAM_CONNECT_URL: 'http://c:1' }],
  [
    'registry',
    { external: { url: 'http://r/v7', connectUrl: 'http://r/v3' } },
    { TURNSTREAM_REGISTRY_URL: 'http://r/v7', TURNSTREAM_CONNECT_REGISTRY_URL: 'http://r/v3' },
  ],
  [
    'scylla',
    { external: { contactPoints: 'x,y', port: 9142 }, tls: true },
    {
      TURNSTREAM_CQL_CONTACT_POINTS: 'x,y',
      TURNSTREAM_CQL_PORT: '9142',
      TURNSTREAM_CQL_TLS: 'enabled',
    },
  ],
];

describe.skipIf(isMissing)('a server of somebody else’s', () => {
  test.each(external)('%s', async (part, values, settings) => {
    const all = namesOf(await render());
    const objects = await render({ values: { [part]: { enabled: false, ...values } } });
    const left = namesOf(objects);
    const gone = all.filter((each) => !left.includes(each));
    expect(gone.length).toBeGreaterThan(0);
    expect(
      gone.filter((each) => !each.includes(`turnstream-${part}`) && !each.startsWith('Secret')),
    ).toEqual([]);
    expect(left.filter((each) => each.includes(`turnstream-${part}`))).toEqual([]);
    expect(settingsOf(objects)).toMatchObject(settings);
  });

  test('the bundled ones are reached by their services', async () => {
    const objects = await render();
    const settings = settingsOf(objects);
    const services = objects
      .filter(({ kind }) => kind === 'Service')
      .map(({ metadata }) => `${metadata.name}.apps.svc.cluster.local`);
    const hosts = [
      settings['TURNSTREAM_POSTGRES_HOST'],
      settings['TURNSTREAM_KAFKA_BROKERS']?.split(':')[0],
      new URL(settings['TURNSTREAM_REGISTRY_URL'] ?? '').hostname,
      new URL(settings['TURNSTREAM_CONNECT_URL'] ?? '').hostname,
      settings['TURNSTREAM_CQL_CONTACT_POINTS'],
    ];
    for (const host of hosts) expect(services).toContain(host);
    expect(settings['TURNSTREAM_EVENTS_PARTITIONS']).toBe('12');
  });

  test('log-ins and encryption reach the processes, and passwords stand in no ConfigMap', async () => {
    const objects = await render({ file: 'external-values.yaml' });
    expect(settingsOf(objects)).toMatchObject({
      TURNSTREAM_KAFKA_TLS: 'enabled',
      TURNSTREAM_KAFKA_SASL_MECHANISM: 'scram-sha-512',
      TURNSTREAM_POSTGRES_SSL_MODE: 'verify-full',
      TURNSTREAM_CQL_DATACENTER: 'eu-central',
      TURNSTREAM_CQL_REPLICATION_FACTOR: '3',
    });
    const [container] = podOf(objects, 'Deployment turnstream-sequencer').spec.containers;
    const secrets = (container?.env ?? []).flatMap(({ name, valueFrom }) =>
      valueFrom?.secretKeyRef === undefined
        ? []
        : [[name, valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key]],
    );
    expect(secrets.toSorted()).toEqual([
      ['TURNSTREAM_CQL_PASSWORD', 'app-scylla', 'password'],
      ['TURNSTREAM_CQL_USER', 'app-scylla', 'username'],
      ['TURNSTREAM_KAFKA_SASL_PASSWORD', 'app-kafka', 'password'],
      ['TURNSTREAM_KAFKA_SASL_USER', 'app-kafka', 'username'],
      ['TURNSTREAM_POSTGRES_PASSWORD', 'app-postgres', 'password'],
      ['TURNSTREAM_POSTGRES_USER', 'app-postgres', 'username'],
    ]);
    expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  });

  test('Connect logs in to somebody else’s brokers, its producers too', async () => {
    const objects = await render({ file: 'own-connect-values.yaml' });
    const [container] = podOf(objects, 'Deployment turnstream-connect').spec.containers;
    const env = envOf(container!);
    for (const of of ['CONNECT', 'CONNECT_PRODUCER', 'CONNECT_CONSUMER', 'CONNECT_ADMIN']) {
      expect(env[`${of}_SECURITY_PROTOCOL`]).toBe('SASL_SSL');
      expect(env[`${of}_SASL_MECHANISM`]).toBe('PLAIN');
      expect(env[`${of}_SASL_JAAS_CONFIG`]).toContain(
        'PlainLoginModule required username="$(KAFKA_USER)"',
      );
    }
    // What a variable is made of stands before it, or Kubernetes leaves it as it is.
    const names = (container?.env ?? []).map(({ name }) => name);
    expect(names.indexOf('KAFKA_PASSWORD')).toBeLessThan(names.indexOf('CONNECT_SASL_JAAS_CONFIG'));
    expect(settingsOf(objects)['TURNSTREAM_CONNECT_REGISTRY_URL']).toMatch(/\/apis\/registry\/v2$/);
  });
});

describe.skipIf(isMissing)('servers of the chart', () => {
  test('three brokers elect one another, and topics have three replicas', async () => {
    const objects = await render({ file: 'ha-values.yaml' });
    const env = envOf(podOf(objects, 'StatefulSet turnstream-kafka').spec.containers[0]!);
    const host = 'turnstream-kafka-nodes.apps.svc.cluster.local';
    expect(env['KAFKA_CONTROLLER_QUORUM_VOTERS']).toBe(
      [0, 1, 2].map((node) => `${node}@turnstream-kafka-${node}.${host}:9093`).join(','),
    );
    expect(env['KAFKA_ADVERTISED_LISTENERS']).toBe(`CLIENT://$(POD_NAME).${host}:9092`);
    expect(env['CLUSTER_ID']).toMatch(/^[\w-]{22}$/);
    expect(settingsOf(objects)).toMatchObject({
      TURNSTREAM_KAFKA_REPLICATION_FACTOR: '3',
      TURNSTREAM_CQL_REPLICATION_FACTOR: '3',
    });
  });

  test('a variable of a server can be replaced and taken away', async () => {
    const objects = await render({ file: 'everything-values.yaml' });
    const owner = 'StatefulSet turnstream-readmodels-kafka';
    const env = envOf(podOf(objects, owner).spec.containers[0]!);
    expect(env['KAFKA_HEAP_OPTS']).toBe('-Xmx1g');
    expect(env).not.toHaveProperty('KAFKA_MIN_INSYNC_REPLICAS');
    expect(env['KAFKA_NUM_PARTITIONS']).toBe('1');
  });

  test('each rack is a StatefulSet on its own nodes, and all find the first one', async () => {
    const objects = await render({ file: 'ha-values.yaml' });
    const racks = podsOf(objects).filter(({ owner }) => owner.includes('scylla'));
    expect(racks.map(({ owner }) => owner)).toEqual(
      ['a', 'b', 'c'].map((rack) => `StatefulSet turnstream-scylla-${rack}`),
    );
    const places = objectOf(objects, 'ConfigMap', 'turnstream-scylla-places').data ?? {};
    const seed = '--seeds=turnstream-scylla-a-0.turnstream-scylla-nodes.apps.svc.cluster.local';
    for (const [at, { spec }] of racks.entries()) {
      const rack = 'abc'[at];
      expect(spec.containers[0]?.args).toEqual(
        expect.arrayContaining(['--smp=4', '--developer-mode=0', seed]),
      );
      expect(spec.containers[0]?.args).toContain('--endpoint-snitch=GossipingPropertyFileSnitch');
      expect(spec['nodeSelector']).toEqual({ 'topology.kubernetes.io/zone': rack });
      expect(spec.containers[0]?.volumeMounts).toContainEqual({
        name: 'place',
        mountPath: '/etc/scylla/cassandra-rackdc.properties',
        subPath: `${rack}.properties`,
        readOnly: true,
      });
      expect(places[`${rack}.properties`]).toBe(
        `dc=datacenter1\nrack=${rack}\nprefer_local=false\n`,
      );
    }
  });

  test.each([
    ['default-values.yaml', {}, 'batch'],
    ['ha-values.yaml', {}, 'periodic'],
    ['ha-values.yaml', { scylla: { commitlogSync: 'batch' } }, 'batch'],
    ['ha-values.yaml', { scylla: { replicationFactor: 1 } }, 'batch'],
  ])('what the only replica acknowledges is on disk (%s, %o)', async (file, values, sync) => {
    const racks = podsOf(await render({ file, values })).filter(({ owner }) =>
      owner.includes('scylla'),
    );
    expect(racks.length).toBeGreaterThan(0);
    for (const { spec } of racks) {
      expect(spec.containers[0]?.args).toContain(`--commitlog-sync=${sync}`);
    }
  });

  test('image, command, arguments and variables of every server are the values’', async () => {
    const own = {
      image: { registry: 'localhost', repository: 'fake', tag: 'x', digest: '' },
      command: ['/run'],
      args: ['--fast'],
      env: { A: 'b' },
    };
    const servers = { scylla: own, kafka: own, connect: own, registry: own, postgres: own };
    const objects = await render({ values: servers });
    const pods = podsOf(objects).filter(({ labels }) =>
      Object.keys(servers).includes(labels['app.kubernetes.io/component'] ?? ''),
    );
    expect(pods.length).toBe(5);
    for (const { owner, spec } of pods) {
      const [container] = spec.containers;
      expect(container, owner).toMatchObject({
        image: 'localhost/fake:x',
        command: ['/run'],
        args: ['--fast'],
      });
      expect(envOf(container!)['A'], owner).toBe('b');
    }
  });

  test('the topic of the schemas loses nothing, on the chart’s brokers and on others', async () => {
    const objects = await render();
    const envOfPod = (owner: string) => envOf(podOf(objects, owner).spec.containers[0]!);
    expect(envOfPod('Deployment turnstream-registry')['JAVA_OPTS_APPEND']).toContain(
      '-Dapicurio.kafkasql.topic.retention.ms=-1',
    );
    expect(envOfPod('StatefulSet turnstream-kafka')['KAFKA_LOG_RETENTION_MS']).toBe('-1');
  });

  test('ScyllaDB runs as the user that its image names, whose folders it writes to', async () => {
    const { spec } = podOf(await render(), 'StatefulSet turnstream-scylla-rack1');
    expect(spec.securityContext).toEqual({
      fsGroup: 10001,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    });
  });

  test('something of yours may run before a server, after what it waits for', async () => {
    const objects = await render({ file: 'everything-values.yaml' });
    const before = (owner: string) =>
      podOf(objects, owner).spec.initContainers?.map(({ name }) => name);
    expect(before('StatefulSet turnstream-readmodels-kafka')).toEqual(['before']);
    expect(before('Deployment turnstream-readmodels-connect')).toEqual(['wait', 'before']);
    expect(before('StatefulSet turnstream-readmodels-postgres')).toBeUndefined();
  });

  test('volumes are kept or removed as the values say, and may be there already', async () => {
    const claims = (objects: readonly KubernetesObject[], name: string) =>
      objectOf(objects, 'StatefulSet', name).spec as Fields;
    const all = await render({
      values: {
        global: { storageClass: 'common' },
        kafka: { persistence: { storageClass: 'own' } },
      },
    });
    expect(claims(all, 'turnstream-kafka')['persistentVolumeClaimRetentionPolicy']).toEqual({
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
    });
    const classOf = (name: string) =>
      (claims(all, name)['volumeClaimTemplates'] as readonly { spec: Fields }[])[0]?.spec[
        'storageClassName'
      ];
    expect(classOf('turnstream-kafka')).toBe('own');
    expect(classOf('turnstream-scylla-rack1')).toBe('common');
    const everything = await render({ file: 'everything-values.yaml' });
    expect(claims(everything, 'turnstream-readmodels-kafka')).not.toHaveProperty(
      'volumeClaimTemplates',
    );
    expect(
      podOf(everything, 'StatefulSet turnstream-readmodels-kafka').spec.volumes,
    ).toContainEqual({
      name: 'data',
      persistentVolumeClaim: { claimName: 'kafka-data' },
    });
    expect(
      claims(everything, 'turnstream-readmodels-postgres')['persistentVolumeClaimRetentionPolicy'],
    ).toEqual({
      whenDeleted: 'Delete',
      whenScaled: 'Retain',
    });
    const minimal = await render({ file: 'minimal-values.yaml' });
    expect(JSON.stringify(minimal)).not.toContain('PersistentVolumeClaim"');
  });
});

describe.skipIf(isMissing)('as a part of another chart', () => {
  test('two read models from the application’s own Postgres, under names of its choice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'turnstream-umbrella-'));
    try {
      const umbrella = join(folder, 'umbrella');
      await cp(join(rootDir, 'helm', 'example-umbrella'), umbrella, { recursive: true });
      await cp(chartPath, join(umbrella, 'charts', 'turnstream'), { recursive: true });
      expect(await helmOutput(['lint', '--strict', umbrella])).toContain('0 chart(s) failed');
      const rendered = await render({ chart: umbrella, release: 'app' });
      if (missingSchemas === null) {
        const problems = (version: string) =>
          rendered.flatMap((object) => problemsOf(version, object));
        for (const version of kubernetesVersions) expect(problems(version)).toEqual([]);
      }
      const workers = namesOf(rendered).filter((name) =>
        name.startsWith('Deployment turnstream-worker'),
      );
      expect(workers).toEqual([
        'Deployment turnstream-worker-steps-by-type-day',
        'Deployment turnstream-worker-turns-by-account',
      ]);
      expect(settingsOf(rendered)['TURNSTREAM_POSTGRES_HOST']).toBe('app-postgres');
      expect(namesOf(rendered)).toContain('ConfigMap app-app');
      const off = ['template', 'app', umbrella, '--set', 'turnstream.enabled=false'];
      expect(namesOf(parsed(await helmOutput(off)))).toEqual(['ConfigMap app-app']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
