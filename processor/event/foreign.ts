/**
 * Entries as the generic Avro reader gives them (schema.ts), made into log entries of the present
 * version: fields that it does not know are left out, fields that the writer did not know take
 * their default. A branch of a union of records arrives as `{ 'turnstream.Step': { … } }`.
 */
import avro from 'avsc';
import type { Fact } from '../conversation/fact.ts';
import type { LogEntry } from './event.ts';
import { factChange } from './fact-codec.ts';
import { eventType } from './schema.ts';

const kinds: Readonly<Record<string, Fact['kind']>> = {
  'turnstream.Session': 'session',
  'turnstream.HumanTurn': 'humanTurn',
  'turnstream.AgentTurn': 'agentTurn',
  'turnstream.Step': 'step',
};

type Members = Readonly<Record<string, unknown>>;
type ForeignChange = { readonly before: Members | null; readonly after: Members | null };

const fieldsByRecord = recordFields(eventType);

/** `value` is what a reader of any version of the schema gives. */
export function entryOfForeign(value: unknown): LogEntry {
  const [record, members] = onlyMember(value as Members);
  if (record === 'turnstream.Watermark') return { kind: 'watermark', ...members } as LogEntry;
  if (record === 'turnstream.Retry') return { kind: 'retry', ...members } as LogEntry;
  const { changes, ...event } = members as { readonly changes: readonly ForeignChange[] };
  return {
    kind: 'event',
    ...event,
    changes: changes.map(({ before, after }) => factChange(factOf(before), factOf(after))),
  } as unknown as LogEntry;
}

function factOf(branch: Members | null): Fact | null {
  if (branch === null) return null;
  const [record, members] = onlyMember(branch);
  const kind = kinds[record];
  if (kind === undefined) throw new RangeError(`${record} is no kind of fact`);
  return { kind, ...members } as Fact;
}

function onlyMember(branch: Members): readonly [string, Members] {
  const [member] = Object.entries(branch);
  if (member === undefined) throw new RangeError('a union without a branch');
  const [record, members] = member;
  return [record, presentFields(record, members as Members)];
}

function presentFields(record: string, written: Members): Members {
  const fields = fieldsByRecord.get(record);
  if (fields === undefined) throw new RangeError(`${record} is not known`);
  const present: Record<string, unknown> = {};
  for (const field of fields) {
    const value = written[field.name] ?? field.defaultValue() ?? null;
    if (value === null && written[field.name] === undefined && field.defaultValue() === undefined) {
      throw new RangeError(`${record} has no ${field.name}`);
    }
    present[field.name] = value;
  }
  return present;
}

/** The fields of every record that a type is made of, by the record's name. */
function recordFields(
  type: avro.Type,
  found: Map<string, readonly avro.types.Field[]> = new Map(),
): ReadonlyMap<string, readonly avro.types.Field[]> {
  if (type instanceof avro.types.RecordType) {
    if (type.name !== undefined) found.set(type.name, type.fields);
    for (const field of type.fields) recordFields(field.type, found);
  } else if (type instanceof avro.types.ArrayType) {
    recordFields(type.itemsType, found);
  } else if (type instanceof avro.types.WrappedUnionType) {
    for (const branch of type.types) recordFields(branch, found);
  }
  return found;
}
