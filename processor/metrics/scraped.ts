/**
 * The metrics that are computed at the scrape: staleness, lag and watermark from Progress, so that
 * they go on growing when nothing moves any more, and what lag.ts has polled.
 */
import type { Lsn } from '../source/lsn.ts';
import { type Count, counted, type Declare } from './declare.ts';
import type { HeldPartition, Progress } from './progress.ts';

export type SlotReport = {
  readonly name: string;
  readonly status: SlotStatus;
  readonly active: boolean;
  readonly retainedBytes: number | null;
};

export const slotStatuses = ['reserved', 'extended', 'unreserved', 'lost', 'missing'] as const;
export type SlotStatus = (typeof slotStatuses)[number];

export type SourceMetrics = {
  /** Null: nobody answers. */
  connector(name: string, running: boolean | null): void;
  connectorRestarts(name: string): Count;
  primary(currentLsn: Lsn): void;
  slot(report: SlotReport): void;
  polled(source: 'postgres' | 'log', result: 'ok' | 'error'): void;
};

export function declareSequencerLag(
  declare: Declare,
  progress: Progress,
  nowMs: () => number,
): void {
  // Who stands by has no lag of its own: the sample is left out, not 0.
  declare.gauge('turnstream_sequencer_lag_records', (gauge) => {
    gauge.reset();
    const [held] = progress.held();
    if (held === undefined || held.endOffset === null) gauge.remove();
    else gauge.set(Math.max(0, held.endOffset - held.offset));
  });
  declare.gauge('turnstream_sequencer_stalled_seconds', (gauge) => {
    gauge.reset();
    const [held] = progress.held();
    if (held === undefined) gauge.remove();
    else gauge.set(stalledSeconds(held, nowMs()));
  });
}

export function declareWaitingLetters(declare: Declare, sources: readonly Progress[]): void {
  declare.gauge('turnstream_dead_letters_waiting', (gauge) => {
    gauge.reset();
    for (const { reader, partition, deadLetters } of sources.flatMap((each) => each.held())) {
      if (deadLetters !== undefined) gauge.set({ origin: reader, partition }, deadLetters);
    }
  });
}

export function sourceMetrics(
  declare: Declare,
  progress: Progress,
  nowMs: () => number,
): SourceMetrics {
  const polls = declare.counter('turnstream_source_polls_total');
  const retained = declare.gauge('turnstream_slot_retained_bytes');
  const status = declare.gauge('turnstream_slot_status');
  const active = declare.gauge('turnstream_slot_active');
  const connector = declare.gauge('turnstream_connector_running');
  const restarts = declare.counter('turnstream_connector_restarts_total');
  let primaryLsn: Lsn | undefined;
  declare.gauge('turnstream_lag_records', (gauge) => {
    gauge.reset();
    for (const { reader, partition, offset, endOffset } of progress.held()) {
      if (endOffset !== null)
        gauge.set({ projection: reader, partition }, Math.max(0, endOffset - offset));
    }
  });
  declare.gauge('turnstream_stalled_seconds', (gauge) => {
    gauge.reset();
    for (const held of progress.held()) {
      const { reader, partition } = held;
      gauge.set({ projection: reader, partition }, stalledSeconds(held, nowMs()));
    }
  });
  declare.gauge('turnstream_staleness_seconds', (gauge) => {
    gauge.reset();
    for (const [projection, mark] of oldestWatermarks(progress.reported())) {
      gauge.set({ projection }, Math.max(0, (nowMs() - mark.committedAt) / 1000));
    }
  });
  declare.gauge('turnstream_watermark_lsn_bytes', (gauge) => {
    gauge.reset();
    for (const [projection, mark] of oldestWatermarks(progress.reported())) {
      gauge.set({ projection }, mark.lsn);
    }
  });
  declare.gauge('turnstream_lag_bytes', (gauge) => {
    gauge.reset();
    if (primaryLsn === undefined) return;
    for (const [projection, mark] of oldestWatermarks(progress.reported())) {
      gauge.set({ projection }, Math.max(0, primaryLsn - mark.lsn));
    }
  });
  return {
    connector: (name, running) => {
      if (running === null) connector.remove({ connector: name });
      else connector.set({ connector: name }, running ? 1 : 0);
    },
    connectorRestarts: (name) => counted(restarts, name),
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

function stalledSeconds({ waitingSinceMs }: HeldPartition, nowMs: number): number {
  return waitingSinceMs === null ? 0 : Math.max(0, (nowMs - waitingSinceMs) / 1000);
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
