/**
 * What `turnstream lag` says, as data and as text. Pure: lag.ts asks the log, the CQL database and
 * Postgres, each of which may be away; what could not be asked is null, and a sentence says why.
 */
import type { Checkpoint } from '../engine/store.ts';
import type { PrimaryReport } from '../metrics/primary.ts';
import { formatLsn, type Lsn } from '../source/lsn.ts';
import { textTable } from './text-table.ts';

export type LagInputs = {
  readonly nowMs: number;
  /** Next offset of each partition of turnstream.events. */
  readonly ends: readonly number[] | null;
  readonly projections: readonly {
    readonly name: string;
    /** The build that readers use; null when that could not be asked. */
    readonly version: number | null;
    readonly generation: number | null;
    /** By partition. */
    readonly checkpoints: ReadonlyMap<number, Checkpoint> | null;
  }[];
  /** Of turnstream.changes and the sequencers' group. */
  readonly sequencer: { readonly committed: number | null; readonly end: number } | null;
  readonly primary: PrimaryReport | null;
  /** One sentence for each source that could not be asked. */
  readonly problems: readonly string[];
};

export type PartitionLag = {
  readonly partition: number;
  readonly checkpointOffset: number | null;
  readonly endOffset: number | null;
  readonly recordsBehind: number | null;
  /** Printed form; null before the first watermark. */
  readonly watermarkLsn: string | null;
  readonly watermarkAgeMs: number | null;
  readonly bytesBehind: number | null;
  readonly deadLetters: number;
};

export type LagReport = {
  readonly at: string;
  readonly projections: readonly {
    readonly projection: string;
    readonly version: number | null;
    readonly generation: number | null;
    /** The oldest watermark's age; null while a partition has none. */
    readonly stalenessMs: number | null;
    readonly recordsBehind: number | null;
    readonly degraded: boolean;
    readonly partitions: readonly PartitionLag[];
  }[];
  readonly sequencer: {
    readonly committedOffset: number | null;
    readonly endOffset: number;
    readonly recordsBehind: number;
  } | null;
  readonly postgres: {
    readonly currentLsn: string;
    readonly slot: string;
    readonly slotStatus: string;
    readonly slotActive: boolean;
    readonly retainedBytes: number | null;
  } | null;
  readonly problems: readonly string[];
};

export function lagReport(inputs: LagInputs): LagReport {
  const { ends, sequencer, primary } = inputs;
  const projections = inputs.projections.map(({ name, version, generation, checkpoints }) => {
    const numbers = ends?.keys() ?? checkpoints?.keys() ?? [];
    const partitions = [...numbers].map((partition) =>
      partitionLag(partition, checkpoints, inputs),
    );
    return {
      projection: name,
      version,
      generation,
      stalenessMs: largest(partitions.map(({ watermarkAgeMs }) => watermarkAgeMs)),
      recordsBehind: sum(partitions.map(({ recordsBehind }) => recordsBehind)),
      degraded: partitions.some(({ deadLetters }) => deadLetters > 0),
      partitions,
    };
  });
  return {
    at: new Date(inputs.nowMs).toISOString(),
    projections,
    sequencer: sequencer && {
      committedOffset: sequencer.committed,
      endOffset: Math.max(sequencer.end, sequencer.committed ?? 0),
      recordsBehind: Math.max(0, sequencer.end - (sequencer.committed ?? 0)),
    },
    postgres: primary && {
      currentLsn: formatLsn(primary.currentLsn),
      slot: primary.slot.name,
      slotStatus: primary.slot.status,
      slotActive: primary.slot.active,
      retainedBytes: primary.slot.retainedBytes,
    },
    problems: inputs.problems,
  };
}

function partitionLag(
  partition: number,
  checkpoints: ReadonlyMap<number, Checkpoint> | null,
  { ends, primary, nowMs }: LagInputs,
): PartitionLag {
  const checkpoint = checkpoints?.get(partition);
  // The two are asked one after the other: the checkpoint may have passed the end of before.
  const asked = ends?.[partition];
  const endOffset = asked === undefined ? null : Math.max(asked, checkpoint?.offset ?? 0);
  const watermark = checkpoint?.watermark ?? null;
  // No checkpoint means that nothing was read; no answer from the database means nothing at all.
  const offset = checkpoints === null ? null : (checkpoint?.offset ?? 0);
  return {
    partition,
    checkpointOffset: checkpoint?.offset ?? null,
    endOffset,
    recordsBehind: offset === null || endOffset === null ? null : Math.max(0, endOffset - offset),
    watermarkLsn: watermark && formatLsn(watermark.lsn),
    watermarkAgeMs: watermark && Math.max(0, Math.round(nowMs - watermark.committedAt)),
    bytesBehind: watermark && primary && bytesBetween(watermark.lsn, primary.currentLsn),
    deadLetters: checkpoint?.deadLetters ?? 0,
  };
}

export function lagText(report: LagReport): string {
  const rows = report.projections.flatMap(({ projection, partitions }) =>
    partitions.map((lag) => [
      projection,
      String(lag.partition),
      orDash(lag.checkpointOffset),
      orDash(lag.endOffset),
      orDash(lag.recordsBehind),
      lag.watermarkLsn ?? '-',
      lag.watermarkAgeMs === null ? '-' : duration(lag.watermarkAgeMs),
      lag.bytesBehind === null ? '-' : bytes(lag.bytesBehind),
      lag.deadLetters === 0 ? '' : `degraded: ${lag.deadLetters} dead letters`,
    ]),
  );
  const header = [
    'projection',
    'partition',
    'checkpoint',
    'end',
    'behind',
    'watermark',
    'age',
    'WAL behind',
    '',
  ];
  const table = textTable(header, rows, { alignRight: [1, 2, 3, 4, 5, 6, 7] });
  const unknown = report.projections
    .filter(({ partitions }) => partitions.length === 0)
    .map(({ projection }) => `${projection}  unknown`);
  return [
    table,
    ...unknown,
    '',
    sequencerLine(report),
    postgresLine(report),
    ...report.problems,
  ].join('\n');
}

function sequencerLine({ sequencer }: LagReport): string {
  if (sequencer === null) return 'sequencer  unknown';
  const { committedOffset, endOffset, recordsBehind } = sequencer;
  if (committedOffset === null)
    return `sequencer  has not committed yet; ${endOffset} changes wait`;
  return `sequencer  at ${committedOffset} of ${endOffset} changes, ${recordsBehind} behind`;
}

function postgresLine({ postgres }: LagReport): string {
  if (postgres === null) return 'Postgres   unknown';
  const { currentLsn, slot, slotStatus, slotActive, retainedBytes } = postgres;
  if (slotStatus === 'missing') {
    return `Postgres   at ${currentLsn}; there is no slot ${slot}: \`turnstream connect\` makes one`;
  }
  const reader = slotActive ? 'Debezium is connected' : 'Debezium is not connected';
  const held = retainedBytes === null ? 'no WAL' : bytes(retainedBytes);
  return `Postgres   at ${currentLsn}; slot ${slot} is ${slotStatus}, holds back ${held}, ${reader}`;
}

function bytesBetween(from: Lsn, to: Lsn): number {
  return Math.max(0, to - from);
}

/** Null as soon as one of them is unknown, or there are none. */
function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length || known.length === 0 ? null : Math.max(...known);
}

function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length ? null : known.reduce((total, value) => total + value, 0);
}

function orDash(value: number | null): string {
  return value === null ? '-' : String(value);
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length, Math.floor(Math.log2(count) / 10));
  return `${(count / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}
