import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { previewOf, sizeOf } from './preview.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 450, size: 'max' }),
  fc.string({ unit: fc.constantFrom('🌘', 'é', 'a'), minLength: 190, maxLength: 210 }),
);

describe('a preview', () => {
  it("is the first 200 code points, as Postgres' left(text, 200)", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(previewOf(text)).toBe([...text].slice(0, 200).join(''));
      }),
      { numRuns: 1_000 },
    );
  });

  it('never cuts a surrogate pair', () => {
    expect(previewOf(`${'x'.repeat(199)}🌘y`)).toBe(`${'x'.repeat(199)}🌘`);
    expect(previewOf('🌘'.repeat(201))).toBe('🌘'.repeat(200));
  });
});

describe('a size', () => {
  it("is code points and UTF-8 bytes, as Postgres' char_length and octet_length", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(sizeOf(text)).toEqual({
          chars: [...text].length,
          bytes: new TextEncoder().encode(text).length,
        });
      }),
      { numRuns: 1_000 },
    );
    expect(sizeOf('')).toEqual({ chars: 0, bytes: 0 });
    expect(sizeOf('aé🌘')).toEqual({ chars: 3, bytes: 7 });
  });
});
