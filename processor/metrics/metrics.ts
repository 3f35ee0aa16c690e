/**
 * The metrics as typed objects, created from metric-table.ts in a registry that the caller owns.
 * Hot paths get children with their labels bound; scraped.ts has what is computed at the scrape.
 *
 * The worker and the sequencer report here; server.ts serves; lag.ts sets what only a poll knows.
 */
import { type Counter, collectDefaultMetrics, type Registry } from 'prom-client';
import type { ErrorCode } from '../error.ts';
import { type EventType, eventTypes } from '../event/event.ts';
import {
  type Count,
  counted,
  type Declare,
  declareIn,
  type Interval,
  interval,
  type Level,
} from './declare.ts';
import { Progress } from './progress.ts';
import { type ReplayMetrics, replayMetrics } from './replay-metrics.ts';
import {
  declareSequencerLag,
  declareWaitingLetters,
  type SourceMetrics,
  sourceMetrics,
} from './scraped.ts';

export const stages = ['capture', 'sequence', 'project', 'write'] as const;
export type Stage = (typeof stages)[number];

export const changeOutcomes = ['applied', 'irrelevant', 'parked', 'dead-lettered'] as const;
export type ChangeOutcome = (typeof changeOutcomes)[number];

export type RowOp = 'upsert' | 'delete' | 'totals';
export type Part = 'sequencer' | 'worker';

export type ProjectionMetrics = {
  readonly events: Count;
  readonly rowsWritten: Readonly<Record<RowOp, Count>>;
  readonly commitToReadable: Interval;
};

export type SequencerMetrics = {
  readonly active: Level;
  readonly parked: (parked: { readonly steps: number; readonly oldestAt: number | null }) => void;
  readonly changes: Readonly<Record<ChangeOutcome, Count>>;
  readonly events: Readonly<Record<EventType, Count>>;
};

export type PartMetrics = {
  readonly batchRecords: { observe(records: number): void };
  readonly batchSeconds: Interval;
  readonly bytesInFlight: Level;
  readonly rebalances: Count;
};

export type HostingMetrics = { readonly versionBehind: Level; readonly hosted: Level };

export type CacheMetrics = {
  readonly entries: Level;
  readonly bytes: Level;
  readonly hits: Count;
  readonly misses: Count;
};

export type Metrics = {
  /** Of the worker: readers are projections. Report every assignment and checkpoint to it. */
  readonly progress: Progress;
  /** Of the sequencer: its one reader is `sequencer`, its partition 0. */
  readonly sequencerProgress: Progress;
  /** The same object for the same name. */
  projection(name: string): ProjectionMetrics;
  readonly stage: Readonly<Record<Stage, Interval>>;
  /** Served from the first call on: a worker has none of these. */
  sequencer(): SequencerMetrics;
  part(part: Part): PartMetrics;
  cache(cache: CacheName): CacheMetrics;
  /** Origin: a projection's name, or `sequencer`. */
  deadLetters(origin: string): Count;
  letterRetries(origin: string, outcome: 'retried' | 'failed' | 'discarded'): Count;
  retries(operation: string): Count;
  restarts(part: Part, code: ErrorCode): Count;
  /** What a worker hosts of it. */
  hosting(projection: string): HostingMetrics;
  replay(projection: string): ReplayMetrics;
  /** What lag.ts has polled. */
  readonly source: SourceMetrics;
};

export function createMetrics(
  registry: Registry,
  options: { readonly nowMs?: () => number; readonly processMetrics?: boolean } = {},
): Metrics {
  const nowMs = options.nowMs ?? Date.now;
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry });
  const declare = declareIn(registry);
  const progress = new Progress(nowMs);
  // Connect's exactly-once mode ends each of its transactions with a marker in `changes`.
  const sequencerProgress = new Progress(nowMs, 1);
  const negative = declare.counter('turnstream_negative_intervals_total');
  const stage = declare.histogram('turnstream_stage_seconds');
  const sequencer = remembered(sequencerMetrics(declare, nowMs));
  const deadLetters = declare.counter('turnstream_dead_letters_total');
  const letterRetries = declare.counter('turnstream_dead_letter_retries_total');
  const retries = declare.counter('turnstream_retries_total');
  const restarts = declare.counter('turnstream_restarts_total');
  declareSequencerLag(declare, sequencerProgress, nowMs);
  declareWaitingLetters(declare, [progress, sequencerProgress]);
  return {
    progress,
    sequencerProgress,
    projection: remembered(projectionMetrics(declare, negative)),
    stage: byName(stages, (name) => interval(stage.labels(name), counted(negative, name))),
    sequencer: () => sequencer('sequencer'),
    part: remembered(partMetrics(declare, negative)),
    cache: remembered(cacheMetrics(declare)),
    deadLetters: remembered((origin: string) => counted(deadLetters, origin)),
    letterRetries: (origin, outcome) => counted(letterRetries, origin, outcome),
    retries: remembered((operation: string) => counted(retries, operation)),
    restarts: (part, code) => counted(restarts, part, code),
    hosting: remembered(hostingMetrics(declare)),
    replay: remembered(replayMetrics(declare)),
    source: sourceMetrics(declare, progress, nowMs),
  };
}

