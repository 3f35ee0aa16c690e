/**
 * What a list shows of a long text, and how long the text is. All of it counts code points or
 * UTF-8 bytes, so that Postgres says the same: `left(text, 200)`, `char_length(text)`,
 * `octet_length(text)`. A step's content is taken raw, JSON included: picking a field out of it
 * would have to be said again, exactly, in SQL and for content that is no JSON.
 */

/** Code points of a preview. */
export const previewCharsMax = 200;

/**
 * The first 200 code points. Never half of a surrogate pair. A copy: V8 makes a slice of a text a view of it,
 * which would keep all of a long content in memory as long as the row.
 */
export function previewOf(text: string): string {
  if (text.length <= previewCharsMax) return text;
  let end = 0;
  for (let chars = 0; chars < previewCharsMax && end < text.length; chars += 1) {
    end += isHigh(text.charCodeAt(end)) && isLow(text.charCodeAt(end + 1)) ? 2 : 1;
  }
  return flatCopy(text.slice(0, end));
}

/** What is put together is flattened into a text of its own when it is cut. */
function flatCopy(text: string): string {
  return ` ${text}`.slice(1);
}

export type TextSize = { readonly chars: number; readonly bytes: number };

/** `chars` are code points, `bytes` are those of UTF-8. */
export function sizeOf(text: string): TextSize {
  const bytes = Buffer.byteLength(text, 'utf8');
  // As many bytes as code units: all of it is ASCII.
  if (bytes === text.length) return { chars: bytes, bytes };
  // Text from a database is well-formed: a low half is always the end of a pair.
  let pairs = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (isLow(text.charCodeAt(index))) pairs += 1;
  }
  return { chars: text.length - pairs, bytes };
}

// The halves of a surrogate pair. NaN, beyond the end of a text, is neither.
const isHigh = (unit: number): boolean => (unit & 0xfc00) === 0xd800;
const isLow = (unit: number): boolean => (unit & 0xfc00) === 0xdc00;
