/** What holds for every pod of every values file, and for what pods refer to. */
import { describe, expect, test } from 'vitest';
import { allSettings } from '../../../processor/config.ts';
import { containersOf, envOf, type Pod, podOf, podsOf } from '../support/pods.ts';
import {
  type Fields,
  isMissing,
  type KubernetesObject,
  render,
  valuesFiles,
} from '../support/render.ts';

const settingNames = allSettings().map(({ setting }) => setting.env);

function selectorOf(spec: Fields = {}): Readonly<Record<string, string>> {
  return (spec['selector'] as { readonly matchLabels: Record<string, string> }).matchLabels;
}

/** Each pod of each file with a name for it; `everything` weakens some on purpose. */
async function eachPod(
  check: (pod: Pod, name: string, objects: readonly KubernetesObject[]) => void,
) {
  let seen = 0;
  for (const file of valuesFiles) {
    const objects = await render({ file });
    for (const pod of podsOf(objects)) {
      seen += 1;
      check(pod, `${file}: ${pod.owner}`, objects);
    }
  }
  expect(seen).toBeGreaterThan(70);
}

describe.skipIf(isMissing)('every pod', () => {
  test('has no token of Kubernetes and no variables of its neighbours’ services', async () => {
    await eachPod(({ spec }, name) => {
      expect(spec.automountServiceAccountToken, name).toBe(false);
      expect(spec.enableServiceLinks, name).toBe(false);
    });
  });

  test('runs without privileges, by the default profile of system calls', async () => {
    await eachPod((pod, name) => {
      expect(pod.spec.securityContext?.['seccompProfile'], name).toEqual({
        type: 'RuntimeDefault',
      });
      const isScylla = pod.labels['app.kubernetes.io/component'] === 'scylla';
      // Its image names its user: Kubernetes can't tell that it is not root.
      if (!isScylla) expect(pod.spec.securityContext?.['runAsNonRoot'], name).toBe(true);
      const isAdded = ({ name: of }: { readonly name: string }) =>
        of === 'beside' || of === 'before';
      for (const container of containersOf(pod).filter((each) => !isAdded(each))) {
        const { securityContext: context } = container;
        expect(context?.['allowPrivilegeEscalation'], name).toBe(false);
        expect(context?.['capabilities'], name).toEqual({ drop: ['ALL'] });
        const isWeakened = name.startsWith('everything') && /sequencer|worker|verifier/.test(name);
        if (!isScylla && !(isWeakened && container.name !== 'wait')) {
          expect(context?.['readOnlyRootFilesystem'], name).toBe(true);
        }
      }
    });
  });

  test('says what it takes, and has a limit of memory', async () => {
    await eachPod((pod, name) => {
      for (const { name: of, resources } of containersOf(pod)) {
        if (of === 'beside' || of === 'before') continue;
        expect(resources?.requests, `${name} ${of}`).toMatchObject({ cpu: expect.any(String) });
        expect(resources?.limits?.memory, `${name} ${of}`).toMatch(/^\d+[MG]i$/);
      }
    });
  });

  test('has a tag or digest of its image, and a rule for pulling it', async () => {
    await eachPod((pod, name) => {
      for (const { name: of, image, imagePullPolicy } of containersOf(pod)) {
        if (of === 'beside' || of === 'before') continue;
        expect(image, name).toMatch(/^[\w./-]+(:[\w.-]+|@sha256:[0-9a-f]{64})$/);
        expect(image, name).not.toMatch(/:latest$/);
        expect(imagePullPolicy, name).toBe('IfNotPresent');
      }
    });
  });

  test('gives each variable once, and ours are settings that there are', async () => {
    await eachPod((pod, name) => {
      for (const { env = [] } of containersOf(pod)) {
        const names = env.map((each) => each.name);
        expect(
          names.filter((each, at) => names.indexOf(each) !== at),
          name,
        ).toEqual([]);
        const ours = names.filter((each) => each.startsWith('TURNSTREAM_'));
        expect(
          ours.filter((each) => !settingNames.includes(each)),
          name,
        ).toEqual([]);
      }
    });
  });

  test('mounts what it has, and has what it mounts', async () => {
    await eachPod((pod, name) => {
      const volumes = (pod.spec.volumes ?? []).map((volume) => volume.name);
      expect(new Set(volumes).size, name).toBe(volumes.length);
      const mounted = containersOf(pod).flatMap(({ volumeMounts = [] }) =>
        volumeMounts.map((mount) => mount.name),
      );
      // A StatefulSet's claims are volumes too.
      const claimed = pod.kind === 'StatefulSet' ? ['data'] : [];
      expect(
        mounted.filter((each) => ![...volumes, ...claimed].includes(each)),
        name,
      ).toEqual([]);
      expect(
        volumes.filter((each) => !mounted.includes(each)),
        name,
      ).toEqual([]);
    });
  });

  test('refers to ConfigMaps and Secrets of the chart that are there', async () => {
    await eachPod((pod, name, objects) => {
      const has = (kind: string, wanted: string) =>
        objects.some((object) => object.kind === kind && object.metadata.name === wanted);
      const configMaps = [
        ...containersOf(pod).flatMap(({ envFrom = [] }) =>
          envFrom.map((from) => from.configMapRef),
        ),
        ...(pod.spec.volumes ?? []).map((volume) => volume.configMap),
      ].flatMap((ref) => (ref === undefined || ref.name === 'more' ? [] : [ref.name]));
      for (const each of configMaps) expect(has('ConfigMap', each), `${name} ${each}`).toBe(true);
      for (const { env = [] } of containersOf(pod)) {
        for (const { valueFrom } of env) {
          const ref = valueFrom?.secretKeyRef;
          if (ref === undefined || !/credentials$/.test(ref.name)) continue;
          const secret = objects.find((object) => object.metadata.name === ref.name);
          expect(Object.keys(secret?.data ?? {}), name).toContain(ref.key);
        }
      }
    });
  });

  test('is found by its own selector, which no other pod’s labels match', async () => {
    for (const file of valuesFiles) {
      const objects = await render({ file });
      const pods = podsOf(objects);
      for (const { kind, metadata, spec } of objects) {
        if (kind !== 'Deployment' && kind !== 'StatefulSet') continue;
        const matchLabels = selectorOf(spec);
        const matching = pods.filter(({ labels }) =>
          Object.entries(matchLabels).every(([key, value]) => labels[key] === value),
        );
        expect(
          matching.map(({ owner }) => owner),
          file,
        ).toEqual([`${kind} ${metadata.name}`]);
      }
    }
  });

  test('is meant by the budget of its own name alone', async () => {
    for (const file of valuesFiles) {
      const objects = await render({ file });
      for (const { kind, metadata, spec } of objects) {
        if (kind !== 'PodDisruptionBudget') continue;
        const matchLabels = selectorOf(spec);
        const matching = podsOf(objects)
          .filter(({ labels }) =>
            Object.entries(matchLabels).every(([key, value]) => labels[key] === value),
          )
          .map(({ owner }) => owner.split(' ')[1] ?? '');
        expect(matching.length, `${file} ${metadata.name}`).toBeGreaterThan(0);
        for (const name of matching) expect(name.startsWith(metadata.name), file).toBe(true);
      }
    }
  });

  test('is reached by the services that mean it, at ports that it has', async () => {
    for (const file of valuesFiles) {
      const objects = await render({ file });
      for (const { kind, metadata, spec = {} } of objects) {
        if (kind !== 'Service') continue;
        const selector = spec['selector'] as Record<string, string>;
        const ports = spec['ports'] as readonly { readonly targetPort: string }[];
        const pods = podsOf(objects).filter(({ labels }) =>
          Object.entries(selector).every(([key, value]) => labels[key] === value),
        );
        expect(pods.length, `${file} ${metadata.name}`).toBeGreaterThan(0);
        for (const pod of pods) {
          const own = containersOf(pod).flatMap((each) => each.ports ?? []);
          for (const { targetPort } of ports) {
            expect(
              own.map((port) => port.name),
              `${file} ${metadata.name}`,
            ).toContain(targetPort);
          }
        }
      }
    }
  });

  test('has a name that leaves room for what Kubernetes puts behind it, however long the release’s is', async () => {
    const release = `a${'-long'.repeat(10)}`;
    const objects = await render({ file: 'everything-values.yaml', release });
    for (const { kind, metadata } of objects) {
      const most = kind === 'CronJob' || kind === 'StatefulSet' ? 52 : 63;
      expect(metadata.name.length, `${kind} ${metadata.name}`).toBeLessThanOrEqual(most);
      for (const value of Object.values(metadata.labels ?? {})) {
        expect(value, metadata.name).toMatch(/^[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/);
      }
    }
  });
});

describe.skipIf(isMissing)('processes', () => {
  const services = [
    'Deployment turnstream-sequencer',
    'Deployment turnstream-worker-latency-histogram',
  ];

  test.each(services)('%s is judged by its progress and its place in the group', async (owner) => {
    const [container] = podOf(await render(), owner).spec.containers;
    expect(container?.livenessProbe).toMatchObject({
      httpGet: { path: '/health/live', port: 'metrics' },
    });
    expect(container?.readinessProbe).toMatchObject({
      httpGet: { path: '/health/ready', port: 'metrics' },
    });
    expect(container?.ports).toEqual([{ name: 'metrics', containerPort: 9464, protocol: 'TCP' }]);
  });

  test('may take longer to stop than their drain takes, whatever that is set to', async () => {
    const graceOf = async (values: object, owner: string) =>
      podOf(await render({ values: { ...values } }), owner).spec.terminationGracePeriodSeconds;
    const [sequencer, worker] = services as [string, string];
    expect(await graceOf({}, sequencer)).toBe(35);
    const drain = { TURNSTREAM_WORKER_DRAIN_MS_MAX: 40_500 };
    expect(await graceOf({ worker: { config: drain } }, worker)).toBe(56);
    expect(await graceOf({ config: drain }, worker)).toBe(56);
    expect(await graceOf({ config: drain }, sequencer)).toBe(35);
    expect(await graceOf({ sequencer: { terminationGracePeriodSeconds: 120 } }, sequencer)).toBe(
      120,
    );
  });

  test('are replaced when a setting or a password changes, and not otherwise', async () => {
    const annotations = async (values: object) =>
      podOf(await render({ values: { ...values } }), services[0] ?? '').annotations;
    const before = await annotations({});
    expect(await annotations({ metrics: { rules: { enabled: true } } })).toEqual(before);
    const changed = await annotations({ config: { TURNSTREAM_LOG_LEVEL: 'debug' } });
    expect(changed['checksum/settings']).not.toBe(before['checksum/settings']);
    const rotated = await annotations({ postgres: { auth: { password: 'another' } } });
    expect(rotated['checksum/credentials']).not.toBe(before['checksum/credentials']);
  });

  test('spread by their own labels where the constraint names none', async () => {
    const { spec, labels } = podOf(await render({ file: 'ha-values.yaml' }), services[0] ?? '');
    const [constraint] = spec.topologySpreadConstraints ?? [];
    expect(constraint?.labelSelector).toEqual({
      matchLabels: {
        'app.kubernetes.io/name': labels['app.kubernetes.io/name'],
        'app.kubernetes.io/instance': labels['app.kubernetes.io/instance'],
        'app.kubernetes.io/component': 'sequencer',
      },
    });
  });

  test('take what is added, over what the chart says', async () => {
    const objects = await render({ file: 'everything-values.yaml' });
    const { spec, labels, annotations } = podOf(
      objects,
      'Deployment turnstream-readmodels-sequencer',
    );
    const [container, beside] = spec.containers;
    expect(envOf(container!)).toMatchObject({
      TURNSTREAM_LOG_LEVEL: 'debug',
      NODE_OPTIONS: '--max-semi-space-size=64',
      NODE_EXTRA_CA_CERTS: '/etc/turnstream/ca/ca.crt',
    });
    expect(beside?.name).toBe('beside');
    expect(spec.initContainers?.map(({ name }) => name)).toEqual(['wait', 'before']);
    expect(labels['example.com/c']).toBe('3');
    expect(annotations).toMatchObject({ 'example.com/b': '2', 'prometheus.io/scrape': 'true' });
    expect(spec.imagePullSecrets).toEqual([{ name: 'pull' }, { name: 'pull-too' }]);
    expect(container?.image).toBe('registry.example.com/turnstream:0.1.0-rc1');
    expect(spec['nodeSelector']).toEqual({ 'kubernetes.io/arch': 'amd64' });
  });
});
