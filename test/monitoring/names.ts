/** What of an expression does not exist, in words. */
import { namedIn } from './promql.ts';

export function unknownNames(
  expr: string,
  series: ReadonlyMap<string, readonly string[]>,
  values: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  const { selectors, groupings } = namedIn(expr);
  const wrong: string[] = [];
  const check = (metric: string, label: string) => {
    const labels = series.get(metric);
    if (labels === undefined) wrong.push(`no series ${metric}`);
    else if (!labels.includes(label)) wrong.push(`no label ${label} of ${metric}`);
  };
  if (selectors.length === 0) wrong.push('it names no series at all');
  for (const { metrics, matchers } of selectors) {
    if (metrics.length === 0) wrong.push('a selector without a name');
    for (const metric of metrics) {
      if (!series.has(metric)) wrong.push(`no series ${metric}`);
      for (const { label } of matchers) check(metric, label);
    }
    for (const { label, value } of matchers) {
      const known = values[label];
      if (known === undefined || value === '.+' || value === '.*') continue;
      for (const each of value.split('|')) {
        if (!known.includes(each)) wrong.push(`no value ${each} of ${label}`);
      }
    }
  }
  for (const { labels, metrics } of groupings) {
    for (const metric of metrics) for (const label of labels) check(metric, label);
  }
  return [...new Set(wrong)];
}
