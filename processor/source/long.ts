/**
 * Avro's long for the avsc library, as a number: exact up to 2^53, where avsc's own gives wrong
 * numbers above 2^52 and throws above 2^53. What is beyond that reads as the nearest number
 * (Debezium's nanoseconds, which nobody uses). Slower than avsc's own: for the paths that are rare.
 */
import avro from 'avsc';

export const longType: avro.Type = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => Number(bytes.readBigInt64LE()),
  toBuffer: (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: Number.isSafeInteger,
  compare: (left: number, right: number) => Math.sign(left - right),
});

/** For avsc's `typeHook`. */
export function exactLongs(schema: unknown): avro.Type | undefined {
  return schema === 'long' ? longType : undefined;
}
