/**
 * Records of the connector → the bytes that Debezium 3.7 writes through the Avro converter, with the
 * schemas of the product's own fixture. Types are compiled once for all histories.
 */
import avro from 'avsc';
import { defaultHeartbeatPrefix } from '../../../processor/source/avro.ts';
import {
  envelopeSchema,
  fixtureSource,
  keySchema,
  messageSchema,
  notificationSchema,
} from '../../../processor/source/debezium-fixture.ts';
import type { SchemaRegistry } from '../../../processor/source/registry.ts';
import { type SourceTable, sourceTables } from '../../../processor/source/row-change.ts';
import type { Emitted } from './emitted.ts';
import { type Cell, type Columns, shapes } from './rows.ts';

export type NewChange = {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
};

export type ChangeEncoder = (record: Emitted, capturedMs: number) => NewChange;

type Writer = (value: unknown) => Buffer;

const wireHeaderBytes = 5;
let scratch = Buffer.alloc(64 * 1024);
const types = new Map<string, avro.Type>();

function typeOf(schema: string): avro.Type {
  const known = types.get(schema);
  if (known !== undefined) return known;
  const type = avro.Type.forSchema(JSON.parse(schema));
  types.set(schema, type);
  return type;
}

function writerOf(schema: string, id: number): Writer {
  const type = typeOf(schema);
  return (value) => {
    let end = type.encode(value, scratch, wireHeaderBytes);
    if (end < 0) {
      scratch = Buffer.alloc(2 * (scratch.length - end));
      end = type.encode(value, scratch, wireHeaderBytes);
    }
    scratch[0] = 0;
    scratch.writeInt32BE(id, 1);
    return Buffer.from(scratch.subarray(0, end));
  };
}

/** Registers the schemas; the same registry again costs nothing and answers the same ids. */
export async function changeEncoder(registry: SchemaRegistry): Promise<ChangeEncoder> {
  const values = new Map<SourceTable, Writer>();
  const keys = new Map<SourceTable, Writer>();
  for (const table of sourceTables) {
    const value = envelopeSchema(table);
    const key = keySchema(table);
    values.set(table, writerOf(value, await registry.register(`${table}-value`, value)));
    keys.set(table, writerOf(key, await registry.register(`${table}-key`, key)));
  }
  const message = writerOf(messageSchema, await registry.register('message-value', messageSchema));
  const notification = writerOf(
    notificationSchema,
    await registry.register('notification-value', notificationSchema),
  );
  const write = (writers: ReadonlyMap<SourceTable, Writer>, table: SourceTable, value: unknown) => {
    const writer = writers.get(table);
    if (writer === undefined) throw new Error(`no schema for ${table}`);
    return writer(value);
  };
  return (record, capturedMs) => {
    if (record.kind === 'heartbeat') {
      return { key: null, value: message(messageOf(record, capturedMs)), headers: {} };
    }
    if (record.kind === 'notification') {
      return { key: null, value: notification(notificationOf(record, capturedMs)), headers: {} };
    }
    const { table } = record;
    const value = write(values, table, envelopeOf(record, capturedMs));
    if (record.kind === 'truncate') return { key: null, value, headers: {} };
    return { key: write(keys, table, record.key), value, headers: record.headers };
  };
}

function envelopeOf(record: Extract<Emitted, { kind: 'row' | 'truncate' }>, capturedMs: number) {
  const isRow = record.kind === 'row';
  return {
    before: isRow && record.op === 'd' ? withNulls(record.table, record.key) : null,
    after: isRow ? record.after : null,
    source: sourceOf(record, record.table, (isRow ? record.snapshot : null) ?? 'false'),
    transaction: null,
    op: isRow ? record.op : 't',
    ...capturedAt(capturedMs),
    ts_ns: null,
  };
}

function messageOf(record: Emitted, capturedMs: number) {
  return {
    op: 'm',
    ts_ms: capturedAt(capturedMs).ts_ms,
    source: sourceOf(record, '', 'false'),
    transaction: null,
    message: { prefix: defaultHeartbeatPrefix, content: Buffer.alloc(0) },
  };
}

function notificationOf({ type }: Extract<Emitted, { kind: 'notification' }>, capturedMs: number) {
  return {
    id: 'a snapshot',
    aggregate_type: 'Initial Snapshot',
    type,
    additional_data: { connector_name: 'turnstream' },
    timestamp: capturedAt(capturedMs).ts_ms,
  };
}

function sourceOf({ lsn, transactionId, atMs }: Emitted, table: string, snapshot: string) {
  const ts_us = Math.round(atMs * 1000);
  return fixtureSource({ ts_us, table, snapshot, lsn, txId: transactionId });
}

function capturedAt(ms: number) {
  return { ts_ms: Math.floor(ms), ts_us: Math.round(ms * 1000) };
}

/** The default replica identity: the key, and nothing of the rest. */
function withNulls(table: SourceTable, key: Columns): Columns {
  const row: Record<string, Cell> = {};
  for (const name of shapes[table].columns) row[name] = key[name] ?? null;
  return row;
}
