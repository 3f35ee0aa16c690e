/**
 * Spreads the rows of a hot CQL partition over several (`bucket` columns). The result is stored in
 * keys: it must never change, for any text, on any machine.
 */

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/**
 * A number from 0 to `buckets` - 1 that depends on the text alone. 32-bit FNV-1a that takes whole
 * UTF-16 code units (not bytes: no encoding on the hot path), then the finaliser of murmur3, which
 * lets the high bits depend on all units; those choose the bucket: floor(hash × buckets / 2^32).
 */
export function bucketOf(text: string, buckets: number): number {
  let hash = fnvOffset;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), fnvPrime);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return Math.floor(((hash >>> 0) * buckets) / 2 ** 32);
}
