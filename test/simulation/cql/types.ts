/**
 * CQL's types over the bytes of the native protocol: how they sort as keys, how the driver decodes
 * them, and as cells for checks. Ties compare the bytes themselves, unsigned (merge.ts).
 */
import type { Cell, CqlType } from '../../../processor/projection/columns.ts';

export type StoredType = CqlType | 'blob';
/** What probes and checks are shown: a bigint is a number, a date its day, a timestamp its milliseconds. */
export type PlainCell = Cell | Buffer;

type TypeRules = {
  /** null: any. */
  readonly bytes: number | null;
  readonly compare: (one: Buffer, other: Buffer) => number;
  /** As the product's driver is configured. */
  readonly decode: (bytes: Buffer) => unknown;
  readonly plain: (bytes: Buffer) => PlainCell;
};

const dateCenter = 2 ** 31;
const byBytes = (one: Buffer, other: Buffer) => Buffer.compare(one, other);
const byNumber = (read: (bytes: Buffer) => number) => (one: Buffer, other: Buffer) =>
  read(one) - read(other);

/** All of the product's are safe integers. */
export function int64(bytes: Buffer): number {
  return bytes.readInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4);
}

const int32 = (bytes: Buffer): number => bytes.readInt32BE(0);
const double = (bytes: Buffer): number => bytes.readDoubleBE(0);
const day = (bytes: Buffer): number => bytes.readUInt32BE(0) - dateCenter;
const text = (bytes: Buffer): string => bytes.toString('utf8');
const truth = (bytes: Buffer): boolean => bytes[0] !== 0;
const same = (bytes: Buffer): Buffer => bytes;

export const typeRules: Readonly<Record<StoredType, TypeRules>> = {
  text: { bytes: null, compare: byBytes, decode: text, plain: text },
  blob: { bytes: null, compare: byBytes, decode: same, plain: same },
  boolean: { bytes: 1, compare: byBytes, decode: truth, plain: truth },
  int: { bytes: 4, compare: byNumber(int32), decode: int32, plain: int32 },
  bigint: {
    bytes: 8,
    compare: byNumber(int64),
    decode: (bytes) => bytes.readBigInt64BE(0),
    plain: int64,
  },
  double: { bytes: 8, compare: byNumber(double), decode: double, plain: double },
  date: {
    bytes: 4,
    compare: byNumber(day),
    // The part of the driver's LocalDate that values.ts takes.
    decode: (bytes) => ({ _value: day(bytes) }),
    plain: day,
  },
  timestamp: {
    bytes: 8,
    compare: byNumber(int64),
    decode: (bytes) => new Date(int64(bytes)),
    plain: int64,
  },
};

export function isStoredType(name: string): name is StoredType {
  return Object.hasOwn(typeRules, name);
}
