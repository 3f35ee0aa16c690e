/**
 * The Avro schema of `turnstream.events` (events.avsc), its registration, and the generic reader
 * for records of other versions of it. codec.ts writes and reads the present version by hand; a
 * test holds the two equal.
 *
 * Evolution is BACKWARD: a reader of today reads everything that was ever stored. New fields have
 * a default, none is removed or retyped.
 */
import { readFileSync } from 'node:fs';
import avro from 'avsc';
import { TurnstreamError } from '../error.ts';
import { exactLongs } from '../source/long.ts';
import type { SchemaRegistry } from '../source/registry.ts';

export const eventSchema: string = JSON.stringify(
  JSON.parse(readFileSync(new URL('./events.avsc', import.meta.url), 'utf8')),
);

/** Made anew for each schema: avsc keeps a schema's names in its options. */
const options = () => ({ omitRecordMethods: true, typeHook: exactLongs });

/** The present version as avsc's type: unions of several records hold `{ 'turnstream.Step': … }`. */
export const eventType: avro.Type = avro.Type.forSchema(JSON.parse(eventSchema), options());

/** Reads what was written with another version of the schema, in that version's shape. */
export type ForeignReader = (value: Buffer, start: number) => unknown;

/** Rejects with SCHEMA when the other schema is none of events. */
export function foreignReader(schema: string, id: number): ForeignReader {
  let writer: avro.Type | undefined;
  let cause: unknown;
  try {
    writer = avro.Type.forSchema(JSON.parse(schema), options());
  } catch (error) {
    cause = error;
  }
  const isOfEvents =
    writer instanceof avro.types.WrappedUnionType &&
    writer.types.some((branch) => branch.branchName === 'turnstream.Event');
  if (writer === undefined || !isOfEvents) {
    throw new TurnstreamError(
      'SCHEMA',
      `Schema ${id} of the registry is no version of the event schema; check that the topic and the registry belong together.`,
      { cause },
    );
  }
  const type = writer;
  return (value, start) => type.fromBuffer(value.subarray(start));
}

/** Idempotent: registers the present version and answers its id. Run once at start. */
export async function registerEventSchema(
  registry: SchemaRegistry,
  topic: string,
): Promise<number> {
  const subject = `${topic}-value`;
  const id = await registry.register(subject, eventSchema);
  await registry.setCompatibility(subject, 'BACKWARD');
  return id;
}
