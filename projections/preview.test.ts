import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

  it('does not keep the whole text in memory', () => {
    const textBytes = 2 ** 19;
    const heapBytes = () => {
      setFlagsFromString('--expose-gc');
      runInNewContext('gc')();
      return process.memoryUsage().heapUsed;
    };
    const before = heapBytes();
    const previews = Array.from({ length: 50 }, (_, index) =>
      previewOf(Buffer.alloc(textBytes, String(index % 10)).toString('latin1')),
    );
    const kept = heapBytes() - before;
    expect(previews).toHaveLength(50);
    expect(kept).toBeLessThan(5 * textBytes);
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
