/**
 * Records of `turnstream.changes` → SourceRecords: Confluent wire format, Debezium's Avro, by the
 * schema that each record names. A schema is read once, and compiled into a reader that skips what
 * decode.ts does not look at (most of `source`, foreign columns).
 *
 * A batch is decoded in two steps: `load` fetches the schemas that are new (none, as a rule), then
 * `decode` is synchronous.
 */
import avro from 'avsc';
import { messageOf, TurnstreamError } from '../error.ts';
import { decodeEnvelope, type Envelope } from './decode.ts';
import { decodeNotification, isNotification } from './notification.ts';
import { SchemaCache, type SchemaRegistry, wireHeaderBytes, wireSchemaId } from './registry.ts';
import { decodeRetry, isRetry } from './retry.ts';
import type { Columns, DecodeNote } from './row.ts';
import type { SourceRecord } from './row-change.ts';
import { decodeSweep, isSweep } from './sweep.ts';

/** A record as the log hands it over (a LogRecord is one). */
export type RawRecord = {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
};

export type RecordDecoderOptions = {
  readonly registry: SchemaRegistry;
  /** For messages alone: where the records come from. */
  readonly topic: string;
  /** Of the logical messages that are our heartbeat; the connector emits it. */
  readonly heartbeatPrefix?: string;
  readonly note?: (note: DecodeNote) => void;
};

export interface RecordDecoder {
  /**
   * Fetches the schemas of these records that are not known yet. Rejects with a retriable REGISTRY
   * error when the registry is away; an id that it lacks is left to `decode`.
   */
  load(records: readonly RawRecord[]): Promise<void>;
  /** Throws DECODE, naming topic and offset: the record will never decode, set it aside. */
  decode(record: RawRecord): SourceRecord;
}

export const defaultHeartbeatPrefix = 'turnstream';

export function recordDecoder(options: RecordDecoderOptions): RecordDecoder {
  const { topic, heartbeatPrefix = defaultHeartbeatPrefix, note = () => undefined } = options;
  const schemas = new SchemaCache<Compiled>(options.registry, (schema, id) => ({
    read: compileReader(schema, id),
    cutAt: cutsIn(schema),
  }));

  function compiled(bytes: Buffer): Compiled {
    const id = wireSchemaId(bytes);
    if (id === undefined) throw new RangeError('it is not in the Confluent wire format');
    const found = schemas.get(id);
    if (found === undefined) throw new RangeError(`the registry has no schema ${id}`);
    return found;
  }

  function decodeValue(record: RawRecord, value: Buffer): SourceRecord {
    if (isRetry(value)) return { kind: 'retry', letter: decodeRetry(value) };
    if (isSweep(value)) return decodeSweep(value);
    const { read, cutAt } = compiled(value);
    const envelope = read(value);
    if (isNotification(envelope)) return decodeNotification(envelope);
    if (!isEnvelope(envelope)) throw new RangeError("it is not Debezium's envelope");
    return decodeEnvelope(envelope, {
      key: () => (record.key === null ? null : (compiled(record.key).read(record.key) as Columns)),
      headers: record.headers,
      heartbeatPrefix,
      note,
      cutAt: (column) => cutAt.get(column),
    });
  }

  return {
    async load(records) {
      const missing = new Set<number>();
      for (const record of records) {
        for (const bytes of [record.value, record.key]) {
          const id = bytes === null ? undefined : wireSchemaId(bytes);
          if (id !== undefined && schemas.get(id) === undefined) missing.add(id);
        }
      }
      if (missing.size > 0) await schemas.load(missing);
    },
    decode(record) {
      if (record.value === null) return { kind: 'irrelevant', reason: 'a tombstone of Kafka' };
      try {
        return decodeValue(record, record.value);
      } catch (error) {
        if (error instanceof TurnstreamError && error.code === 'LIMIT') {
          throw new TurnstreamError(
            'DECODE',
            `Record ${record.offset} of ${topic} can't be kept: ${error.message}. It is set aside, the row stays as it was; nothing of it comes until its identifiers are shorter.`,
          );
        }
        throw new TurnstreamError(
          'DECODE',
          `Record ${record.offset} of ${topic} does not decode: ${messageOf(error)}. It is set aside; nothing but Debezium and Turnstream may write to that topic.`,
          { cause: error },
        );
      }
    },
  };
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null) return false;
  const { op, source } = value as Partial<Envelope>;
  return typeof op === 'string' && typeof source === 'object' && source !== null;
}

type Reader = (bytes: Buffer) => unknown;

type Compiled = { readonly read: Reader; readonly cutAt: ReadonlyMap<string, number> };

/** What decode.ts reads, by the record's or field's place in the envelope. */
const columnsRead = [
  'uid account_uid title session_uid parent_uid active_child prompt created_at',
  'agent_turn_uid idx tpe content',
].join(' ');

