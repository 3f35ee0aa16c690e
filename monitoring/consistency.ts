/**
 * The dashboard of consistency: how old is what readers see, do read models agree with each other and
 * with Postgres, and what is not in them yet.
 */
import { type Dashboard, quantile, query, type Row, stalenessLimits } from './description.ts';

const all = 'namespace=~"$namespace"';
const readable = 'turnstream_commit_to_readable_seconds';
/** Bounds of buckets, as Prometheus prints them. */
const within = ['0.1', '0.25', '1', '5'];

const share = (bound: string) =>
  `sum(rate(${readable}_bucket{le="${bound}", ${all}}[$__rate_interval])) / sum(rate(${readable}_count{${all}}[$__rate_interval]))`;

const freshness: Row = {
  title: 'How old is what readers see',
  panels: [
    {
      title: 'Staleness',
      description:
        'Every transaction that is older than this can be read (I4). It grows when anything upstream stops.',
      kind: 'lines',
      unit: 's',
      width: 12,
      limits: stalenessLimits,
      linksToProjection: true,
      queries: [
        query('{{projection}}', `max by (projection) (turnstream_staleness_seconds{${all}})`),
      ],
    },
    {
      title: 'Staleness, worst of the last hour',
      description:
        'The bound that could have been promised over the last hour, in nearly all and in all of it.',
      kind: 'lines',
      unit: 's',
      width: 12,
      linksToProjection: true,
      queries: [
        query(
          '{{projection}} p99',
          `max by (projection) (quantile_over_time(0.99, turnstream_staleness_seconds{${all}}[1h]))`,
        ),
        query(
          '{{projection}} max',
          `max by (projection) (max_over_time(turnstream_staleness_seconds{${all}}[1h]))`,
        ),
      ],
    },
    {
      title: 'Events that can be read in time',
      description: 'Share of the events whose rows could be read so soon after their commit.',
      kind: 'lines',
      unit: 'percentunit',
      width: 12,
      emptyMeans: 'No events',
      queries: within.map((bound) => query(`within ${bound} s`, share(bound))),
    },
    {
      title: 'Commit to readable, p99 by read model',
      description: 'Which read model makes its readers wait.',
      kind: 'lines',
      unit: 's',
      width: 12,
      emptyMeans: 'No events',
      linksToProjection: true,
      queries: [query('{{projection}}', quantile(0.99, readable, all, 'projection'))],
    },
    {
      title: 'How far apart read models are',
      description:
        'WAL between the watermarks of the freshest and the stalest one: a screen that reads both may show moments that lie so far apart.',
      kind: 'lines',
      unit: 'bytes',
      width: 12,
      queries: [
        query(
          'apart',
          `max(max by (projection) (turnstream_watermark_lsn_bytes{${all}})) - min(min by (projection) (turnstream_watermark_lsn_bytes{${all}}))`,
        ),
      ],
    },
    {
      title: 'Clocks that differ',
      description:
        'Intervals that came out below zero and are shown as 0: the clocks of Postgres, Connect and the processes differ, and the latencies here are off by that.',
      kind: 'lines',
      unit: 'eps',
      width: 12,
      queries: [
        query(
          '{{interval}}',
          `sum by (interval) (rate(turnstream_negative_intervals_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
  ],
};

const unverified = 'Nothing verifies continuously';

const verification: Row = {
  title: 'Do they equal Postgres (turnstream verify --continuous)',
  panels: [
    {
      title: 'Rows that differ',
      description: 'Missing, extra or different in the last comparison. 0 is proven at one LSN.',
      kind: 'stat',
      unit: 'none',
      width: 6,
      limits: { red: 1 },
      emptyMeans: unverified,
      queries: [query('', `sum(turnstream_verify_differences{${all}})`)],
    },
    {
      title: 'Last proof',
      description: 'Time since the last comparison that came to an end.',
      kind: 'stat',
      unit: 's',
      width: 6,
      limits: { orange: 3600 },
      emptyMeans: unverified,
      queries: [query('', `min(turnstream_verify_age_seconds{${all}})`)],
    },
    {
      title: 'Rows compared',
      description: 'Of all read models together, in the last comparison.',
      kind: 'stat',
      unit: 'short',
      width: 6,
      emptyMeans: unverified,
      queries: [query('', `sum(turnstream_verify_rows{${all}})`)],
    },
    {
      title: 'Duration',
      description: 'How long the last comparison took.',
      kind: 'stat',
      unit: 's',
      width: 6,
      emptyMeans: unverified,
      queries: [query('', `max(turnstream_verify_duration_seconds{${all}})`)],
    },
    {
      title: 'Comparisons by result',
      description:
        'equal; differences; unknown: not all could be compared; failed: nothing could. The log says why.',
      kind: 'stacked',
      unit: 'short',
      width: 8,
      emptyMeans: unverified,
      queries: [
        query(
          '{{result}}',
          `sum by (result) (increase(turnstream_verify_runs_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Differences by read model',
      description: 'By kind. A click opens the projection.',
      kind: 'lines',
      unit: 'short',
      width: 8,
      limits: { red: 1 },
      emptyMeans: unverified,
      linksToProjection: true,
      queries: [
        query(
          '{{projection}} {{kind}}',
          `max by (projection, kind) (turnstream_verify_differences{${all}})`,
        ),
      ],
    },
    {
      title: 'Rows that stayed open',
      description:
        'changing: written to until the end, and as the log has them; unsettled: not known; pinned: written by hand beyond the log; refused: the function throws on their facts.',
      kind: 'lines',
      unit: 'short',
      width: 8,
      emptyMeans: unverified,
      queries: [query('{{state}}', `sum by (state) (turnstream_verify_open_rows{${all}})`)],
    },
    {
      title: 'Rounds',
      description:
        'Snapshots of the source that the last comparison took: more than one when rows changed meanwhile or differ.',
      kind: 'lines',
      unit: 'short',
      width: 8,
      emptyMeans: unverified,
      queries: [query('rounds', `max(turnstream_verify_rounds{${all}})`)],
    },
    {
      title: 'WAL since the last proof',
      description: 'What is newer than the LSN of the last comparison is not proven yet.',
      kind: 'lines',
      unit: 'bytes',
      width: 8,
      emptyMeans: unverified,
      queries: [
        query(
          'since',
          `clamp_min(max(turnstream_watermark_lsn_bytes{${all}}) - max(turnstream_verify_lsn_bytes{${all}}), 0)`,
        ),
      ],
    },
    {
      title: 'Rows repaired',
      description: 'Rows that `--repair` has rewritten.',
      kind: 'lines',
      unit: 'short',
      width: 8,
      emptyMeans: unverified,
      queries: [
        query(
          '{{projection}}',
          `sum by (projection) (increase(turnstream_verify_repaired_rows_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
  ],
};

const missing: Row = {
  title: 'What is not in them',
  panels: [
    {
      title: 'Dead letters waiting',
      description: 'Records that were set aside, by who set them aside.',
      kind: 'lines',
      unit: 'short',
      width: 6,
      limits: { orange: 1 },
      queries: [query('{{origin}}', `sum by (origin) (turnstream_dead_letters_waiting{${all}})`)],
    },
    {
      title: 'Parked steps',
      description: 'Steps whose agent turn has not arrived: in no read model before it does.',
      kind: 'lines',
      unit: 'short',
      width: 6,
      queries: [query('parked', `max(turnstream_parked_steps{${all}})`)],
    },
    {
      title: 'Oldest parked step',
      description: 'A step that waits for seconds is normal; for hours, its turn will not come.',
      kind: 'lines',
      unit: 's',
      width: 6,
      limits: { orange: 3600 },
      queries: [query('oldest', `max(turnstream_parked_oldest_seconds{${all}})`)],
    },
    {
      title: 'Versions behind',
      description: 'Read models whose readers use an older version than the definition.',
      kind: 'lines',
      unit: 'none',
      width: 6,
      linksToProjection: true,
      queries: [
        query(
          '{{projection}}',
          `max by (projection) (turnstream_projection_version_behind{${all}})`,
        ),
      ],
    },
  ],
};

export const consistency: Dashboard = {
  uid: 'turnstream-consistency',
  title: 'Turnstream / Consistency',
  description:
    'Consistency analysis: staleness, agreement between read models, verification against Postgres, what is missing.',
  ofOneProjection: false,
  rows: [freshness, verification, missing],
};
