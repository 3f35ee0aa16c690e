/**
 * Avro's primitive encodings on a Buffer, written for the events' hot path. The writer's buffer
 * grows; the reader never reads beyond its end and refuses lengths that the bytes cannot hold, so
 * that garbage is an error and never a large allocation. Numbers are exact up to 2^53.
 */

const initialBytes = 64 * 1024;
/** A buffer that a large content has grown beyond this is given back after use. */
const keptBytesMax = 1024 * 1024;

export class BinaryWriter {
  #buffer = Buffer.allocUnsafeSlow(initialBytes);
  #position = 0;

  /** Room for `bytes` more; every write of a number relies on a reservation before it. */
  reserve(bytes: number): void {
    const needed = this.#position + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#position);
    this.#buffer = grown;
  }

  byte(value: number): void {
    this.#buffer[this.#position++] = value;
  }

  int32BE(value: number): void {
    this.#position = this.#buffer.writeInt32BE(value, this.#position);
  }

  /** At most 8 bytes for a safe integer. */
  long(value: number): void {
    const buffer = this.#buffer;
    let position = this.#position;
    if (value >= -0x40000000 && value < 0x40000000) {
      let zigzag = (value << 1) ^ (value >> 31);
      while (zigzag & ~0x7f) {
        buffer[position++] = (zigzag & 0x7f) | 0x80;
        zigzag >>>= 7;
      }
      buffer[position++] = zigzag;
    } else {
      position = writeLarge(buffer, position, value);
    }
    this.#position = position;
  }

  double(value: number): void {
    this.#position = this.#buffer.writeDoubleLE(value, this.#position);
  }

  /** Reserves its own room. A lone surrogate becomes U+FFFD: UTF-8 has no form for it. */
  string(value: string): void {
    this.reserve(value.length * 3 + 5);
    const start = this.#position;
    // Guessing that the text is ASCII saves a pass over it to learn its length in bytes.
    const guess = lengthBytes(value.length);
    const written = this.#buffer.write(value, start + guess, 'utf8');
    const prefix = lengthBytes(written);
    if (prefix !== guess)
      this.#buffer.copyWithin(start + prefix, start + guess, start + guess + written);
    this.long(written);
    this.#position = start + prefix + written;
  }

  /** Reserves its own room. */
  bytes(value: Buffer): void {
    this.reserve(value.length + 5);
    this.long(value.length);
    this.#position += value.copy(this.#buffer, this.#position);
  }

