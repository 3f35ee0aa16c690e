/** The dashboards are the described ones, name what exists, and say how to read each panel. */
import { expect, test } from 'vitest';
import { dashboards } from '../../monitoring/dashboards.ts';
import { grafanaJson } from '../../monitoring/grafana.ts';
import { filesIn, readText } from '../support/sources.ts';
import { knownSeries, knownValues } from './known-metrics.ts';
import { unknownNames } from './names.ts';
import { filledIn } from './promql.ts';

const folder = 'helm/turnstream/monitoring/dashboards';
const panels = dashboards.flatMap((dashboard) =>
  dashboard.rows.flatMap((row) =>
    row.panels.map((panel) => [dashboard.uid, row.title, panel.title, panel] as const),
  ),
);

test.each(dashboards)('the JSON of $uid is what monitoring/ describes', async (dashboard) => {
  const path = `../../${folder}/${dashboard.uid}.json`;
  await expect(grafanaJson(dashboard)).toMatchFileSnapshot(path);
});

test('no dashboard is left that nothing describes', () => {
  const described = dashboards.map(({ uid }) => `${folder}/${uid}.json`);
  expect([...filesIn([folder], ['.json'])].sort()).toEqual(described.sort());
});

test.each(panels)('%s, %s, %s: its queries name what exists', async (_, __, ___, panel) => {
  const known = await knownSeries();
  expect(panel.queries).not.toEqual([]);
  for (const { expr, legend } of panel.queries) {
    expect(unknownNames(filledIn(expr), known, knownValues), expr).toEqual([]);
    // Every selector has its namespace, so that two installations are told apart.
    expect(expr.match(/namespace=~"\$namespace"/g)).toHaveLength(expr.match(/\{/g)?.length ?? 0);
    expect(panel.queries.length === 1 || legend !== '', `legend of ${expr}`).toBe(true);
  }
});

test('panels have a sentence, rows fill the width, and nothing names an installation', () => {
  for (const [uid, , title, panel] of panels) {
    expect(panel.description.length, `${uid}, ${title}`).toBeGreaterThan(20);
    expect(panel.description, `${uid}, ${title}`).toMatch(/[.:]$/);
  }
  for (const { uid, rows } of dashboards) {
    for (const row of rows) {
      const width = row.panels.reduce((sum, panel) => sum + panel.width, 0);
      expect(width % 24, `${uid}, ${row.title}`).toBe(0);
    }
    const json = readText(`${folder}/${uid}.json`);
    expect(json).not.toMatch(/\bjob=/);
    const uids = [...json.matchAll(/"uid": "([^"]+)"/g)].map(([, found]) => found);
    expect(new Set(uids)).toEqual(new Set([uid, '${'.concat('datasource}')]));
  }
});

test('a dashboard has Grafana’s shape: unique ids, a grid without overlaps, letters for queries', () => {
  for (const { uid } of dashboards) {
    const json = JSON.parse(readText(`${folder}/${uid}.json`)) as GrafanaDashboard;
    expect(json.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(json.templating.list[0]).toMatchObject({ type: 'datasource', query: 'prometheus' });
    const ids = json.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const cells = new Set<string>();
    for (const { gridPos, title } of json.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(cells.has(`${x},${y}`), `${uid}: ${title} covers another panel`).toBe(false);
          cells.add(`${x},${y}`);
        }
      }
    }
    for (const { targets = [], title } of json.panels) {
      const letters = targets.map(({ refId }) => refId);
      expect(letters, title).toEqual(['A', 'B', 'C', 'D', 'E'].slice(0, letters.length));
    }
  }
});

type GrafanaDashboard = {
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly unknown[] };
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
    readonly targets?: readonly { readonly refId: string }[];
  }[];
};
