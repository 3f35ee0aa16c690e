/**
 * A record of the events topic after decoding: an entry, or the reason why there is none. It keeps
 * the record's bytes, which a dead letter would carry, until its batch is written.
 */
import { messageOf } from '../error.ts';
import type { LogEntry } from '../event/event.ts';
import type { LogRecord } from '../kafka/log.ts';
import type { EventTimes } from './observer.ts';

/** The part of the event codec that a worker uses (processor/event/codec.ts). */
export type EntryDecoder = {
  /** Throws for bytes that are no entry. */
  decode(value: Buffer): LogEntry;
  /** Fetches schemas that `decode` would miss; rejects with a retriable error when it can't ask. */
  load(values: Iterable<Buffer | null>): Promise<void>;
};

export type TakenRecord = {
  readonly offset: number;
  readonly bytes: number;
  readonly value: Buffer | null;
  readonly content:
    | { readonly kind: 'entry'; readonly entry: LogEntry; readonly times: EventTimes }
    | { readonly kind: 'undecodable'; readonly error: string };
};

/** What a record costs beside its value. */
const overheadBytes = 200;

export function bytesOf(record: Pick<LogRecord, 'value'>): number {
  return overheadBytes + (record.value?.length ?? 0);
}

/** A retry is a batch of its own: what it means depends on what became of the records before it. */
export function isRetry({ content }: TakenRecord): boolean {
  return content.kind === 'entry' && content.entry.kind === 'retry';
}

export function takeRecord(record: LogRecord, decoder: EntryDecoder): TakenRecord {
  const { offset, value } = record;
  return { offset, bytes: bytesOf(record), value, content: contentOf(record, decoder) };
}

function contentOf(record: LogRecord, decoder: EntryDecoder): TakenRecord['content'] {
  if (record.value === null) return { kind: 'undecodable', error: 'the record has no value' };
  try {
    const entry = decoder.decode(record.value);
    const times = {
      committedAt: entry.kind === 'retry' ? entry.requestedAt : entry.committedAt,
      capturedAt: entry.kind === 'retry' ? entry.requestedAt : entry.capturedAt,
      sequencedAtMs: record.timestampMs,
    };
    return { kind: 'entry', entry, times };
  } catch (thrown) {
    return { kind: 'undecodable', error: messageOf(thrown) };
  }
}
