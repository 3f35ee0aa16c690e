import { describe, expect, it } from 'vitest';
import { decodeRetry, encodeRetry, isRetry } from './retry.ts';
import { encodeSweep } from './sweep.ts';

const letter = {
  projection: 'p',
  version: 2,
  generation: 1,
  partition: 3,
  offset: 2 ** 40,
  requestedAt: 1_700_000_000_000,
  value: Buffer.from([0, 1, 10, 255, 0x7b, 10]),
  discard: false,
};

describe('a record that asks for a retry', () => {
  it('carries the original bytes as they are, newlines among them', () => {
    expect(decodeRetry(encodeRetry(letter))).toEqual(letter);
    const empty = { ...letter, value: Buffer.alloc(0) };
    expect(decodeRetry(encodeRetry(empty))).toEqual(empty);
  });

  it('says whether it asks for the opposite, in a word that older readers do not know', () => {
    const discard = { ...letter, value: Buffer.alloc(0), discard: true };
    expect(decodeRetry(encodeRetry(discard))).toEqual(discard);
    expect(isRetry(encodeRetry(discard))).toBe(true);
    expect(String(encodeRetry(discard))).toMatch(/^\{"kind":"discard",/);
  });

  it('is told from a sweep and from what Debezium writes', () => {
    expect(isRetry(encodeRetry(letter))).toBe(true);
    expect(isRetry(encodeSweep({ kind: 'sweep-end', sweepId: 's' }))).toBe(false);
    expect(isRetry(Buffer.from([0, 0, 0, 0, 1]))).toBe(false);
  });

  it.each([
    '{"kind":"retry",',
    '{"kind":"retry","projection":"p"}\n',
    '{"kind":"retry","projection":7,"version":1,"generation":1,"partition":0,"offset":0,"requestedAt":1}\n',
    '{"kind":"retry",]\n',
  ])('that does not name its letter is a DECODE error: %j', (text) => {
    expect(() => decodeRetry(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: 'DECODE' }),
    );
  });
});
