/** How metric-table.ts becomes prom-client's objects, and what the others see of them. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type MetricDeclaration, type MetricName, metricTable } from './metric-table.ts';

export type Count = { inc(by?: number): void };
export type Level = { set(value: number): void };
/** Takes seconds; a negative interval is observed as 0 and counted. */
export type Interval = { observe(seconds: number): void };

export type Declare = ReturnType<typeof declareIn>;

export function declareIn(registry: Registry) {
  const common = (name: MetricName) => {
    const { help, labels }: MetricDeclaration = metricTable[name];
    return { name, help, labelNames: labels, registers: [registry] };
  };
  return {
    counter: (name: MetricName) => new Counter<string>(common(name)),
    gauge: (name: MetricName, collect?: (gauge: Gauge<string>) => void) =>
      new Gauge<string>({
        ...common(name),
        ...(collect === undefined
          ? {}
          : {
              collect() {
                collect(this);
              },
            }),
      }),
    histogram: (name: MetricName) => {
      const { buckets }: MetricDeclaration = metricTable[name];
      return new Histogram<string>({ ...common(name), buckets: [...(buckets ?? [])] });
    },
  };
}

/** Bound to its labels and there from the start: a counter that appears at 1 has no increase. */
export function counted(counter: Counter<string>, ...labels: readonly string[]): Count {
  const child = counter.labels(...labels);
  child.inc(0);
  return child;
}

export function interval(histogram: Interval, negative: Count): Interval {
  return {
    observe(seconds) {
      if (seconds < 0) negative.inc();
      histogram.observe(Math.max(0, seconds));
    },
  };
}
