/** `turnstream schema print` and `apply`: the CQL of the keyspace and its tables. */
import { applySchema, printSchema, schemaDdl } from '../cql/schema.ts';
import type { ReadModel } from '../engine/store.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { openCql, schemaOptions, storesOn } from './open-cql.ts';
import { firstGeneration } from './select-projections.ts';

export async function schemaPrintCommand(
  { config, json, print }: CommandContext,
  args: CommandArguments,
): Promise<ExitCode> {
  const options = schemaOptions(config);
  const models = modelsOf(args);
  print(
    json
      ? JSON.stringify(schemaDdl(options, models), null, 2)
      : printSchema(options, models).trimEnd(),
  );
  return 0;
}

/** Ends with a look at each read model's columns: a table of another shape is an error, not a match. */
export async function schemaApplyCommand(
  { config, json, print }: CommandContext,
  args: CommandArguments,
): Promise<ExitCode> {
  const models = modelsOf(args);
  const session = await openCql(config);
  try {
    await applySchema(session, schemaOptions(config), models);
    await storesOn(session, config).readModels.ensure(models);
  } finally {
    await session.close();
  }
  const { keyspace } = config.cql;
  const readModels = models.map(({ shape }) => shape.projection);
  print(
    json
      ? JSON.stringify({ keyspace, readModels })
      : `The keyspace ${keyspace} has the control tables and the read models ${readModels.join(', ')}.`,
  );
  return 0;
}

function modelsOf({ projections }: CommandArguments): readonly ReadModel[] {
  return projections.map(({ shape }) => ({ shape, generation: firstGeneration }));
}
