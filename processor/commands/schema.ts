/**
 * `turnstream schema print` and `apply`: the CQL of the keyspace and its tables. `print` asks nobody, so
 * it has the tables of a fresh installation; `apply` has those that readers use. Further generations'
 * tables are made by the replay that builds them.
 */

import { CqlGenerationStore } from '../cql/generation-store.ts';
import { tableName } from '../cql/names.ts';
import { applySchema, printSchema, schemaDdl } from '../cql/schema.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { firstBuild, isDefined, liveBuilds, modelOf } from './live-builds.ts';
import { openCql, schemaOptions, storesOn, warnOfLoss } from './open-cql.ts';
import { systemClock } from './system-clock.ts';

export async function schemaPrintCommand(
  { config, json, print }: CommandContext,
  args: CommandArguments,
): Promise<ExitCode> {
  const options = schemaOptions(config);
  const models = args.projections.map((projection) => modelOf(firstBuild(projection)));
  print(
    json
      ? JSON.stringify(schemaDdl(options, models), null, 2)
      : printSchema(options, models).trimEnd(),
  );
  return 0;
}

/** Ends with a look at each read model's columns: a table of another shape is an error, not a match. */
export async function schemaApplyCommand(
  { config, json, print, log }: CommandContext,
  args: CommandArguments,
): Promise<ExitCode> {
  const session = await openCql(config);
  const { keyspace } = config.cql;
  try {
    const options = schemaOptions(config);
    await applySchema(session, options, []);
    const generations = new CqlGenerationStore(session, keyspace, systemClock);
    const builds = await liveBuilds(generations, args.projections);
    const models = builds.filter(isDefined).map(modelOf);
    await applySchema(session, options, models);
    const stores = storesOn(session, config);
    await stores.readModels.ensure(models);
    await warnOfLoss(stores, log);
    const readModels = models.map(({ shape }) => shape.projection);
    const tables = models.map(tableName);
    const unknown = builds
      .filter((build) => !isDefined(build))
      .map((build) => tableName(modelOf(build)));
    const others =
      unknown.length === 0
        ? ''
        : ` Readers use ${unknown.join(', ')}, whose definition this build does not have.`;
    print(
      json
        ? JSON.stringify({ keyspace, readModels, tables, unknown })
        : `The keyspace ${keyspace} has the control tables and the read models ${tables.join(', ')}.${others}`,
    );
  } finally {
    await session.close();
  }
  return 0;
}
