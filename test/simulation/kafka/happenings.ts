/** What the simulated Kafka counts, in order: what a run of many histories must bring about. */
export const kafkaHappenings: readonly string[] = [
  'kafka: a commit was applied and not acknowledged',
  'kafka: a commit was refused (fenced)',
  'kafka: a committed offset went back',
  'kafka: a fetch of a slow partition was held up',
  'kafka: a fetch was cut short',
  'kafka: a leaving was not acknowledged',
  'kafka: a member expired',
  'kafka: a rebalance while a batch was in hand',
  'kafka: an append was applied and not acknowledged',
  'kafka: an append was applied in some partitions only',
  'kafka: an append was applied long after its time-out',
  'kafka: an old commit was applied late',
  'kafka: two owners read at a time',
];
