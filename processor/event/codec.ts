/**
 * Log entries as bytes: Confluent wire format, Avro, one top-level union of Event, Watermark and
 * Retry (schema.ts has the schema). The present version is written and read by hand, in the schema's
 * field order, which is several times faster than a generic Avro library and than JSON; records
 * of other versions go through the generic reader.
 *
 * decode(encode(x)) = x, but for lone surrogates, which UTF-8 has no form for: they become U+FFFD.
 * (Postgres cannot hold them either.)
 */
import type { FactChange } from '../conversation/fact.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import type { Lsn } from '../source/lsn.ts';
import type { Position } from '../source/position.ts';
import {
  SchemaCache,
  type SchemaRegistry,
  wireHeaderBytes,
  wireSchemaId,
} from '../source/registry.ts';
import { BinaryReader, BinaryWriter, TextCache } from './binary.ts';
import type { ConversationEvent, EventType, LogEntry, Retry, Watermark } from './event.ts';
import { factChange, readFact, writeFact } from './fact-codec.ts';
import { entryOfForeign } from './foreign.ts';
import { type ForeignReader, foreignReader, registerEventSchema } from './schema.ts';
import { type KindsRead, passed, readOrSkipFact } from './skip-fact.ts';

const eventBranch = 0;
const watermarkBranch = 1;
const retryBranch = 2;

export interface EventCodec {
  readonly schemaId: number;
  encode(entry: LogEntry): Buffer;
  /** Throws DECODE for bytes that are no entry, or whose schema is not loaded. */
  decode(value: Buffer): LogEntry;
  /**
   * Fetches the schemas that `decode` would miss among these values; resolves at once when there
   * are none, which is the rule. Rejects with a retriable REGISTRY error when it can't ask.
   */
  load(values: Iterable<Buffer | null>): Promise<void>;
  /** Decodes events without the changes of other kinds of facts, which it passes over. */
  reading(kinds: KindsRead): Pick<EventCodec, 'decode' | 'load'>;
  /** Of a record that is one, without decoding any other; null for those. Throws nothing. */
  watermarkOf(value: Buffer): Watermark | null;
}

/** Registers the schema (idempotent) and answers the codec. Once at start. */
export async function openEventCodec(registry: SchemaRegistry, topic: string): Promise<EventCodec> {
  return eventCodec(registry, await registerEventSchema(registry, topic));
}

export function eventCodec(registry: SchemaRegistry, schemaId: number): EventCodec {
  const writer = new BinaryWriter();
  const texts = new TextCache();
  const foreign = new SchemaCache<ForeignReader>(registry, foreignReader);
  const decode = (value: Buffer, kinds: KindsRead | null): LogEntry => {
    const id = wireSchemaId(value);
    try {
      if (id === schemaId) return readEntry(value, texts, kinds);
      const read = id === undefined ? undefined : foreign.get(id);
      if (read !== undefined) return entryOfForeign(read(value, wireHeaderBytes));
    } catch (error) {
      throw undecodable(messageOf(error), error);
    }
    throw undecodable(
      id === undefined
        ? 'it is not in the Confluent wire format'
        : `its schema id ${id} is unknown`,
    );
  };
  const load = async (values: Iterable<Buffer | null>): Promise<void> => {
    const missing = new Set<number>();
    for (const value of values) {
      const id = value === null ? undefined : wireSchemaId(value);
      if (id !== undefined && id !== schemaId && foreign.get(id) === undefined) missing.add(id);
    }
    if (missing.size > 0) await foreign.load(missing);
  };
  return {
    schemaId,
    encode(entry) {
      writer.clear();
      writer.byte(0);
      writer.int32BE(schemaId);
      if (entry.kind === 'event') writeEvent(writer, entry);
      else if (entry.kind === 'watermark') writeWatermark(writer, entry);
      else writeRetry(writer, entry);
      return writer.take();
    },
    decode: (value) => decode(value, null),
    load,
    reading: (kinds) => ({ decode: (value) => decode(value, kinds), load }),
    watermarkOf(value) {
      if (wireSchemaId(value) === schemaId && value[wireHeaderBytes] !== watermarkBranch << 1) {
        return null;
      }
      try {
        const entry = decode(value, noKinds);
        return entry.kind === 'watermark' ? entry : null;
      } catch {
        // What does not decode is no watermark; whoever reads it says so.
        return null;
      }
    },
  };
}

function undecodable(why: string, cause?: unknown): TurnstreamError {
  return new TurnstreamError(
    'DECODE',
    `A record of the event log does not decode: ${why}. Nothing but Turnstream may write to that topic.`,
    cause === undefined ? {} : { cause },
  );
}

