/** Toggling a projection adds and removes exactly what is its own. */
import { describe, expect, test } from 'vitest';
import { projections } from '../../../projections/index.ts';
import { podOf, podsOf } from '../support/pods.ts';
import { isMissing, namesOf, objectOf, render } from '../support/render.ts';

const names = projections.map(({ name }) => name);
const workerOf = (name: string) => `turnstream-worker-${name.replaceAll('_', '-')}`;
const ownOf = (name: string) => [
  `Deployment ${workerOf(name)}`,
  `PodDisruptionBudget ${workerOf(name)}`,
];

describe.skipIf(isMissing)('projections', () => {
  test('each projection of the registry has its Deployment, and there is no other worker', async () => {
    const workers = (await render()).filter(
      ({ kind, metadata }) =>
        kind === 'Deployment' && metadata.labels?.['app.kubernetes.io/component'] === 'worker',
    );
    expect(workers.map(({ metadata }) => metadata.name).toSorted()).toEqual(
      names.map(workerOf).toSorted(),
    );
  });

  test.each(names)('without %s its objects are gone, and no others', async (name) => {
    const all = namesOf(await render());
    const values = { projections: { [name]: { enabled: false } } };
    const without = namesOf(await render({ values }));
    expect(all.filter((each) => !without.includes(each))).toEqual(ownOf(name).toSorted());
    expect(without.filter((each) => !all.includes(each))).toEqual([]);
  });

  test.each(names)('without %s nobody replays, verifies or tests it', async (name) => {
    const objects = await render({ values: { projections: { [name]: { enabled: false } } } });
    for (const owner of [
      'CronJob turnstream-replay',
      'CronJob turnstream-verify',
      'Pod turnstream-test-flow',
    ]) {
      const { args = [] } = podOf(objects, owner).spec.containers[0]!;
      expect(args, owner).not.toContain(name);
      for (const other of names) if (other !== name) expect(args, owner).toContain(other);
    }
  });

  test.each(names)(
    '%s is hosted by its own Deployment alone, which waits for its table',
    async (name) => {
      const { spec, labels } = podOf(await render(), `Deployment ${workerOf(name)}`);
      expect(spec.containers[0]?.args).toEqual(['run', name]);
      expect(spec.initContainers?.[0]?.args).toEqual(['wait', 'schema', name]);
      expect(labels['turnstream.io/projection']).toBe(name);
    },
  );

  test('what a projection says for itself goes over what all workers have, and concerns no other', async () => {
    const values = {
      worker: { replicas: 2, config: { TURNSTREAM_WORKER_BATCH_ROWS_MAX: 10 } },
      projections: {
        latency_histogram: {
          replicas: 5,
          resources: { limits: { memory: '3Gi' } },
          config: { TURNSTREAM_WORKER_TOTALS_CACHED_MAX: 1000000 },
        },
      },
    };
    const objects = await render({ values });
    const own = objectOf(objects, 'Deployment', workerOf('latency_histogram'));
    expect(own.spec?.['replicas']).toBe(5);
    const [container] = podOf(objects, `Deployment ${workerOf('latency_histogram')}`).spec
      .containers;
    expect(container?.resources).toEqual({
      requests: { cpu: '100m', memory: '256Mi' },
      limits: { memory: '3Gi' },
    });
    expect(container?.env).toContainEqual({
      name: 'TURNSTREAM_WORKER_TOTALS_CACHED_MAX',
      value: '1000000',
    });
    expect(container?.env).toContainEqual({
      name: 'TURNSTREAM_WORKER_BATCH_ROWS_MAX',
      value: '10',
    });
    const other = objectOf(objects, 'Deployment', workerOf('turns_by_account'));
    expect(other.spec?.['replicas']).toBe(2);
  });

  test('grouped, one Deployment hosts all that are enabled', async () => {
    const projectionsOff = { grouped: true, turns_by_account: { enabled: false } };
    const objects = await render({ values: { projections: projectionsOff } });
    const workers = podsOf(objects).filter(
      ({ labels }) => labels['app.kubernetes.io/component'] === 'worker',
    );
    expect(workers.map(({ owner }) => owner)).toEqual(['Deployment turnstream-worker']);
    const enabled = names.filter((name) => name !== 'turns_by_account').toSorted();
    expect(workers[0]?.spec.containers[0]?.args).toEqual(['run', ...enabled]);
    expect(workers[0]?.spec.initContainers?.[0]?.args).toEqual(['wait', 'schema', ...enabled]);
  });

  test('grouping exchanges the workers, and nothing else', async () => {
    const apart = namesOf(await render());
    const grouped = namesOf(await render({ values: { projections: { grouped: true } } }));
    expect(apart.filter((each) => !grouped.includes(each))).toEqual(
      names.flatMap(ownOf).toSorted(),
    );
    expect(grouped.filter((each) => !apart.includes(each))).toEqual([
      'Deployment turnstream-worker',
      'PodDisruptionBudget turnstream-worker',
    ]);
  });

  test('while they are exchanged, neither selector means the pods of the other', async () => {
    const objects = [
      ...(await render()),
      ...(await render({ values: { projections: { grouped: true } } })),
    ];
    const workers = podsOf(objects).filter(
      ({ labels }) => labels['app.kubernetes.io/component'] === 'worker',
    );
    for (const { kind, metadata, spec = {} } of objects) {
      if (kind !== 'Deployment' || !metadata.name.includes('worker')) continue;
      const { matchLabels } = spec['selector'] as { matchLabels: Record<string, string> };
      const meant = workers.filter(({ labels }) =>
        Object.entries(matchLabels).every(([key, value]) => labels[key] === value),
      );
      expect(meant.map(({ owner }) => owner)).toEqual([`Deployment ${metadata.name}`]);
    }
  });

  test('a worker that is to replay by itself is told so', async () => {
    const objects = await render({ values: { worker: { replayOnUpgrade: true } } });
    const { spec } = podOf(objects, `Deployment ${workerOf('turns_by_account')}`);
    expect(spec.containers[0]?.args).toEqual(['run', 'turns_by_account', '--replay-on-upgrade']);
  });

  test('with none enabled there is neither worker, replay, verification nor test', async () => {
    const off = Object.fromEntries(names.map((name) => [name, { enabled: false }]));
    for (const grouped of [false, true]) {
      const left = namesOf(await render({ values: { projections: { grouped, ...off } } }));
      expect(left.filter((each) => /worker|replay|verify|test-flow/.test(each))).toEqual([]);
    }
  });
});
