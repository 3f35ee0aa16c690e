import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { murmur2, partitionOf, partitionOfBytes } from './partition.ts';

const kafkajsMurmur2: (key: Buffer) => number = createRequire(import.meta.url)(
  'kafkajs/src/producer/partitioners/default/murmur2.js',
);

test.each([
  // From UtilsTest.testMurmur2 of Apache Kafka.
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
])('murmur2 of %s is what Kafka computes', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash);
});

test('murmur2 agrees with the library for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      expect(murmur2(bytes)).toBe(kafkajsMurmur2(Buffer.from(bytes)));
    }),
    { numRuns: 2_000 },
  );
});

// Any code points, cheaper to set up than fast-check's own.
const texts = fc
  .array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 20 })
  .map((points) => String.fromCodePoint(...points));

test('a partition is never negative and a key is hashed as its UTF-8 bytes', () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 64 }), (key, count) => {
      const partition = partitionOf(key, count);
      expect(partition).toBeGreaterThanOrEqual(0);
      expect(partition).toBeLessThan(count);
      expect(partition).toBe(partitionOfBytes(Buffer.from(key, 'utf8'), count));
    }),
  );
});
