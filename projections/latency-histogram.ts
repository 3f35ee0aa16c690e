/**
 * How long things take, counted: per UTC day and hour, metric, step type and bucket (buckets.ts).
 *
 * | metric | from | to | fact |
 * | --- | --- | --- | --- |
 * | first_step | asked | the answer's first step | agentTurn |
 * | first_visible_step | asked | its first visible step | agentTurn |
 * | turn_duration | asked | its last step | agentTurn |
 * | step_gap | the step before it in the turn | the step | step |
 * | think_time | the answer's last step | the next human turn | humanTurn |
 *
 * An interval belongs to the day and hour of its end. Where an end is unknown there is no interval.
 * Negative intervals and those of 24 h or more have their own buckets, where `sumMicros` stays 0:
 * such sizes have no bound and would leave the exact integers. In the other buckets `sumMicros` is
 * exact, so a mean over them is too.
 *
 * A CQL partition is one metric of one day. The largest is step_gap's: 24 hours × 13 types × about
 * 80 buckets in use = 25,000 rows a shard, so 300,000 rows of 70 bytes = 21 MB with 12 busy shards.
 */
import { bigint, date, int, text } from '../processor/projection/columns.ts';
import { defineAggregate } from '../processor/projection/define.ts';
import { dayOf, hourOf, type Instant, microsFrom } from '../processor/projection/time.ts';
import { bucketOfMicros, negativeBucket, overflowBucket } from './buckets.ts';

export const latencyMetrics = [
  'first_step',
  'first_visible_step',
  'turn_duration',
  'step_gap',
  'think_time',
] as const;

export type LatencyMetric = (typeof latencyMetrics)[number];

/** `tpe` of the metrics that concern no step, and of a step whose type is NULL. */
export const tpeNotApplicable = -1;
export const tpeUnknown = -2;

export const latencyHistogram = defineAggregate({
  name: 'latency_histogram',
  version: 1,
  about: 'How many intervals of a metric ended in a UTC hour, by step type and length.',
  of: ['humanTurn', 'agentTurn', 'step'],
  key: { day: date, hour: int, metric: text, tpe: int, bucket: int },
  partitionBy: ['day', 'metric'],
  totals: { count: bigint, sumMicros: bigint },
  contribute: (fact) => {
    const found: Interval[] = [];
    switch (fact.kind) {
      case 'humanTurn':
        add(found, 'think_time', tpeNotApplicable, fact.answeredAt, fact.createdAt);
        break;
      case 'step':
        add(found, 'step_gap', fact.tpe ?? tpeUnknown, fact.previousStepAt, fact.createdAt);
        break;
      case 'agentTurn': {
        const { askedAt, firstStepAt, firstVisibleStepAt, lastStepAt } = fact;
        add(found, 'first_step', tpeNotApplicable, askedAt, firstStepAt);
        add(found, 'first_visible_step', tpeNotApplicable, askedAt, firstVisibleStepAt);
        add(found, 'turn_duration', tpeNotApplicable, askedAt, lastStepAt);
      }
    }
    return found;
  },
});

type Interval = {
  readonly key: { day: number; hour: number; metric: LatencyMetric; tpe: number; bucket: number };
  readonly totals: { count: number; sumMicros: number };
};

function add(
  found: Interval[],
  metric: LatencyMetric,
  tpe: number,
  from: Instant | null,
  to: Instant | null,
): void {
  const micros = microsFrom(from, to);
  if (micros === null || to === null) return;
  const bucket = bucketOfMicros(micros);
  const apart = bucket === negativeBucket || bucket === overflowBucket;
  found.push({
    key: { day: dayOf(to), hour: hourOf(to), metric, tpe, bucket },
    totals: { count: 1, sumMicros: apart ? 0 : micros },
  });
}
