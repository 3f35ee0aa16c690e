/**
 * What one history is like apart from what happens in it: how many processes, partitions and
 * replicas, and limits so small that every one of them is met. Each is drawn from few values, extremes
 * among them, so that histories differ in kind and not only in order (swarm testing).
 */

import type { WorkerSettings } from '../../processor/engine/worker-settings.ts';
import type { Projection } from '../../processor/projection/projection.ts';
import type { SequencerSettings } from '../../processor/sequencer/settings.ts';
import type { Dice } from './dice.ts';

export type Knobs = {
  readonly sequencers: number;
  readonly workers: number;
  /** One group hosts all projections, or two groups share them. */
  readonly workerGroups: 1 | 2;
  /** Of projections.ts, by name. */
  readonly projections: readonly string[];
  readonly eventsPartitions: number;
  readonly replicas: 1 | 3;
  readonly positionBase: number;
  readonly fetchRecordsMax: number;
  readonly sequencerBatchRecordsMax: number;
  readonly cacheBytesMax: number;
  readonly hintsMax: number;
  readonly pendingEventsMax: number;
  readonly writeConcurrencyMax: number;
  readonly cqlBatchRowsMax: number;
  readonly contentInlineBytesMax: number;
  readonly pageRowsMax: number;
  readonly knownTextsMax: number;
  readonly eventBytesTarget: number;
  readonly containerBytesMax: number;
  readonly workerBatchRecordsMax: number;
  readonly workerBatchRowsMax: number;
  readonly totalsCacheEntriesMax: number;
  readonly checkpointIntervalMs: number;
  readonly bytesInFlightMax: number;
  readonly idleWatermarkMs: number;
  /** By name of an actor: how often its turn is passed over. */
  readonly slowness: Readonly<Record<string, number>>;
  /** Between two actions of the source; and so late, at most, the connector looks. */
  readonly sourcePauseMsMax: number;
  /** How often a reader looks, with a token. */
  readonly looks: number;
  /** Dead letters, where histories are about them. */
  readonly letters?: LetterKnobs;
};

export type LetterKnobs = {
  /** How many of the connector's records nobody can decode for a while. */
  readonly poison: number;
  /** Whether some letters are discarded: then a last snapshot heals what is missing in the rows. */
  readonly discards: boolean;
};

/** Few at a time: each costs its own writes. The sharpest ones are in most histories. */
const hostings: readonly (readonly string[])[] = [
  ['everything', 'counts_by_account'],
  ['everything', 'counts_by_account'],
  ['everything', 'slots'],
  ['counts_by_account', 'slots', 'fragile'],
  ['everything', 'latency_histogram'],
  ['steps_by_type_day', 'turns_by_account', 'latency_histogram'],
];

export function drawKnobs(dice: Dice): Knobs {
  const sequencers = dice.pick([1, 2, 2]);
  const workers = dice.pick([1, 2, 3]);
  return {
    sequencers,
    workers,
    workerGroups: dice.pick([1, 1, 2]),
    projections: dice.pick(hostings),
    eventsPartitions: dice.pick([1, 2, 3]),
    replicas: dice.pick([1, 3]),
    positionBase: dice.pick([0, 0, 0, 1_000_000]),
    fetchRecordsMax: dice.pick([1, 3, 10]),
    sequencerBatchRecordsMax: dice.pick([1, 2, 4, 30]),
    cacheBytesMax: dice.pick([0, 3500, 12_000, 1_000_000]),
    hintsMax: dice.pick([0, 2, 1000]),
    pendingEventsMax: dice.pick([1, 3, 1000]),
    writeConcurrencyMax: dice.pick([1, 4]),
    cqlBatchRowsMax: dice.pick([5, 8, 100]),
    contentInlineBytesMax: dice.pick([8, 1000]),
    pageRowsMax: dice.pick([1, 2, 100]),
    knownTextsMax: dice.pick([1, 100]),
    eventBytesTarget: dice.pick([1000, 512 * 1024]),
    containerBytesMax: dice.pick([1000, 4 * 1024 * 1024]),
    workerBatchRecordsMax: dice.pick([1, 4, 30]),
    workerBatchRowsMax: dice.pick([1, 5, 1000]),
    totalsCacheEntriesMax: dice.pick([0, 1, 3, 1000]),
    checkpointIntervalMs: dice.pick([0, 5, 100]),
    bytesInFlightMax: dice.pick([300, 3000, 1_000_000]),
    idleWatermarkMs: dice.pick([0, 1000]),
    slowness: slownessOf(dice, ['sequencer 1', 'sequencer 2', 'worker 1', 'worker 2', 'worker 3']),
    sourcePauseMsMax: dice.pick([0, 5, 40]),
    looks: dice.pick([0, 2, 5]),
  };
}

