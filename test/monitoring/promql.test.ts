import { expect, test } from 'vitest';
import { filledIn, namedIn } from './promql.ts';

test('metrics, matchers and groups are found wherever they stand', () => {
  const named = namedIn(
    'sum by (le, a) (rate(x_bucket{b=~"c|d"}[5m] offset 1h)) > 2 and on (e) last_over_time({__name__=~"y|z", f!="g"}[1m])',
  );
  expect(named.selectors).toEqual([
    { metrics: ['x_bucket'], matchers: [{ label: 'b', operator: '=~', value: 'c|d' }] },
    { metrics: ['y', 'z'], matchers: [{ label: 'f', operator: '!=', value: 'g' }] },
  ]);
  expect(named.groupings).toEqual([
    { labels: ['le', 'a'], metrics: ['x_bucket'] },
    { labels: ['e'], metrics: ['x_bucket'] },
    { labels: ['e'], metrics: ['y', 'z'] },
  ]);
});

test('what is no PromQL is refused with its place', () => {
  expect(() => namedIn('sum by (a (x)')).toThrow('no PromQL');
  expect(() => namedIn('rate(x[5m)')).toThrow('no PromQL');
});

test('Grafana’s variables are filled in', () => {
  expect(
    filledIn('rate(x{projection="$projection", namespace=~"$namespace"}[$__rate_interval])', '7s'),
  ).toBe('rate(x{projection=~".+", namespace=~".*"}[7s])');
});
