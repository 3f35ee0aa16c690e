/** What verification is told: limits, each with its unit. processor/config.ts fills them. */

export type VerifySettings = {
  /** Partitions of the event log, so the shards of aggregates. */
  readonly partitions: number;
  /** Buckets of rows that are summed up, as a power of two: 20 is a million. Some 16 bytes each, by projection. */
  readonly bucketBits: number;
  /** Rows of differing buckets that are kept in memory, by projection, expected and standing together. */
  readonly detailRowsMax: number;
  /** Rows that may change while it looks, by projection. */
  readonly fluxRowsMax: number;
  /** Snapshots in which rows that go on changing are compared again. */
  readonly roundsMax: number;
  /** With nothing moving for so long, it could not verify. */
  readonly waitMsMax: number;
  /** A lane that takes nothing for so long, though there is something to take, stands still. */
  readonly standStillMs: number;
  /** Should the owner of a hold be killed, workers stand still for so long. Renewed at a third of it. */
  readonly holdMs: number;
  /** Totals of a read model that are repaired at a time. */
  readonly repairRowsMax: number;
};

export const verifyDefaults = {
  bucketBits: 20,
  detailRowsMax: 200_000,
  fluxRowsMax: 500_000,
  roundsMax: 30,
  waitMsMax: 60_000,
  standStillMs: 1000,
  holdMs: 15_000,
  repairRowsMax: 2000,
} as const satisfies Partial<VerifySettings>;
