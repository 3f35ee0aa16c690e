/**
 * Debezium's envelope → SourceRecord. Pure: avro.ts makes the envelope out of bytes, conversation/
 * folds what comes out. Nothing is guessed: what a record does not say is null or `unchanged`, and
 * a record that concerns nobody says why (I7).
 *
 * An UPDATE of a primary key arrives as two records, a delete that names the new key in a header
 * and a create that names the old one. The create becomes the update with `formerKey`, the delete
 * is irrelevant: an unchanged TOASTed value then stays with its row.
 */
import { TurnstreamError } from '../error.ts';
import { formatLsn, type Lsn } from './lsn.ts';
import {
  type Columns,
  type DecodeNote,
  hasIdentity,
  type Reading,
  readChange,
  rowName,
} from './row.ts';
import {
  type CutText,
  type Operation,
  type Origin,
  type SnapshotMark,
  type SourceRecord,
  type SourceTable,
  sourceTables,
} from './row-change.ts';

/**
 * Which of the four tables a record is of, where the customer's has another name: the connector says so in the
 * record, so that nobody who reads it needs to know the name.
 */
export const tableHeader = 'turnstream.table';
export const newKeyHeader = '__debezium.newkey';
export const oldKeyHeader = '__debezium.oldkey';

/** The part of Debezium's envelope that we read. Times in µs or ms since 1970. */
export type Envelope = {
  readonly op: string;
  readonly before?: Columns | null;
  readonly after?: Columns | null;
  readonly source: {
    readonly ts_us?: number | null;
    readonly ts_ms?: number | null;
    readonly snapshot?: string | null;
    readonly table?: string | null;
    readonly txId?: number | null;
    readonly lsn?: number | null;
  };
  readonly ts_us?: number | null;
  readonly ts_ms?: number | null;
  readonly message?: { readonly prefix?: string | null } | null;
};

export type DecodeContext = {
  /** The record's key, decoded when asked for; null when it has none. */
  readonly key: () => Columns | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the messages that are our heartbeat. */
  readonly heartbeatPrefix: string;
  readonly note: (note: DecodeNote) => void;
  /** From how many characters on the connector cuts a column; undefined where it does not. */
  readonly cutAt: (column: string) => number | undefined;
};

/** Throws LIMIT, naming the row, when an identifier is too long to be a key of the database. */
export function decodeEnvelope(envelope: Envelope, context: DecodeContext): SourceRecord {
  switch (envelope.op) {
    case 'c':
    case 'u':
    case 'r':
      return decodeWrite(envelope, context);
    case 'd':
      return decodeDelete(envelope, context);
    case 't':
      return decodeTruncate(envelope, context);
    case 'm':
      return decodeMessage(envelope, context);
    default:
      return irrelevant(`operation ${envelope.op}`);
  }
}

function decodeWrite(envelope: Envelope, context: DecodeContext): SourceRecord {
  const table = tableOf(envelope, context);
  if (table === undefined) return irrelevant(`table ${envelope.source.table}`);
  const after = envelope.after;
  if (after === null || after === undefined) return irrelevant(`${table}: a write without a row`);
  const oldKey = headerKey(table, context.headers[oldKeyHeader]);
  const former = oldKey ?? (envelope.op === 'u' ? envelope.before : undefined);
  const operation = oldKey !== undefined ? 'update' : operations[envelope.op];
  if (operation === undefined) return irrelevant(`operation ${envelope.op}`);
  const cut: CutText[] = [];
  const reading: Reading = {
    table,
    note: context.note,
    mayBeUnchanged: operation === 'update',
    cutAt: context.cutAt,
    cut: (column, chars) => cut.push({ row: rowName(table, after), column, chars }),
  };
  const change = named(envelope, table, after, () =>
    readChange(reading, operation, after, former ?? null, true),
  );
  if (typeof change === 'string') return irrelevant(change);
  const origin = originOf(envelope);
  const record = { kind: 'row', change, origin, snapshot: snapshotOf(envelope) } as const;
  return cut.length === 0 ? record : { ...record, cut };
}

