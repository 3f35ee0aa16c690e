/**
 * What a batch of one partition means for one projection, worked out without any I/O: the
 * consolidated writes, the dead letters and the checkpoint that holds once both are acknowledged.
 * The batch is folded slice by slice with the pure functions of processor/projection/changes.ts.
 *
 * An entry whose position is not above the last one taken is dropped: the first occurrence counts,
 * and what the projection's own checkpoint covers is done (I2).
 */
import { messageOf, TurnstreamError } from '../error.ts';
import type { ConversationEvent, Retry } from '../event/event.ts';
import {
  addedUp,
  type EntryFailure,
  foldAggregate,
  foldMap,
  type KeyDeltas,
  type RowBuffer,
} from '../projection/changes.ts';
import type { Projection } from '../projection/projection.ts';
import type { DeadLetter } from './dead-letter.ts';
import type { EventTimes } from './observer.ts';
import type { Checkpoint } from './store.ts';
import type { TakenRecord } from './taken-record.ts';
import type { WaitingLetters } from './waiting-letters.ts';

/** The dead letters that are known, by the offset of their record. */
type Letters = Pick<WaitingLetters, 'get'>;

export type LaneBatch = {
  readonly projection: Projection;
  /** Of a map: the newest write of each row. */
  readonly rows: RowBuffer;
  /** Of an aggregate: by key text, one after the other in rising positions. */
  readonly deltas: Map<string, KeyDeltas[]>;
  readonly deadLetters: DeadLetter[];
  /** Nobody's, when nobody measures them. */
  readonly readable: EventTimes[];
  readonly measures: boolean;
  /** No stored totals will be loaded for the batch: its deltas may be added up as they come. */
  readonly addsUp: boolean;
  /** The one entry of a batch that is a retry. */
  retry: Retry | null;
  events: number;
  reached: Checkpoint;
  /** Set when the projection must not go on: the batch ends before the entry that it failed on. */
  halted: TurnstreamError | null;
};

export const beginning: Checkpoint = { offset: 0, position: -1, watermark: null, deadLetters: 0 };

export function openLaneBatch(
  projection: Projection,
  from: Checkpoint,
  { measures = true, addsUp = false } = {},
): LaneBatch {
  return {
    projection,
    measures,
    addsUp,
    rows: new Map(),
    deltas: new Map(),
    deadLetters: [],
    readable: [],
    retry: null,
    events: 0,
    reached: from,
    halted: null,
  };
}

export function rowsToWrite(batch: LaneBatch): number {
  return batch.rows.size + batch.deltas.size;
}

type FreshEvents = {
  readonly events: ConversationEvent[];
  /** Of their records in the slice. */
  readonly indexes: number[];
};

/**
 * Adds the next records of the partition; none, once the projection has halted. A record that is a dead
 * letter already stays one, whatever the function makes of it by now: totals that were written after it
 * was set aside would leave it out.
 */
export function foldSlice(
  batch: LaneBatch,
  records: readonly TakenRecord[],
  letters: Letters,
): void {
  if (batch.halted !== null) return;
  const fresh = freshEvents(records, batch.reached.position, letters);
  const failures = foldEvents(batch, fresh.events);
  const failed = new Map<number, unknown>();
  for (const { entryIndex, error } of failures) {
    failed.set(fresh.indexes[entryIndex] ?? -1, error);
  }
  const first = failures[0];
  const cut = first === undefined ? undefined : fresh.events[first.entryIndex];
  if (batch.projection.onError === 'halt' && first !== undefined && cut !== undefined) {
    batch.halted = haltedAt(batch.projection, cut, first.error);
    pass(batch, records.slice(0, fresh.indexes[first.entryIndex]), failed, letters);
  } else {
    pass(batch, records, failed, letters);
  }
}

function freshEvents(
  records: readonly TakenRecord[],
  after: number,
  letters: Letters,
): FreshEvents {
  const fresh: FreshEvents = { events: [], indexes: [] };
  let last = after;
  for (let index = 0; index < records.length; index += 1) {
    const letter = letters.get(records[index]?.offset ?? -1);
    if (letter !== undefined) {
      last = Math.max(last, letter.position ?? last);
      continue;
    }
    const content = records[index]?.content;
    if (content?.kind !== 'entry' || content.entry.position <= last) continue;
    last = content.entry.position;
    if (content.entry.kind !== 'event') continue;
    fresh.events.push(content.entry);
    fresh.indexes.push(index);
  }
  return fresh;
}