  /** What was written, as a buffer of its own; the writer is empty afterwards. */
  take(): Buffer {
    const taken = Buffer.allocUnsafe(this.#position);
    this.#buffer.copy(taken, 0, 0, this.#position);
    this.#position = 0;
    if (this.#buffer.length > keptBytesMax) this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
    return taken;
  }

  /** Forgets what was written, after an exception in the middle of an entry. */
  clear(): void {
    this.#position = 0;
  }
}

function lengthBytes(length: number): number {
  if (length < 64) return 1;
  if (length < 8192) return 2;
  if (length < 1_048_576) return 3;
  return length < 134_217_728 ? 4 : 5;
}

/** Zigzag by hand: doubling a number of 53 bits would lose one. */
function writeLarge(buffer: Buffer, start: number, value: number): number {
  let position = start;
  const negative = value < 0;
  const magnitude = negative ? -(value + 1) : value;
  buffer[position++] = 0x80 | ((magnitude % 64) << 1) | (negative ? 1 : 0);
  let rest = Math.floor(magnitude / 64);
  while (rest > 0x7fffffff) {
    buffer[position++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest > 0x7f) {
    buffer[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[position++] = rest;
  return position;
}

/** Throws RangeError on bytes that are no such value; the caller says which record it was. */
export class BinaryReader {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #texts: TextCache;
  readonly #end: number;
  #position: number;

  constructor(buffer: Buffer, start: number, texts: TextCache) {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#texts = texts;
    this.#end = buffer.length;
    this.#position = start;
  }

  get remaining(): number {
    return this.#end - this.#position;
  }

  long(): number {
    const buffer = this.#buffer;
    let byte = this.#next();
    const negative = (byte & 1) === 1;
    let magnitude = (byte & 0x7e) >> 1;
    let factor = 64;
    while (byte & 0x80) {
      byte = this.#position < this.#end ? (buffer[this.#position++] ?? 0) : this.#beyond();
      magnitude += (byte & 0x7f) * factor;
      factor *= 128;
    }
    if (magnitude > Number.MAX_SAFE_INTEGER) throw new RangeError('a number beyond 2^53');
    return negative ? -magnitude - 1 : magnitude;
  }

  double(): number {
    if (this.#position + 8 > this.#end) this.#beyond();
    const value = this.#view.getFloat64(this.#position, true);
    this.#position += 8;
    return value;
  }

  string(): string {
    const length = this.#length('a text');
    const start = this.#position;
    this.#position = start + length;
    return this.#texts.text(this.#buffer, this.#view, start, length);
  }

  skipText(): void {
    const length = this.#length('a text');
    this.#position += length;
  }

  /** A view into what is read. */
  bytes(): Buffer {
    const length = this.#length('bytes');
    const start = this.#position;
    this.#position = start + length;
    return this.#buffer.subarray(start, start + length);
  }

  boolean(): boolean {
    const byte = this.#next();
    if (byte > 1) throw new RangeError('neither true nor false');
    return byte === 1;
  }

  /** The branch of a union of null and one other. */
  branchIsNull(): boolean {
    const branch = this.#next();
    if (branch === 0) return true;
    if (branch === 2) return false;
    throw new RangeError('a nullable value that is neither null nor there');
  }

  #length(what: string): number {
    const length = this.long();
    if (length < 0 || length > this.#end - this.#position) {
      throw new RangeError(`${what} beyond the end`);
    }
    return length;
  }

  #next(): number {
    if (this.#position >= this.#end) this.#beyond();
    return this.#buffer[this.#position++] ?? 0;
  }

  #beyond(): never {
    throw new RangeError('the record ends too early');
  }
}

const cachedTextBytesMin = 4;
const cachedTextBytesMax = 64;
const cachedTexts = 512;

/**
 * The short texts seen last, by their bytes. An event names the same session, account and turn
 * many times, and so do its neighbours: comparing bytes, four at a time, is cheaper than making a
 * string anew, and the strings are shared. Bounded: a text evicts the one in its place.
 */
export class TextCache {
  readonly #texts: string[] = new Array<string>(cachedTexts).fill('');
  readonly #lengths = new Uint8Array(cachedTexts);
  readonly #bytes = new Uint8Array(cachedTexts * cachedTextBytesMax);
  readonly #words = new DataView(this.#bytes.buffer);

  text(buffer: Buffer, view: DataView, start: number, length: number): string {
    if (length < cachedTextBytesMin || length > cachedTextBytesMax) {
      return buffer.toString('utf8', start, start + length);
    }
    const lastWord = length - 4;
    const place = placeOf(view.getInt32(start + lastWord), view.getInt32(start + (lastWord >> 1)));
    const base = place * cachedTextBytesMax;
    if (this.#lengths[place] === length) {
      const words = this.#words;
      let at = 0;
      while (at < lastWord && words.getInt32(base + at) === view.getInt32(start + at)) at += 4;
      if (at >= lastWord && words.getInt32(base + lastWord) === view.getInt32(start + lastWord)) {
        return this.#texts[place] ?? '';
      }
    }
    const text = buffer.toString('utf8', start, start + length);
    buffer.copy(this.#bytes, base, start, start + length);
    this.#lengths[place] = length;
    this.#texts[place] = text;
    return text;
  }
}

/** From the end and the middle: identifiers often share their beginning. */
function placeOf(last: number, middle: number): number {
  const mixed = Math.imul(last ^ (middle >>> 7), 0x9e3779b1);
  return (mixed >>> 16) % cachedTexts;
}
