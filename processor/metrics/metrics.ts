/**
 * The metrics as typed objects, created from metric-table.ts in a registry that the caller owns.
 * Hot paths get children with their labels bound. Staleness, lag and watermark are computed at the
 * scrape from Progress, so that they go on growing when nothing moves any more.
 *
 * The worker and the sequencer report here; server.ts serves; lag.ts sets what only a poll knows.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client';
import { type EventType, eventTypes } from '../event/event.ts';
import type { Lsn } from '../source/lsn.ts';
import { type MetricDeclaration, type MetricName, metricTable } from './metric-table.ts';
import { type HeldPartition, Progress } from './progress.ts';

export const stages = ['capture', 'sequence', 'project', 'write'] as const;
export type Stage = (typeof stages)[number];

export const changeOutcomes = ['applied', 'irrelevant', 'parked', 'dead-lettered'] as const;
export type ChangeOutcome = (typeof changeOutcomes)[number];

export type RowOp = 'upsert' | 'delete' | 'totals';
export type Part = 'sequencer' | 'worker';

export type Count = { inc(by?: number): void };
export type Level = { set(value: number): void };
/** Takes seconds; a negative interval is observed as 0 and counted. */
export type Interval = { observe(seconds: number): void };

export type ProjectionMetrics = {
  readonly events: Count;
  readonly rowsWritten: Readonly<Record<RowOp, Count>>;
  readonly commitToReadable: Interval;
};

export type PartMetrics = {
  readonly batchRecords: { observe(records: number): void };
  readonly batchSeconds: Interval;
  readonly bytesInFlight: Level;
  readonly rebalances: Count;
};

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
  readonly changes: Readonly<Record<ChangeOutcome, Count>>;
  readonly sequencedEvents: Readonly<Record<EventType, Count>>;
  readonly sequencerActive: Level;
  readonly parkedSteps: Level;
  part(part: Part): PartMetrics;
  cache(cache: 'state' | 'totals'): CacheMetrics;
  /** Origin: a projection's name, or `sequencer`. */
  deadLetters(origin: string): Count;
  retries(operation: string): Count;
  /** What lag.ts has polled. */
  readonly source: SourceMetrics;
};

export type SlotReport = {
  readonly name: string;
  readonly status: SlotStatus;
  readonly active: boolean;
  readonly retainedBytes: number | null;
};

export const slotStatuses = ['reserved', 'extended', 'unreserved', 'lost', 'missing'] as const;
export type SlotStatus = (typeof slotStatuses)[number];

export type SourceMetrics = {
  primary(currentLsn: Lsn): void;
  slot(report: SlotReport): void;
  polled(source: 'postgres' | 'log', result: 'ok' | 'error'): void;
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
  const changes = declare.counter('turnstream_changes_total');
  const sequenced = declare.counter('turnstream_sequenced_events_total');
  const active = declare.gauge('turnstream_sequencer_active');
  const parked = declare.gauge('turnstream_parked_steps');
  const deadLetters = declare.counter('turnstream_dead_letters_total');
  const retries = declare.counter('turnstream_retries_total');
  declareSequencerLag(declare, sequencerProgress);
  return {
    progress,
    sequencerProgress,
    projection: remembered(projectionMetrics(declare, negative)),
    stage: byName(stages, (name) => interval(stage.labels(name), counted(negative, name))),
    changes: byName(changeOutcomes, (outcome) => counted(changes, outcome)),
    sequencedEvents: byName(eventTypes, (type) => counted(sequenced, type)),
    sequencerActive: active,
    parkedSteps: parked,
    part: remembered(partMetrics(declare, negative)),
    cache: remembered(cacheMetrics(declare)),
    deadLetters: remembered((origin: string) => counted(deadLetters, origin)),
    retries: remembered((operation: string) => counted(retries, operation)),
    source: sourceMetrics(declare, progress, nowMs),
  };
}

type Declare = ReturnType<typeof declareIn>;

