/** The alert rules name what exists, lead to a runbook, and each is tested firing and silent. */
import { expect, test } from 'vitest';
import { readText } from '../support/sources.ts';
import { knownSeries, knownValues } from './known-metrics.ts';
import { unknownNames } from './names.ts';
import { alerts, looks, recordings } from './rules.ts';

const named = alerts.map((alert) => [`${alert.alert} (${alert.labels.severity})`, alert] as const);
const operating = readText('docs/operating.md');
/** Heading → its text, of the section Alerts. */
const runbooks = new Map(
  operating
    .split(/^## /m)
    .filter((section) => section.startsWith('Alerts\n'))
    .flatMap((section) => section.split(/^### /m).slice(1))
    .map((text) => [text.slice(0, text.indexOf('\n')), text]),
);

test('there are rules, each alert of one severity once', () => {
  expect(alerts.length).toBeGreaterThan(20);
  expect(new Set(named.map(([name]) => name)).size).toBe(alerts.length);
});

test.each(named)('%s names series, labels and values that exist', async (_, { expr }) => {
  expect(unknownNames(expr, await seriesWithRecordings(), knownValues)).toEqual([]);
});

test.each(recordings)('$record is made of series that exist', async ({ expr }) => {
  expect(unknownNames(expr, await knownSeries(), knownValues)).toEqual([]);
});

test.each(named)('%s leads to its own runbook', (_, { alert, annotations }) => {
  expect(annotations.runbook_url).toBe(`docs/operating.md#${alert.toLowerCase()}`);
  const runbook = runbooks.get(alert);
  expect(runbook, `section “### ${alert}” of docs/operating.md`).toBeDefined();
  for (const part of ['**Means.**', '**Look first.**', '**Do.**']) {
    expect(runbook).toContain(part);
  }
});

test('no runbook is left of an alert that is gone', () => {
  const names = new Set(alerts.map(({ alert }) => alert));
  expect([...runbooks.keys()].filter((name) => !names.has(name))).toEqual([]);
  expect(runbooks.size).toBe(names.size);
});

test.each(named)(
  '%s has a case in which it fires and one in which it does not',
  (_, { alert, labels }) => {
    const fires = looks
      .filter((look) => look.alert === alert)
      .map(({ severities }) => severities.includes(labels.severity));
    expect(new Set(fires)).toEqual(new Set([true, false]));
  },
);

/** A recorded series has the labels that its expression groups by, `le` aside. */
async function seriesWithRecordings(): Promise<ReadonlyMap<string, readonly string[]>> {
  const known = new Map(await knownSeries());
  for (const { record } of recordings) {
    const [level = ''] = record.split(':');
    known.set(record, level.split('_'));
  }
  return known;
}