function slownessOf(dice: Dice, actors: readonly string[]): Knobs['slowness'] {
  return Object.fromEntries(actors.map((actor) => [actor, dice.pick([0, 0, 0, 0.5, 0.9])]));
}

/** The mildest knobs, one by one: what a shrunk history tries. */
export const plainKnobs: Knobs = {
  sequencers: 1,
  workers: 1,
  workerGroups: 1,
  projections: ['everything', 'counts_by_account'],
  eventsPartitions: 1,
  replicas: 1,
  positionBase: 0,
  fetchRecordsMax: 10,
  sequencerBatchRecordsMax: 30,
  cacheBytesMax: 1_000_000,
  hintsMax: 1000,
  pendingEventsMax: 1000,
  writeConcurrencyMax: 1,
  cqlBatchRowsMax: 100,
  contentInlineBytesMax: 1000,
  pageRowsMax: 100,
  knownTextsMax: 100,
  eventBytesTarget: 512 * 1024,
  containerBytesMax: 4 * 1024 * 1024,
  workerBatchRecordsMax: 30,
  workerBatchRowsMax: 1000,
  totalsCacheEntriesMax: 1000,
  checkpointIntervalMs: 5,
  bytesInFlightMax: 1_000_000,
  idleWatermarkMs: 1000,
  slowness: {},
  sourcePauseMsMax: 5,
  looks: 0,
};

export const topics = {
  changes: 'changes',
  events: 'events',
  deadLetters: 'dead-letters',
} as const;
export const sequencerGroup = 'sequencer';

const pauses = { retryDelayMsMin: 10, retryDelayMsMax: 200, drainMsMax: 2000 } as const;

export function sequencerSettings(knobs: Knobs): SequencerSettings {
  return {
    ...pauses,
    changesTopic: topics.changes,
    eventsTopic: topics.events,
    deadLettersTopic: topics.deadLetters,
    group: sequencerGroup,
    eventsPartitions: knobs.eventsPartitions,
    positionBase: knobs.positionBase,
    batchRecordsMax: knobs.sequencerBatchRecordsMax,
    batchBytesMax: 1_000_000,
    bytesInFlightMax: knobs.bytesInFlightMax,
    cacheBytesMax: knobs.cacheBytesMax,
    containerBytesMax: knobs.containerBytesMax,
    eventBytesTarget: knobs.eventBytesTarget,
    pendingEventsMax: knobs.pendingEventsMax,
    pendingEventBytesMax: 400 * knobs.pendingEventsMax,
    hintsMax: knobs.hintsMax,
    writeConcurrencyMax: knobs.writeConcurrencyMax,
    idleWatermarkMs: knobs.idleWatermarkMs,
  };
}

export function workerSettings(
  knobs: Knobs,
  group: string,
  projections: readonly Projection[],
): WorkerSettings {
  return {
    ...pauses,
    group,
    eventsTopic: topics.events,
    deadLettersTopic: topics.deadLetters,
    partitions: knobs.eventsPartitions,
    hosted: projections.map((projection) => ({ projection, generation: 1 })),
    bytesInFlightMax: knobs.bytesInFlightMax,
    batchRecordsMax: knobs.workerBatchRecordsMax,
    batchRowsMax: knobs.workerBatchRowsMax,
    sliceRecords: 2,
    totalsCacheEntriesMax: knobs.totalsCacheEntriesMax,
    checkpointIntervalMs: knobs.checkpointIntervalMs,
    commitIntervalMs: 50,
    deadLetterRecordsMax: 10_000,
    retryAgeMsMax: 9 * 24 * 60 * 60 * 1000,
  };
}
