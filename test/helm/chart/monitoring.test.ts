/** Monitoring and the network: what is scraped, what rules and dashboards arrive, and who may reach whom. */
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { filesIn, readText } from '../../support/sources.ts';
import { podsOf } from '../support/pods.ts';
import { type Fields, isMissing, namesOf, objectOf, render } from '../support/render.ts';

type RuleGroups = readonly {
  readonly name: string;
  readonly rules: readonly {
    readonly alert?: string;
    readonly annotations?: Record<string, string>;
  }[];
}[];

const monitoring = 'helm/turnstream/monitoring';

describe.skipIf(isMissing)('monitoring', () => {
  test('is off unless somebody asks for it', async () => {
    expect(
      namesOf(await render()).filter((name) => /Monitor|PrometheusRule|dashboard/.test(name)),
    ).toEqual([]);
  });

  test('the rules arrive as they are, with runbooks at the address given', async () => {
    const objects = await render({ file: 'everything-values.yaml' });
    const { spec, metadata } = objectOf(objects, 'PrometheusRule', 'turnstream-readmodels-rules');
    const { groups } = parse(readText(`${monitoring}/rules.yaml`)) as {
      readonly groups: RuleGroups;
    };
    const withAddress = groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) =>
        rule.annotations?.['runbook_url'] === undefined
          ? rule
          : {
              ...rule,
              annotations: {
                ...rule.annotations,
                runbook_url: `https://example.com/turnstream/${rule.annotations['runbook_url']}`,
              },
            },
      ),
    }));
    expect(spec?.['groups']).toEqual(withAddress);
    expect(metadata.labels).toMatchObject({ release: 'prometheus' });
  });

  test('each dashboard arrives byte by byte in a ConfigMap that the sidecar finds', async () => {
    const objects = await render({ file: 'everything-values.yaml' });
    const files = filesIn([`${monitoring}/dashboards`], ['.json']);
    expect(files.length).toBeGreaterThan(0);
    for (const path of files) {
      const file = basename(path);
      const name = file.replace(/^turnstream-|\.json$/g, '');
      const { data, metadata } = objectOf(
        objects,
        'ConfigMap',
        `turnstream-readmodels-dashboard-${name}`,
      );
      expect(data?.[file]?.trim()).toBe(readText(path).trim());
      expect(metadata.labels).toMatchObject({ grafana_dashboard: '1' });
      expect(metadata.namespace).toBe('monitoring');
    }
  });

  test.each([
    ['PodMonitor', 'grouped-values.yaml', 'turnstream'],
    ['ServiceMonitor', 'everything-values.yaml', 'turnstream-readmodels'],
  ])('a %s finds all processes that serve metrics, and nothing else', async (kind, file, full) => {
    const objects = await render({ file });
    const monitor = objectOf(objects, kind, `${full}-metrics`);
    const { matchLabels } = (monitor.spec?.['selector'] ?? {}) as {
      matchLabels: Record<string, string>;
    };
    const isMeant = (labels: Readonly<Record<string, string>> = {}) =>
      Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
    const found = podsOf(objects).filter(({ labels }) => isMeant(labels));
    const serving = podsOf(objects).filter(({ spec }) =>
      spec.containers.some(
        ({ ports = [], livenessProbe }) =>
          ports.some(({ name }) => name === 'metrics') && livenessProbe?.['httpGet'] !== undefined,
      ),
    );
    expect(found.map(({ owner }) => owner)).toEqual(serving.map(({ owner }) => owner));
    expect(found.length).toBeGreaterThan(1);
    const services = objects.filter(
      (each) => each.kind === 'Service' && isMeant(each.metadata.labels),
    );
    expect(services.length).toBe(kind === 'ServiceMonitor' ? 1 : 0);
  });
});

describe.skipIf(isMissing)('network policies', () => {
  type Peer = {
    readonly podSelector?: {
      readonly matchLabels: Readonly<Record<string, string>>;
      readonly matchExpressions?: readonly { readonly values: readonly string[] }[];
    };
  };

  test('let each part be reached by those that ask it, and by those named in the values', async () => {
    const values = {
      networkPolicy: {
        enabled: true,
        cqlFrom: [{ podSelector: { matchLabels: { app: 'reader' } } }],
      },
    };
    const objects = await render({ values });
    const fromOf = (name: string) => {
      const { spec = {} } = objectOf(objects, 'NetworkPolicy', name);
      const [first] = spec['ingress'] as readonly { readonly from: readonly Peer[] }[];
      return first?.from ?? [];
    };
    const partsOf = (name: string) =>
      fromOf(name).flatMap(({ podSelector }) => podSelector?.matchExpressions?.[0]?.values ?? []);
    expect(partsOf('turnstream-connect')).toEqual(['capture', 'sequencer']);
    expect(partsOf('turnstream-scylla')).toEqual(
      expect.arrayContaining(['sequencer', 'worker', 'schema']),
    );
    expect(partsOf('turnstream-scylla')).not.toContain('connect');
    expect(partsOf('turnstream-postgres')).toContain('connect');
    expect(fromOf('turnstream-scylla')).toContainEqual({
      podSelector: { matchLabels: { app: 'reader' } },
    });
  });

  test('each part that is named exists, and each server has its policy', async () => {
    const values: Fields = {
      networkPolicy: { enabled: true },
      verify: { continuous: { enabled: true } },
      capture: { grants: { enabled: true, existingSecret: 'owner' } },
    };
    const objects = await render({ values });
    const components = podsOf(objects).map(({ labels }) => labels['app.kubernetes.io/component']);
    const text = JSON.stringify(objects.filter(({ kind }) => kind === 'NetworkPolicy'));
    const named = [...text.matchAll(/"operator":"In","values":\[([^\]]*)\]/g)].flatMap(
      ([, list = '']) => JSON.parse(`[${list}]`) as string[],
    );
    expect(named.filter((each) => !components.includes(each))).toEqual([]);
    const policies = objects
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .map(({ metadata }) => metadata.name);
    for (const server of ['scylla', 'kafka', 'connect', 'registry', 'postgres']) {
      expect(policies).toContain(`turnstream-${server}`);
    }
  });
});