/** What is wrong with the row is said of that row. */
function named<T>(envelope: Envelope, table: SourceTable, columns: Columns, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TurnstreamError) || error.code !== 'LIMIT') throw error;
    const lsn = formatLsn(originOf(envelope).lsn);
    throw new TurnstreamError(
      'LIMIT',
      `${rowName(table, columns)} at LSN ${lsn}: ${error.message}`,
    );
  }
}

const operations: Readonly<Record<string, Operation>> = { c: 'create', u: 'update', r: 'read' };

function decodeDelete(envelope: Envelope, context: DecodeContext): SourceRecord {
  const table = tableOf(envelope, context);
  if (table === undefined) return irrelevant(`table ${envelope.source.table}`);
  if (headerKey(table, context.headers[newKeyHeader]) !== undefined) {
    return irrelevant(`${table}: the former identity of the next record's row`);
  }
  const before = envelope.before ?? null;
  const key = before !== null && hasIdentity(table, before) ? before : context.key();
  if (key === null) return irrelevant(`${table}: a delete without a key`);
  const reading: Reading = {
    table,
    note: context.note,
    mayBeUnchanged: false,
    cutAt: () => undefined,
    cut: () => undefined,
  };
  const change = named(envelope, table, key, () => readChange(reading, 'delete', key, null, false));
  if (typeof change === 'string') return irrelevant(change);
  return { kind: 'row', change, origin: originOf(envelope), snapshot: null };
}

/** One record per table: a TRUNCATE of several tables is several records of one LSN. */
function decodeTruncate(envelope: Envelope, context: DecodeContext): SourceRecord {
  const table = tableOf(envelope, context);
  if (table === undefined) return irrelevant(`table ${envelope.source.table}`);
  return { kind: 'truncate', tables: [table], origin: originOf(envelope) };
}

function decodeMessage(envelope: Envelope, context: DecodeContext): SourceRecord {
  const prefix = envelope.message?.prefix ?? '';
  if (prefix !== context.heartbeatPrefix) return irrelevant(`message prefix ${prefix}`);
  return { kind: 'heartbeat', origin: originOf(envelope) };
}

function irrelevant(reason: string): SourceRecord {
  return { kind: 'irrelevant', reason };
}

function tableOf({ source }: Envelope, { headers }: DecodeContext): SourceTable | undefined {
  const said = headers[tableHeader];
  // JSON, as the connector's header converter writes a text.
  return sourceTables.find((table) =>
    said === undefined ? table === source.table : `"${table}"` === said,
  );
}

function originOf(envelope: Envelope): Origin {
  const { source } = envelope;
  const committedAt = instantOf(source.ts_us, source.ts_ms) ?? 0;
  return {
    lsn: (source.lsn ?? 0) as Lsn,
    transactionId: source.txId ?? null,
    committedAt,
    capturedAt: instantOf(envelope.ts_us, envelope.ts_ms) ?? committedAt,
  };
}

function instantOf(micros: number | null | undefined, millis: number | null | undefined) {
  if (micros !== null && micros !== undefined) return micros / 1000;
  return millis ?? undefined;
}

function snapshotOf(envelope: Envelope): SnapshotMark {
  const mark = envelope.source.snapshot;
  if (mark === null || mark === undefined || mark === 'false') return null;
  return mark === 'first' || mark === 'last' ? mark : 'inside';
}

/** The key that a header carries, if it names the row as we do. */
function headerKey(table: SourceTable, header: string | undefined): Columns | undefined {
  if (header === undefined) return undefined;
  const key = parseObject(header);
  return key !== undefined && hasIdentity(table, key) ? key : undefined;
}

function parseObject(json: string): Columns | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Columns) : undefined;
  } catch {
    return undefined;
  }
}