function declareIn(registry: Registry) {
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

function cacheMetrics(declare: Declare) {
  const entries = declare.gauge('turnstream_cache_entries');
  const bytes = declare.gauge('turnstream_cache_bytes');
  const reads = declare.counter('turnstream_cache_reads_total');
  return (cache: 'state' | 'totals'): CacheMetrics => ({
    entries: entries.labels(cache),
    bytes: bytes.labels(cache),
    hits: counted(reads, cache, 'hit'),
    misses: counted(reads, cache, 'miss'),
  });
}

function declareSequencerLag(declare: Declare, progress: Progress): void {
  declare.gauge('turnstream_sequencer_lag_records', (gauge) => {
    gauge.reset();
    const [held] = progress.held();
    // Who stands by has no lag of its own: the sample is left out, not 0.
    if (held === undefined || held.endOffset === null) gauge.remove();
    else gauge.set(Math.max(0, held.endOffset - held.offset));
  });
}

function sourceMetrics(declare: Declare, progress: Progress, nowMs: () => number): SourceMetrics {
  const polls = declare.counter('turnstream_source_polls_total');
  const retained = declare.gauge('turnstream_slot_retained_bytes');
  const status = declare.gauge('turnstream_slot_status');
  const active = declare.gauge('turnstream_slot_active');
  let primaryLsn: Lsn | undefined;
  declare.gauge('turnstream_lag_records', (gauge) => {
    gauge.reset();
    for (const { reader, partition, offset, endOffset } of progress.held()) {
      if (endOffset !== null)
        gauge.set({ projection: reader, partition }, Math.max(0, endOffset - offset));
    }
  });
  declare.gauge('turnstream_staleness_seconds', (gauge) => {
    gauge.reset();
    for (const [projection, mark] of oldestWatermarks(progress.held())) {
      gauge.set({ projection }, Math.max(0, (nowMs() - mark.committedAt) / 1000));
    }
  });
  declare.gauge('turnstream_watermark_lsn_bytes', (gauge) => {
    gauge.reset();
    for (const [projection, mark] of oldestWatermarks(progress.held())) {
      gauge.set({ projection }, mark.lsn);
    }
  });
  declare.gauge('turnstream_lag_bytes', (gauge) => {
    gauge.reset();
    if (primaryLsn === undefined) return;
    for (const [projection, mark] of oldestWatermarks(progress.held())) {
      gauge.set({ projection }, Math.max(0, primaryLsn - mark.lsn));
    }
  });
  return {
    primary: (currentLsn) => {
      primaryLsn = currentLsn;
    },
    slot: ({ name, ...slot }) => {
      for (const each of slotStatuses)
        status.set({ slot: name, status: each }, each === slot.status ? 1 : 0);
      active.set({ slot: name }, slot.active ? 1 : 0);
      if (slot.retainedBytes === null) retained.remove({ slot: name });
      else retained.set({ slot: name }, slot.retainedBytes);
    },
    polled: (source, result) => polls.inc({ source, result }),
  };
}

type OldestMark = { readonly lsn: Lsn; readonly committedAt: number };

/** By reader: a read model is as stale as its stalest partition. */
function oldestWatermarks(held: readonly HeldPartition[]): ReadonlyMap<string, OldestMark> {
  const oldest = new Map<string, OldestMark>();
  for (const { reader, watermark } of held) {
    const known = oldest.get(reader);
    if (watermark === null || (known !== undefined && known.lsn <= watermark.lsn)) continue;
    oldest.set(reader, watermark);
  }
  return oldest;
}

/** Bound to its labels and there from the start: a counter that appears at 1 has no increase. */
function counted(counter: Counter<string>, ...labels: readonly string[]): Count {
  const child = counter.labels(...labels);
  child.inc(0);
  return child;
}

function interval(histogram: Interval, negative: Count): Interval {
  return {
    observe(seconds) {
      if (seconds < 0) negative.inc();
      histogram.observe(Math.max(0, seconds));
    },
  };
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