const fieldsRead: Readonly<Record<'envelope' | 'source' | 'row' | 'message', ReadonlySet<string>>> =
  {
    envelope: new Set('before after source op ts_us ts_ms message'.split(' ')),
    source: new Set('ts_us ts_ms snapshot table txId lsn'.split(' ')),
    row: new Set(columnsRead.split(' ')),
    message: new Set(['prefix']),
  };

type Schema = { type?: unknown; name?: string; fields?: Field[]; default?: unknown };
type Field = { name: string; type: unknown; default?: unknown };

/** A schema that is no Avro makes a reader that refuses: its records are set aside, not the rest. */
export function compileReader(schema: string, id = 0): Reader {
  try {
    return leanReader(schema);
  } catch (error) {
    return () => {
      throw new RangeError(`schema ${id} of the registry is no Avro schema`, { cause: error });
    };
  }
}

/** `prune` off reads every field, for comparison. */
export function leanReader(schema: string, prune = true): Reader {
  const parsed: unknown = JSON.parse(schema);
  const writer = avro.Type.forSchema(parsed as avro.Schema, { omitRecordMethods: true });
  const pruned = structuredClone(parsed) as Schema;
  const isEnvelopeSchema = pruned.fields?.some((field) => field.name === 'source') ?? false;
  if (!prune || !isEnvelopeSchema) return whole((bytes) => writer.decode(bytes, wireHeaderBytes));
  const nullInstants = pruneEnvelope(pruned);
  const reader = avro.Type.forSchema(pruned as avro.Schema, { omitRecordMethods: true });
  const resolver = reader.createResolver(writer);
  const read = whole((bytes) => reader.decode(bytes, wireHeaderBytes, resolver));
  return nullInstants.length === 0 ? read : (bytes) => withNulls(read(bytes), nullInstants);
}

/** Refuses a value that ends before or after what its schema says. */
function whole(decode: (bytes: Buffer) => { value: unknown; offset: number }): Reader {
  return (bytes) => {
    const { value, offset } = decode(bytes);
    if (offset !== bytes.length) throw new RangeError('its length does not fit its schema');
    return value;
  };
}

/**
 * Drops the fields that nobody reads, in place. Answers the columns whose NULL arrives as the
 * epoch: the Avro converter puts a nullable column's default in the place of NULL, and Debezium
 * takes 1970 for the default of `DEFAULT now()`.
 */
function pruneEnvelope(envelope: Schema): readonly string[] {
  const nullInstants: string[] = [];
  envelope.fields = (envelope.fields ?? []).filter((field) => fieldsRead.envelope.has(field.name));
  for (const field of envelope.fields) {
    const place = field.name === 'before' || field.name === 'after' ? 'row' : field.name;
    if (place !== 'row' && place !== 'source' && place !== 'message') continue;
    for (const record of recordsIn(field.type)) {
      record.fields = (record.fields ?? []).filter((inner) => fieldsRead[place].has(inner.name));
      if (place !== 'row') continue;
      for (const column of record.fields) {
        if (Array.isArray(column.type) && column.default === epochText)
          nullInstants.push(column.name);
      }
    }
  }
  return nullInstants;
}

const epochText = '1970-01-01T00:00:00.000000Z';

function recordsIn(type: unknown): readonly Schema[] {
  const branches = Array.isArray(type) ? type : [type];
  return branches.filter(
    (branch): branch is Schema =>
      typeof branch === 'object' && branch !== null && (branch as Schema).type === 'record',
  );
}

function withNulls(envelope: unknown, columns: readonly string[]): unknown {
  const row = (envelope as { after: Record<string, unknown> | null }).after;
  if (row !== null) {
    for (const column of columns) if (row[column] === epochText) row[column] = null;
  }
  return envelope;
}

/**
 * At which length the connector cuts which columns: Debezium says so in the schema, so that what is
 * read here never depends on how the connector is set up by now.
 */
export function cutsIn(schema: string): ReadonlyMap<string, number> {
  const cuts = new Map<string, number>();
  const { fields = [] } = parsed(schema);
  // The row's record stands where it is named first; the other one refers to it.
  const rows = fields.filter(({ name }) => name === 'before' || name === 'after');
  for (const row of rows.flatMap(({ type }) => recordsIn(type))) {
    for (const { name, type } of row.fields ?? []) {
      for (const branch of Array.isArray(type) ? type : [type]) {
        const parameters = (branch as Parametrized | null)?.['connect.parameters'];
        const chars = Number(parameters?.['truncateLength']);
        if (chars > 0) cuts.set(name, chars);
      }
    }
  }
  return cuts;
}

type Parametrized = { readonly 'connect.parameters'?: Readonly<Record<string, unknown>> };

function parsed(schema: string): Schema {
  try {
    return (JSON.parse(schema) ?? {}) as Schema;
  } catch {
    // Its reader says so of each record.
    return {};
  }
}