/** Of a projection that halts, only the events before the first failure leave something. */
function foldEvents(
  batch: LaneBatch,
  events: readonly ConversationEvent[],
): readonly EntryFailure[] {
  const { projection } = batch;
  if (projection.onError !== 'halt') return foldInto(batch, batch.rows, events);
  const scratch: RowBuffer = new Map();
  const checked = { ...batch, deltas: new Map<string, KeyDeltas[]>() };
  const failures = foldInto(checked, scratch, events);
  const first = failures[0];
  if (first === undefined) {
    // Positions rise from slice to slice, so a later write of a row is the newer one.
    for (const [text, write] of scratch) batch.rows.set(text, write);
    for (const [text, deltas] of checked.deltas) append(batch, text, deltas);
  } else {
    foldInto(batch, batch.rows, events.slice(0, first.entryIndex));
  }
  return failures;
}

function foldInto(
  batch: Pick<LaneBatch, 'projection' | 'deltas' | 'addsUp'>,
  rows: RowBuffer,
  events: readonly ConversationEvent[],
): readonly EntryFailure[] {
  const { projection } = batch;
  if (projection.kind === 'map') return foldMap(projection, events, rows);
  const fold = foldAggregate(projection, events);
  for (const [text, found] of fold.deltas) append(batch, text, [found]);
  return fold.failures;
}

function append(
  { deltas: into, addsUp }: Pick<LaneBatch, 'deltas' | 'addsUp'>,
  text: string,
  deltas: KeyDeltas[],
): void {
  const known = into.get(text);
  if (known === undefined) into.set(text, addsUp ? [addedUp(deltas)] : deltas);
  else if (addsUp) into.set(text, [addedUp([...known, ...deltas])]);
  else known.push(...deltas);
}

/** Moves the checkpoint over the records and sets aside what could not be taken. */
function pass(
  batch: LaneBatch,
  records: readonly TakenRecord[],
  failed: ReadonlyMap<number, unknown>,
  letters: Letters,
): void {
  let { offset, position, watermark, deadLetters } = batch.reached;
  for (let index = 0; index < records.length; index += 1) {
    const record = records[index];
    if (record === undefined) continue;
    const { content } = record;
    const letter = letters.get(record.offset);
    if (letter !== undefined) {
      if (record.offset < offset) continue;
      deadLetters += 1;
      offset = record.offset + 1;
      position = Math.max(position, letter.position ?? position);
    } else if (content.kind === 'undecodable') {
      // Without a position, the offset alone says whether the projection has been here before.
      if (record.offset < offset) continue;
      batch.deadLetters.push(deadLetter(record, null, content.error, position));
      deadLetters += 1;
      offset = record.offset + 1;
    } else if (content.entry.position <= position) {
      offset = Math.max(offset, record.offset + 1);
    } else {
      const { entry, times } = content;
      if (entry.kind === 'watermark') {
        watermark = { lsn: entry.lsn, committedAt: entry.committedAt };
      } else if (entry.kind === 'retry') {
        batch.retry = entry;
      } else {
        batch.events += 1;
        if (failed.has(index)) {
          const error = messageOf(failed.get(index));
          batch.deadLetters.push(deadLetter(record, entry, error, position));
          deadLetters += 1;
        } else if (batch.measures && concerns(batch.projection, entry)) {
          batch.readable.push(times);
        }
      }
      position = entry.position;
      offset = record.offset + 1;
    }
  }
  batch.reached = { offset, position, watermark, deadLetters };
}

function concerns(projection: Projection, event: ConversationEvent): boolean {
  for (const change of event.changes) if (projection.of.includes(change.kind)) return true;
  return false;
}

function deadLetter(
  record: TakenRecord,
  event: ConversationEvent | null,
  error: string,
  after: number,
): DeadLetter {
  return {
    position: event?.position ?? null,
    after,
    eventType: event?.type ?? null,
    sessionUid: event?.sessionUid ?? null,
    offset: record.offset,
    error,
    value: record.value,
  };
}

function haltedAt(
  projection: Projection,
  event: ConversationEvent,
  error: unknown,
): TurnstreamError {
  return new TurnstreamError(
    'PROJECTION',
    `projection ${projection.name} halted at position ${event.position} (${event.type} of session ` +
      `${event.sessionUid}): ${messageOf(error)}; mend the function, or let it set such events ` +
      "aside with onError 'dead-letter', and start again",
    { cause: error },
  );
}
