/**
 * How large rows are: roughly in memory, and at most in a batch of the store. The second is an upper
 * bound of what cql/ counts for the row's statement, so that a segment that is closed by it fits one
 * batch; cql/state-segments.test.ts holds the two together. Pure.
 */
import type { RowRef, RowValue } from './container.ts';
import type { SessionState, StepState, TurnState } from './rows.ts';

export const rowBytes = 200;

/** What a container takes beside its rows: its maps and its place in others, measured with one row in it. */
export const containerBytes = 2_000;

/** What a row takes in memory, in bytes. */
export function sizeOf(value: RowValue | null): number {
  if (value === null) return 0;
  if ('content' in value) return rowBytes + (value.content?.length ?? 0) * 2;
  if ('prompt' in value) return 2 * rowBytes + (value.prompt?.length ?? 0) * 2;
  return rowBytes;
}

/** Columns of fixed size, what each column and the row cost beside their values, the row's kind. */
const fixedBytes = 200;
/** A number in JSON, with its comma; of 32 bits, or a count. */
const numberBytes = 26;
const smallBytes = 18;
const markBytes = numberBytes + 2 * smallBytes;

/** What the container's position takes in a batch beside the container's name, its tail empty. */
export const positionBytesMax = 120;

/** What a row takes in the tail of its container (cql/state-tail.ts), where its key stands again. */
const tailBytes = 40;

/** What the row takes in a batch, beside its container's name: at least what is counted there. */
export function storedBytesMax(ref: RowRef, value: RowValue, inlineMax: number): number {
  const fixed = fixedBytes + tailBytes;
  switch (ref.kind) {
    case 'session': {
      const { accountUid, title } = value as SessionState;
      return fixed + textBytesMax(accountUid) + inlineBytes(title, inlineMax) + 5 * numberBytes;
    }
    case 'turn': {
      const { parentUid, activeChild, prompt } = value as TurnState;
      const texts = 2 * textBytesMax(ref.uid) + textBytesMax(parentUid) + textBytesMax(activeChild);
      return fixed + texts + inlineBytes(prompt, inlineMax) + 4 * numberBytes + 3 * markBytes;
    }
    case 'family': {
      const { lastUid } = value as { readonly lastUid: string };
      return fixed + 2 * textBytesMax(ref.family) + textBytesMax(lastUid) + 2 * numberBytes;
    }
    case 'child':
      return fixed + 2 * (textBytesMax(ref.family) + textBytesMax(ref.uid)) + numberBytes;
    case 'step': {
      const { content } = value as StepState;
      return fixed + 2 * textBytesMax(ref.turnUid) + inlineBytes(content, inlineMax) + 64;
    }
  }
}

/** A longer text than `inlineMax` bytes is stored apart. */
function inlineBytes(text: string | null, inlineMax: number): number {
  // A character takes a byte or more.
  if (text === null || text.length > inlineMax) return 0;
  const bytes = Buffer.byteLength(text);
  return bytes > inlineMax ? 0 : bytes;
}

const backslash = 0x5c;
const quote = 0x22;

/** At least the bytes of the text, plain or in JSON with its quotes and comma. */
export function textBytesMax(text: string | null): number {
  if (text === null) return 5;
  let bytes = text.length + 3;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || (code >= 0xd800 && code < 0xe000)) bytes += 5;
    else if (code > 0x7e) bytes += 2;
    else if (code === backslash || code === quote) bytes += 1;
  }
  return bytes;
}
