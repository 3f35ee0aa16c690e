/**
 * Passing over a fact that nobody reads: the bytes of its branch without any text or object of them
 * (a replay of few read models, engine/ and replay/). It follows the field order of events.avsc, as
 * fact-codec.ts does, and refuses the same lengths.
 */
import type { FactKind } from '../conversation/fact.ts';
import type { BinaryReader } from './binary.ts';
import { type FactBranch, kindsOfBranches, readFactOf } from './fact-codec.ts';

type Field = 'text' | 'optional text' | 'number' | 'optional number' | 'optional moment';

const turn: readonly Field[] = ['text', 'text', 'optional text', 'optional text'];

const fields: Readonly<Record<FactKind, readonly Field[]>> = {
  session: [
    'text',
    'optional text',
    'optional text',
    'optional moment',
    'optional moment',
    'number',
    'number',
    'number',
  ],
  humanTurn: [
    ...turn,
    'optional text',
    'optional moment',
    'optional text',
    'optional number',
    'optional moment',
    'number',
    'number',
  ],
  agentTurn: [
    ...turn,
    'optional moment',
    'optional text',
    'optional number',
    'optional moment',
    'number',
    'optional moment',
    'optional moment',
    'optional moment',
    'number',
  ],
  step: [
    'text',
    'number',
    'optional number',
    'optional text',
    'optional moment',
    'text',
    'optional text',
    'optional text',
    'optional moment',
    'optional moment',
    'optional moment',
    'optional number',
  ],
};

export type KindsRead = ReadonlySet<FactKind>;

/** The fact, null where there is none, or `passed` for one of a kind that is not read. */
export const passed = Symbol('passed over');

export function readOrSkipFact(reader: BinaryReader, kinds: KindsRead) {
  const branch = reader.long();
  if (branch === 0) return null;
  const kind = kindsOfBranches[branch as FactBranch];
  if (kind === undefined) throw new RangeError(`no fact has the number ${branch}`);
  if (kinds.has(kind)) return readFactOf(reader, kind);
  for (const field of fields[kind]) skip(reader, field);
  return passed;
}

function skip(reader: BinaryReader, field: Field): void {
  switch (field) {
    case 'text':
      reader.skipText();
      return;
    case 'optional text':
      if (!reader.branchIsNull()) reader.skipText();
      return;
    case 'number':
      reader.long();
      return;
    case 'optional number':
      if (!reader.branchIsNull()) reader.long();
      return;
    case 'optional moment':
      if (!reader.branchIsNull()) reader.double();
  }
}