function writeEvent(writer: BinaryWriter, event: ConversationEvent): void {
  writer.reserve(64);
  writer.byte(eventBranch << 1);
  writer.long(event.position);
  writeOptionalLong(writer, event.lsn);
  writeOptionalLong(writer, event.transactionId);
  writer.double(event.committedAt);
  writer.double(event.capturedAt);
  writer.string(event.type);
  writer.string(event.sessionUid);
  writer.reserve(10);
  if (event.changes.length > 0) {
    writer.long(event.changes.length);
    for (const change of event.changes) {
      writeFact(writer, change.before);
      writeFact(writer, change.after);
    }
    writer.reserve(1);
  }
  writer.byte(0);
}

function writeWatermark(writer: BinaryWriter, watermark: Watermark): void {
  writer.reserve(64);
  writer.byte(watermarkBranch << 1);
  writer.long(watermark.position);
  writer.long(watermark.lsn);
  writer.double(watermark.committedAt);
  writer.double(watermark.capturedAt);
}

function writeRetry(writer: BinaryWriter, retry: Retry): void {
  writer.reserve(64);
  writer.byte(retryBranch << 1);
  writer.long(retry.position);
  writer.double(retry.requestedAt);
  writer.string(retry.projection);
  writer.reserve(64);
  for (const name of retryNumbers) writer.long(retry[name]);
  writer.bytes(retry.value);
  writer.reserve(1);
  writer.byte(retry.discard ? 1 : 0);
}

function writeOptionalLong(writer: BinaryWriter, value: number | null): void {
  if (value === null) {
    writer.byte(0);
  } else {
    writer.byte(2);
    writer.long(value);
  }
}

const retryNumbers = ['version', 'generation', 'partition', 'offset'] as const;

type ReadEntry = (reader: BinaryReader, kinds: KindsRead | null) => LogEntry;

const branches: Readonly<Record<number, ReadEntry>> = {
  [eventBranch]: readEvent,
  [watermarkBranch]: readWatermark,
  [retryBranch]: readRetry,
};

const noKinds: KindsRead = new Set();

function readEntry(value: Buffer, texts: TextCache, kinds: KindsRead | null): LogEntry {
  const reader = new BinaryReader(value, wireHeaderBytes, texts);
  const branch = reader.long();
  const read = branches[branch];
  if (read === undefined) throw new RangeError(`no branch of ours (${branch})`);
  const entry = read(reader, kinds);
  if (reader.remaining !== 0) throw new RangeError(`${reader.remaining} bytes too many`);
  return entry;
}

function readEvent(reader: BinaryReader, kinds: KindsRead | null): ConversationEvent {
  return {
    kind: 'event',
    position: reader.long() as Position,
    lsn: readOptionalLong(reader) as Lsn | null,
    transactionId: readOptionalLong(reader),
    committedAt: reader.double(),
    capturedAt: reader.double(),
    type: reader.string() as EventType,
    sessionUid: reader.string(),
    changes: readChanges(reader, kinds),
  };
}

function readWatermark(reader: BinaryReader): Watermark {
  return {
    kind: 'watermark',
    position: reader.long() as Position,
    lsn: reader.long() as Lsn,
    committedAt: reader.double(),
    capturedAt: reader.double(),
  };
}

function readRetry(reader: BinaryReader): Retry {
  return {
    kind: 'retry',
    position: reader.long() as Position,
    requestedAt: reader.double(),
    projection: reader.string(),
    version: reader.long(),
    generation: reader.long(),
    partition: reader.long(),
    offset: reader.long(),
    value: reader.bytes(),
    discard: reader.boolean(),
  };
}

/** An Avro array: blocks of items, each with its count, until one of 0. */
function readChanges(reader: BinaryReader, kinds: KindsRead | null): readonly FactChange[] {
  const changes: FactChange[] = [];
  for (;;) {
    let count = reader.long();
    if (count === 0) return changes;
    if (count < 0) {
      count = -count;
      reader.long();
    }
    for (; count > 0; count--) {
      if (kinds === null) {
        changes.push(factChange(readFact(reader), readFact(reader)));
        continue;
      }
      const before = readOrSkipFact(reader, kinds);
      const after = readOrSkipFact(reader, kinds);
      if (before === passed || after === passed) continue;
      changes.push(factChange(before, after));
    }
  }
}

function readOptionalLong(reader: BinaryReader): number | null {
  return reader.branchIsNull() ? null : reader.long();
}
