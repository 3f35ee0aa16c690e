/**
 * Cells as the bytes of the native protocol, and back. The driver passes buffers through as they
 * are: so sizes are known before a batch is cut, no 64-bit number takes a detour, and a missing
 * timestamp is an error here, not the server's time (I9). Equal cells may share their bytes: nobody writes into them.
 */
import { TurnstreamError } from '../error.ts';
import type { Cell, CqlType } from '../projection/columns.ts';

export type CqlValue = Buffer | null;

const high = 2 ** 32;
const dateCenter = 2 ** 31;
const msPerDay = 86_400_000;

/** 64 bits, signed, of a safe integer. */
export function bigintValue(value: number, type = 'bigint'): Buffer {
  if (!Number.isSafeInteger(value)) throw notA(type, value);
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeInt32BE(Math.floor(value / high), 0);
  bytes.writeUInt32BE(value - Math.floor(value / high) * high, 4);
  return bytes;
}

/** Types, indexes, counts, lengths of texts: most whole numbers are one of these. */
const smallInts = Array.from({ length: 2048 }, (_, value) => newInt(value));

export function intValue(value: number): Buffer {
  if (value !== (value | 0)) throw notA('int', value);
  return smallInts[value] ?? newInt(value);
}

function newInt(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function textValue(value: string): Buffer {
  return Buffer.from(value, 'utf8');
}

export function booleanValue(value: boolean): Buffer {
  return Buffer.from([value ? 1 : 0]);
}

export function doubleValue(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

function dateValue(day: number): Buffer {
  if (!Number.isInteger(day) || day < -dateCenter || day >= dateCenter) throw notA('date', day);
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(day + dateCenter);
  return bytes;
}

/** Throws a STORE error for a cell that its column cannot hold. */
export function cellValue(type: CqlType, cell: Cell): CqlValue {
  if (cell === null) return null;
  switch (type) {
    case 'text':
      if (typeof cell === 'string') return textValue(cell);
      break;
    case 'boolean':
      if (typeof cell === 'boolean') return booleanValue(cell);
      break;
    case 'int':
      if (typeof cell === 'number') return intValue(cell);
      break;
    case 'bigint':
      if (typeof cell === 'number') return bigintValue(cell);
      break;
    case 'double':
      if (typeof cell === 'number') return doubleValue(cell);
      break;
    case 'date':
      if (typeof cell === 'number') return dateValue(cell);
      break;
    case 'timestamp':
      if (typeof cell === 'number') return bigintValue(Math.floor(cell), type);
      break;
  }
  throw notA(type, cell);
}

/** `cellValue` of one column that remembers the last cell and its bytes. */
export function cellEncoder(type: CqlType): (cell: Cell) => CqlValue {
  let last: Cell = null;
  let bytes: CqlValue = null;
  return (cell) => {
    if (Object.is(cell, last)) return bytes;
    bytes = cellValue(type, cell);
    last = cell;
    return bytes;
  };
}

/** The cell as it will come back. */
export function storedCell(type: CqlType, cell: Cell): Cell {
  return type === 'timestamp' && typeof cell === 'number' ? Math.floor(cell) : cell;
}

/** What the driver decoded, as a cell. */
export function cellOf(type: CqlType, decoded: unknown): Cell {
  if (decoded === null || decoded === undefined) return null;
  if (type === 'date') return dayOf(decoded);
  if (decoded instanceof Date) return decoded.getTime();
  if (typeof decoded === 'bigint') return Number(decoded);
  if (typeof decoded === 'string' || typeof decoded === 'boolean') return decoded;
  if (typeof decoded === 'number') return decoded;
  throw new TurnstreamError('STORE', `a ${type} column holds something else: ${String(decoded)}`);
}

/** The driver's LocalDate, whose Date does not reach the ends of CQL's range. */
function dayOf(decoded: unknown): number {
  const { date, _value } = decoded as { readonly date: Date; readonly _value: number | null };
  return _value ?? date.getTime() / msPerDay;
}

function notA(type: string, value: unknown): TurnstreamError {
  return new TurnstreamError(
    'STORE',
    `${String(value)} cannot be stored as ${type}; correct the projection that gave it`,
  );
}
