/** What a replay says at its end, and a dry run instead of one, as text and as JSON. Pure. */
import { generationName } from '../engine/generations.ts';
import type { DryRun, Sample } from '../replay/dry-run.ts';
import type { ReplayResult } from '../replay/ports.ts';
import { duration } from './lag-report.ts';
import { count } from './progress-telling.ts';
import { textTable } from './text-table.ts';

export function resultsText(results: readonly ReplayResult[]): string {
  const rows = results.map((result) => {
    const { generation, outcome, records, seconds, asOf } = result;
    const rate = seconds > 0 ? records / seconds : 0;
    const upTo = asOf === null ? '-' : `${asOf.lsn}, ${asOf.committedAt}`;
    const name = generationName(generation);
    return [name, outcome, count(records), duration(seconds * 1000), count(rate), upTo];
  });
  const header = ['generation', 'outcome', 'events', 'took', 'per second', 'exact as of'];
  const table = textTable(header, rows, { alignRight: [2, 3, 4] });
  const sentences = results.flatMap(({ message, verification, dropped }) => [
    `${message}.`,
    ...(verification === null ? [] : [verification.summary]),
    ...(dropped.length === 0 ? [] : [`Dropped: ${dropped.join(', ')}.`]),
  ]);
  return [table, '', ...sentences.filter((each) => each !== '')].join('\n');
}

export function resultsJson(results: readonly ReplayResult[]): string {
  const all = results.map((result) => ({ ...result, table: generationName(result.generation) }));
  return JSON.stringify({ replays: all });
}

export type DryRunReport = {
  readonly projections: readonly DryRun[];
  readonly estimate: {
    readonly seconds: number;
    readonly recordsPerSecond: number;
    /** Where the figure comes from. */
    readonly basis: string;
  } | null;
};

export function dryRunReport(
  projections: readonly DryRun[],
  sample: Sample | null,
  eventsPerSecondMax: number | null,
): DryRunReport {
  if (sample === null) return { projections, estimate: null };
  // One pass serves all of them, so the longest one counts.
  const records = Math.max(0, ...projections.map((each) => each.records));
  const throttled =
    eventsPerSecondMax !== null && eventsPerSecondMax < sample.recordsPerSecond
      ? eventsPerSecondMax
      : null;
  const recordsPerSecond = throttled ?? sample.recordsPerSecond;
  const basis =
    throttled === null
      ? `${count(sample.records)} events were read and folded here in ${sample.seconds.toFixed(1)} s, and not written: with the writes it takes longer, often twice as long`
      : `--events-per-second-max ${throttled}, which is below what a sample of ${sample.seconds.toFixed(1)} s read and folded here`;
  return {
    projections,
    estimate: { seconds: records / recordsPerSecond, recordsPerSecond, basis },
  };
}

export function dryRunText({ projections, estimate }: DryRunReport): string {
  const rows = projections.flatMap(({ projection, partitions, records, resumes }) => [
    ...partitions.map((each) => [projection, String(each.partition), count(each.records), '']),
    [projection, 'all', count(records), resumes ? 'goes on with an unfinished build' : ''],
  ]);
  const table = textTable(['projection', 'partition', 'events', ''], rows, { alignRight: [1, 2] });
  const last =
    estimate === null
      ? 'There is nothing to read.'
      : `At least ${duration(estimate.seconds * 1000)}, at ${count(estimate.recordsPerSecond)} events a second: ${estimate.basis}.`;
  return `${table}\n\n${last}`;
}