function projectionMetrics(declare: Declare, negative: Counter<string>) {
  const events = declare.counter('turnstream_events_total');
  const rows = declare.counter('turnstream_rows_written_total');
  const readable = declare.histogram('turnstream_commit_to_readable_seconds');
  return (projection: string): ProjectionMetrics => ({
    events: counted(events, projection),
    rowsWritten: byName(['upsert', 'delete', 'totals'], (op) => counted(rows, projection, op)),
    commitToReadable: interval(
      readable.labels(projection),
      counted(negative, 'commit_to_readable'),
    ),
  });
}

function sequencerMetrics(declare: Declare, nowMs: () => number) {
  const active = declare.gauge('turnstream_sequencer_active');
  const parkedSteps = declare.gauge('turnstream_parked_steps');
  let oldestAt: number | null | undefined;
  declare.gauge('turnstream_parked_oldest_seconds', (gauge) => {
    if (oldestAt === undefined) gauge.remove();
    else gauge.set({}, oldestAt === null ? 0 : Math.max(0, (nowMs() - oldestAt) / 1000));
  });
  const changes = declare.counter('turnstream_changes_total');
  const events = declare.counter('turnstream_sequenced_events_total');
  // A gauge without labels is served as 0 from its declaration on.
  for (const gauge of [active, parkedSteps]) gauge.remove();
  return (_: 'sequencer'): SequencerMetrics => {
    for (const gauge of [active, parkedSteps]) gauge.set(0);
    oldestAt = null;
    return {
      active,
      parked: (parked) => {
        parkedSteps.set(parked.steps);
        oldestAt = parked.oldestAt;
      },
      changes: byName(changeOutcomes, (outcome) => counted(changes, outcome)),
      events: byName(eventTypes, (type) => counted(events, type)),
    };
  };
}

function partMetrics(declare: Declare, negative: Counter<string>) {
  const records = declare.histogram('turnstream_batch_records');
  const seconds = declare.histogram('turnstream_batch_seconds');
  const inFlight = declare.gauge('turnstream_bytes_in_flight');
  const rebalances = declare.counter('turnstream_rebalances_total');
  return (part: Part): PartMetrics => ({
    batchRecords: records.labels(part),
    batchSeconds: interval(seconds.labels(part), counted(negative, 'batch')),
    bytesInFlight: inFlight.labels(part),
    rebalances: counted(rebalances, part),
  });
}

type CacheName = 'state' | 'hints' | 'totals';

function cacheMetrics(declare: Declare) {
  const entries = declare.gauge('turnstream_cache_entries');
  const bytes = declare.gauge('turnstream_cache_bytes');
  const reads = declare.counter('turnstream_cache_reads_total');
  return (cache: CacheName): CacheMetrics => ({
    entries: entries.labels(cache),
    bytes: bytes.labels(cache),
    hits: { inc: (by) => reads.labels(cache, 'hit').inc(by) },
    misses: { inc: (by) => reads.labels(cache, 'miss').inc(by) },
  });
}

function hostingMetrics(declare: Declare) {
  const versionBehind = declare.gauge('turnstream_projection_version_behind');
  const hosted = declare.gauge('turnstream_projection_hosted');
  return (projection: string): HostingMetrics => ({
    versionBehind: versionBehind.labels(projection),
    hosted: hosted.labels(projection),
  });
}

function byName<Name extends string, T>(names: readonly Name[], make: (name: Name) => T) {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Readonly<Record<Name, T>>;
}

function remembered<Key, T>(make: (key: Key) => T): (key: Key) => T {
  const known = new Map<Key, T>();
  return (key) => {
    const found = known.get(key) ?? make(key);
    known.set(key, found);
    return found;
  };
}
