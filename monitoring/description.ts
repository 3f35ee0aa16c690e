/**
 * What a dashboard is, as data: rows of panels, each with its queries, unit and a sentence on how to
 * read it. grafana.ts makes Grafana's JSON of it; the tests read the queries from here.
 *
 * Queries name `$namespace` and, where the dashboard has it, `$projection`; rates are over
 * `$__rate_interval`. They use metrics alone, not the recording rules: a dashboard works without them.
 */

export type Query = {
  readonly expr: string;
  /** With Prometheus' labels as `{{label}}`. */
  readonly legend: string;
};

/** Grafana's names of units. */
export type Unit =
  | 's'
  | 'bytes'
  | 'Bps'
  | 'short'
  | 'percentunit'
  | 'ops'
  | 'reqps'
  | 'eps'
  | 'none';

export type Panel = {
  readonly title: string;
  /** What it shows and how to read it. */
  readonly description: string;
  readonly kind: 'lines' | 'stacked' | 'stat' | 'heatmap';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Of the 24 columns. */
  readonly width: number;
  /** From which value on it is no longer green. */
  readonly limits?: { readonly orange?: number; readonly red?: number };
  /** What an empty panel means; without it, a system that runs has something to show. */
  readonly emptyMeans?: string;
  /** A click on a series opens the dashboard of its projection. */
  readonly linksToProjection?: boolean;
};

export type Row = { readonly title: string; readonly panels: readonly Panel[] };

export type Dashboard = {
  /** Its file is `<uid>.json`. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** With a variable `projection`: one of those that have folded events. */
  readonly ofOneProjection: boolean;
  readonly rows: readonly Row[];
};

/** The alerts' limits of staleness (rules.yaml). */
export const stalenessLimits = { orange: 60, red: 300 };

export const query = (legend: string, expr: string): Query => ({ legend, expr });

/** A quantile of a histogram, by the labels that are to be told apart. */
export function quantile(q: number, histogram: string, selector: string, by: string): string {
  const groups = by === '' ? 'le' : `le, ${by}`;
  return `histogram_quantile(${q}, sum by (${groups}) (rate(${histogram}_bucket{${selector}}[$__rate_interval])))`;
}

/** The mean of a histogram, by the labels that are to be told apart. */
export function mean(histogram: string, selector: string, by: string): string {
  const summed = (part: string) =>
    `sum by (${by}) (rate(${histogram}_${part}{${selector}}[$__rate_interval]))`;
  return `${summed('sum')} / ${summed('count')}`;
}
