/**
 * Debezium's Avro schemas as version 3.7 registers them through the Avro converter, for tests and
 * simulation: what it takes to make real bytes of a change.
 */
import avro from 'avsc';
import type { SourceTable } from './row-change.ts';

const optional = (type: unknown) => ({ type: ['null', type], default: null });
const zoned = {
  type: 'string',
  'connect.version': 1,
  'connect.name': 'io.debezium.time.ZonedTimestamp',
};

const source = {
  type: 'record',
  name: 'Source',
  namespace: 'io.debezium.connector.postgresql',
  fields: [
    { name: 'version', type: 'string' },
    { name: 'connector', type: 'string' },
    { name: 'name', type: 'string' },
    { name: 'ts_ms', type: 'long' },
    {
      name: 'snapshot',
      type: [{ type: 'string', 'connect.name': 'io.debezium.data.Enum' }, 'null'],
      default: 'false',
    },
    { name: 'db', type: 'string' },
    { name: 'sequence', ...optional('string') },
    { name: 'ts_us', ...optional('long') },
    { name: 'ts_ns', ...optional('long') },
    { name: 'schema', type: 'string' },
    { name: 'table', type: 'string' },
    { name: 'txId', ...optional('long') },
    { name: 'lsn', ...optional('long') },
    { name: 'xmin', ...optional('long') },
    { name: 'origin', ...optional('string') },
    { name: 'origin_lsn', ...optional('long') },
  ],
};

const transaction = optional({
  type: 'record',
  name: 'block',
  namespace: 'event',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'total_order', type: 'long' },
    { name: 'data_collection_order', type: 'long' },
  ],
});

export type FixtureColumn = {
  readonly name: string;
  readonly type: unknown;
  readonly default?: unknown;
};

const text = (name: string): FixtureColumn => ({ name, ...optional('string') });
const turn = [text('session_uid'), text('parent_uid'), text('active_child')];
const createdAt: FixtureColumn = { name: 'created_at', ...optional(zoned) };

export const fixtureColumns: Readonly<Record<SourceTable, readonly FixtureColumn[]>> = {
  sessions: [{ name: 'uid', type: 'string' }, text('account_uid'), text('title')],
  human_turns: [{ name: 'uid', type: 'string' }, ...turn, text('prompt'), createdAt],
  agent_turns: [{ name: 'uid', type: 'string' }, ...turn, createdAt],
  steps: [
    { name: 'agent_turn_uid', type: 'string' },
    { name: 'idx', type: 'int' },
    { name: 'tpe', ...optional('int') },
    text('content'),
    createdAt,
  ],
};

export function envelopeSchema(
  table: SourceTable,
  columns: readonly FixtureColumn[] = fixtureColumns[table],
): string {
  return JSON.stringify({
    type: 'record',
    name: 'Envelope',
    namespace: `turnstream.public.${table}`,
    fields: [
      { name: 'before', ...optional({ type: 'record', name: 'Value', fields: columns }) },
      { name: 'after', ...optional('Value') },
      { name: 'source', type: source },
      { name: 'transaction', ...transaction },
      { name: 'op', type: 'string' },
      { name: 'ts_ms', ...optional('long') },
      { name: 'ts_us', ...optional('long') },
      { name: 'ts_ns', ...optional('long') },
    ],
  });
}

export function keySchema(table: SourceTable): string {
  const fields =
    table === 'steps' ? fixtureColumns.steps.slice(0, 2) : fixtureColumns[table].slice(0, 1);
  return JSON.stringify({
    type: 'record',
    name: 'Key',
    namespace: `turnstream.public.${table}`,
    fields,
  });
}

export const messageSchema: string = JSON.stringify({
  type: 'record',
  name: 'MessageValue',
  namespace: 'io.debezium.connector.postgresql',
  fields: [
    { name: 'op', type: 'string' },
    { name: 'ts_ms', ...optional('long') },
    { name: 'source', type: source },
    { name: 'transaction', ...transaction },
    {
      name: 'message',
      type: {
        type: 'record',
        name: 'Message',
        fields: [
          { name: 'prefix', ...optional('string') },
          { name: 'content', ...optional('bytes') },
        ],
      },
    },
  ],
});

export const notificationSchema: string = JSON.stringify({
  type: 'record',
  name: 'Notification',
  namespace: 'io.debezium.connector.common',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'aggregate_type', type: 'string' },
    { name: 'type', type: 'string' },
    { name: 'additional_data', ...optional({ type: 'map', values: 'string' }) },
    { name: 'timestamp', type: 'long' },
  ],
});

/** The rest of a real `source` block around what a test cares for. */
export function fixtureSource(own: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const ts_us = typeof own['ts_us'] === 'number' ? own['ts_us'] : 1_795_362_204_844_023;
  return {
    version: '3.7.0.Final',
    connector: 'postgresql',
    name: 'turnstream',
    ts_ms: Math.floor(ts_us / 1000),
    snapshot: 'false',
    db: 'conversations',
    sequence: '["26785376","26785376"]',
    ts_us,
    ts_ns: null,
    schema: 'public',
    table: '',
    txId: 743,
    lsn: 26_785_376,
    xmin: null,
    origin: null,
    origin_lsn: null,
    ...own,
  };
}

/** Confluent wire format. */
export function wireValue(schema: string, id: number, value: unknown): Buffer {
  const header = Buffer.alloc(5);
  header.writeInt32BE(id, 1);
  return Buffer.concat([header, avro.Type.forSchema(JSON.parse(schema)).toBuffer(value)]);
}
