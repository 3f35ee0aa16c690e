/**
 * A real Prometheus scrapes pages of our metrics and evaluates every query and rule. The same over the real
 * pipeline is test/stack/dashboards.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evaluate } from './evaluate.ts';
import { Pages } from './pages.ts';
import { PrometheusServer } from './prometheus-server.ts';
import { prometheusTools } from './prometheus-tools.ts';

const tools = await prometheusTools();
if ('missing' in tools) console.warn(`The queries were not run: ${tools.missing}.`);

let pages: Pages;
let prometheus: PrometheusServer | undefined;

beforeAll(async () => {
  pages = await Pages.open();
  if (!('missing' in tools)) prometheus = await PrometheusServer.start(tools, pages.targets);
});

afterAll(async () => {
  await prometheus?.stop();
  await pages.close();
});

test.skipIf('missing' in tools)(
  'over pages of a healthy installation every panel shows something, every rule holds, no alert does',
  async () => {
    const server = prometheus!;
    await server.scraped(pages.targets.length, 6);
    expect(await server.targetErrors()).toEqual(pages.targets.map(() => null));
    expect(await evaluate(server)).toEqual({
      refused: [],
      empty: [],
      unrecorded: [],
      alarmed: [],
    });
  },
);

test.skipIf('missing' in tools)('what Prometheus can’t evaluate is told', async () => {
  await expect(prometheus!.query('sum by (turnstream_up')).rejects.toThrow('parse error');
});
