/** Every values file of ci/ gives objects that Kubernetes takes, and what is wrong is refused with its name. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { kubernetesVersions } from '../../../local/helm-tools.ts';
import { missingSchemas, problemsOf } from '../support/kubernetes-schemas.ts';
import {
  chartPath,
  helmOutput,
  isMissing,
  namesOf,
  refusal,
  render,
  renderNotes,
  renderText,
  valuesFiles,
} from '../support/render.ts';

describe.skipIf(isMissing)('the chart', () => {
  test.each(['', ...valuesFiles])('helm lint --strict has nothing to say (%s)', async (file) => {
    const values = file === '' ? [] : ['--values', join(chartPath, 'ci', file)];
    const said = await helmOutput(['lint', '--strict', chartPath, ...values]);
    expect(said).toContain('1 chart(s) linted, 0 chart(s) failed');
    expect(said).not.toMatch(/WARNING|ERROR/);
  });

  test.each(valuesFiles)('%s: no two objects have one name', async (file) => {
    const names = namesOf(await render({ file }));
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
    expect(names.length).toBeGreaterThan(8);
  });

  test('the defaults give what they gave, but for the password that is made', async () => {
    const text = await renderText();
    const shown = text.replace(/(postgres-password: )"[^"]+"/, '$1"made anew"');
    expect(shown).not.toBe(text);
    await expect(shown).toMatchFileSnapshot('golden/default.yaml');
  });

  test('what is told after an installation names the commands that validate it', async () => {
    const notes = await renderNotes();
    expect(notes).toContain('helm test turnstream --namespace apps --logs');
    expect(notes).toContain('create job --from=cronjob/turnstream-replay replay-1');
    expect(notes).toContain('create job --from=cronjob/turnstream-verify verify-1');
    expect(notes).toContain('exec deploy/turnstream-worker-latency-histogram -- turnstream lag');
  });
});

describe.skipIf(isMissing || missingSchemas !== null)(
  'by Kubernetes’ own schemas, strictly',
  () => {
    const matrix = kubernetesVersions.flatMap((version) =>
      valuesFiles.map((file) => [version, file] as const),
    );

    test.each(matrix)('Kubernetes %s takes %s', async (version, file) => {
      const problems = (await render({ file })).flatMap((object) => problemsOf(version, object));
      expect(problems).toEqual([]);
    });

    test('an unknown field and a wrong type are found, so that the tests above can fail', async () => {
      const [sequencer] = (await render()).filter(
        ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'turnstream-sequencer',
      );
      const spoilt = { ...sequencer!, spec: { ...sequencer!.spec, replicaz: 1, replicas: 'one' } };
      const said = problemsOf('1.36', spoilt).join('\n');
      expect(said).toContain('replicaz');
      expect(said).toContain('/spec/replicas');
    });

    test('so are those of Prometheus’ operator', async () => {
      const objects = await render({ file: 'grouped-values.yaml' });
      const monitor = objects.find(({ kind }) => kind === 'PodMonitor');
      const spoilt = { ...monitor!, spec: { ...monitor!.spec, podMetricEndpoints: [] } };
      expect(problemsOf('1.36', spoilt).join('\n')).toContain('podMetricEndpoints');
    });
  },
);

describe.skipIf(isMissing)('values that are refused', () => {
  test.each([
    [
      'a projection that is not in the registry',
      { projections: { steps_by_tpye: {} } },
      'steps_by_tpye',
    ],
    ['an unknown key', { sequencer: { replica: 2 } }, 'replica'],
    [
      'an unknown key of a projection',
      { projections: { latency_histogram: { repicas: 2 } } },
      'repicas',
    ],
    [
      'an unknown setting',
      { config: { TURNSTREAM_KAFKA_BROKER: 'a:1' } },
      'TURNSTREAM_KAFKA_BROKER',
    ],
    [
      'a password among the settings',
      { config: { TURNSTREAM_CQL_PASSWORD: 'a' } },
      'TURNSTREAM_CQL_PASSWORD',
    ],
    [
      'a setting out of its range',
      { worker: { config: { TURNSTREAM_WORKER_DRAIN_MS_MAX: -1 } } },
      'TURNSTREAM_WORKER_DRAIN_MS_MAX',
    ],
    ['a wrong type', { kafka: { replicas: 'three' } }, '/kafka/replicas'],
    ['an unknown dialect', { scylla: { dialect: 'mongo' } }, '/scylla/dialect'],
    [
      'a snapshot mode that leaves rows out',
      { capture: { snapshotMode: 'no_data' } },
      '/capture/snapshotMode',
    ],
    [
      'a table with its schema in its name',
      { postgres: { tables: { steps: 'app.steps' } } },
      '/postgres/tables/steps',
    ],
  ])('%s', async (_, values, named) => {
    expect(await refusal({ values })).toContain(named);
  });

  test.each([
    [{ postgres: { enabled: false } }, 'name your Postgres in postgres.external.host'],
    [{ kafka: { enabled: false } }, 'name your brokers in kafka.external.brokers'],
    [{ connect: { enabled: false } }, 'name its REST address in connect.external.url'],
    [{ registry: { enabled: false } }, 'name its address in registry.external.url'],
    [{ scylla: { enabled: false } }, 'name your nodes in scylla.external.contactPoints'],
    [{ kafka: { tls: true } }, 'are for external brokers'],
    [{ scylla: { auth: { userKey: 'user' } } }, 'name that in scylla.auth.existingSecret'],
    [
      {
        kafka: {
          enabled: false,
          external: { brokers: 'a:1' },
          auth: { mechanism: 'plain', user: 'a' },
        },
      },
      'kafka.auth.mechanism needs a user and a password',
    ],
    [
      {
        kafka: {
          enabled: false,
          external: { brokers: 'a:1' },
          auth: { mechanism: 'plain', existingSecret: 'a' },
        },
      },
      'kafka.auth.mechanism needs a user: kafka.auth.user',
    ],
    [{ test: { user: 'app' } }, 'name a secret in test.existingSecret'],
    [{ capture: { deliveryMode: 'exactly-once' } }, 'set connect.exactlyOnceSupport to enabled'],
    [{ capture: { grants: { enabled: true } } }, 'capture.grants.existingSecret'],
    [
      { kafka: { replicas: 3, persistence: { existingClaim: 'one' } } },
      'kafka.persistence.existingClaim is one volume',
    ],
    [
      { metrics: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } } },
      'count everything twice',
    ],
  ])('%j contradicts itself, and is told how to put it right', async (values, sentence) => {
    expect(await refusal({ values })).toContain(sentence);
  });

  test('all contradictions come at once', async () => {
    const said = await refusal({
      values: { kafka: { enabled: false }, scylla: { enabled: false } },
    });
    expect(said).toContain('kafka.external.brokers');
    expect(said).toContain('scylla.external.contactPoints');
  });

  test('capture that is registered elsewhere needs no address of Connect', async () => {
    const values = { connect: { enabled: false }, capture: { enabled: false } };
    expect((await render({ values })).length).toBeGreaterThan(0);
  });
});
