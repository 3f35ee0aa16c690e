/** Every query of the dashboards and every rule, evaluated by a Prometheus: what it refuses, and what is empty. */
import { dashboards } from '../../monitoring/dashboards.ts';
import { messageOf } from '../../processor/error.ts';
import type { PrometheusServer } from './prometheus-server.ts';
import { filledIn } from './promql.ts';
import { alerts, recordings } from './rules.ts';

/** Longer than a few scrapes. */
const rateInterval = '10s';

export type Evaluation = {
  /** What Prometheus can't evaluate, with its words. */
  readonly refused: readonly string[];
  /** Panels of which no query has a number now. */
  readonly empty: readonly { readonly panel: string; readonly emptyMeans: string | undefined }[];
  /** Recording rules without a series. */
  readonly unrecorded: readonly string[];
  /** Alerts whose expression holds now, also for too short a time to fire. */
  readonly alarmed: readonly string[];
};

export async function evaluate(prometheus: PrometheusServer): Promise<Evaluation> {
  const refused: string[] = [];
  /** Series with a number: 0/0 is none. */
  const series = async (name: string, expr: string): Promise<number> => {
    try {
      const samples = await prometheus.query(expr);
      return samples.filter(({ value }) => Number.isFinite(value)).length;
    } catch (thrown) {
      refused.push(`${name}: ${messageOf(thrown)}`);
      return 0;
    }
  };
  const empty: { panel: string; emptyMeans: string | undefined }[] = [];
  for (const { uid, rows } of dashboards) {
    for (const { title, queries, emptyMeans } of rows.flatMap(({ panels }) => panels)) {
      const panel = `${uid}, ${title}`;
      let found = 0;
      for (const { expr } of queries) found += await series(panel, filledIn(expr, rateInterval));
      if (found === 0) empty.push({ panel, emptyMeans });
    }
  }
  const unrecorded: string[] = [];
  for (const { record, expr } of recordings) {
    await series(record, expr);
    if ((await series(record, record)) === 0) unrecorded.push(record);
  }
  const alarmed: string[] = [];
  for (const { alert, expr } of alerts) {
    if ((await series(alert, expr)) > 0) alarmed.push(alert);
  }
  const ruleErrors = (await prometheus.ruleErrors()).filter((error) => error !== null);
  return { refused: [...refused, ...ruleErrors], empty, unrecorded, alarmed };
}
