/**
 * The pre-flight check: facts about Postgres → what has to be done before capture can start. Pure.
 * Each failure is one sentence that says what is wrong and what to do about it; all of them are
 * told at once. Notes are worth knowing and stop nothing.
 */
import { identityColumns } from '../processor/source/row.ts';
import { type SourceTable, sourceTables } from '../processor/source/row-change.ts';
import type { PostgresFacts, TableFacts } from './facts.ts';
import { publicationStatement, quoteName, tableName } from './render.ts';
import type { ConnectSettings } from './settings.ts';
import { sourceColumns, typesOfKind } from './source-tables.ts';

export type Preflight = {
  readonly failures: readonly string[];
  readonly notes: readonly string[];
};

/** The first Postgres whose pgoutput carries logical messages, which our heartbeat is. */
const versionMin = 140_000;

export function preflight(facts: PostgresFacts, settings: ConnectSettings): Preflight {
  const tables = sourceTables.map((table) => checkTable(table, facts.tables[table], settings));
  return {
    failures: [
      ...checkServer(facts),
      ...checkSlot(facts, settings),
      ...checkSchema(facts, settings),
      ...tables.flatMap(({ failures }) => failures),
      ...checkPublication(facts, settings),
    ],
    notes: tables.flatMap(({ notes }) => notes),
  };
}

function checkServer({ server }: PostgresFacts): readonly string[] {
  const failures: string[] = [];
  const major = Math.floor(server.version / 10_000);
  if (server.version < versionMin) {
    failures.push(
      `Postgres is version ${major}: Turnstream needs 14 or later, whose logical replication carries messages.`,
    );
  }
  if (server.standby) {
    failures.push('This Postgres is a standby: set TURNSTREAM_POSTGRES_HOST to the primary.');
  }
  if (server.walLevel !== 'logical') {
    failures.push(
      `wal_level is ${server.walLevel}: run ALTER SYSTEM SET wal_level = 'logical'; and restart Postgres (on a managed service, set its parameter for logical replication).`,
    );
  }
  const role = quoteName(server.role);
  if (!server.mayReplicate) {
    failures.push(
      `Role ${role} may not replicate: run ALTER ROLE ${role} WITH REPLICATION; (on Amazon RDS, GRANT rds_replication TO ${role};).`,
    );
  }
  if (!server.mayEmitMessages) {
    failures.push(
      `Role ${role} may not emit the heartbeat: run GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) TO ${role};.`,
    );
  }
  if (server.sendersMax < 1) {
    failures.push(
      'max_wal_senders is 0: set it to 10, which is the default, and restart Postgres.',
    );
  }
  return failures;
}

function checkSlot({ server, slot }: PostgresFacts, settings: ConnectSettings): readonly string[] {
  const name = settings.connector.slot;
  const drop = `SELECT pg_drop_replication_slot('${name}');`;
  if (slot === null) {
    const failures: string[] = [];
    if (server.slotsUsed >= server.slotsMax) {
      failures.push(
        `All ${server.slotsMax} replication slots are taken: raise max_replication_slots and restart Postgres, or drop a slot that nobody reads (SELECT slot_name FROM pg_replication_slots WHERE NOT active;).`,
      );
    }
    if (server.sendersMax > 0 && server.sendersUsed >= server.sendersMax) {
      failures.push(
        `All ${server.sendersMax} WAL senders are busy: raise max_wal_senders and restart Postgres.`,
      );
    }
    return failures;
  }
  if (slot.plugin !== 'pgoutput') {
    return [
      `Replication slot ${name} uses ${slot.plugin ?? 'no plugin'} and not pgoutput: choose another TURNSTREAM_CONNECT_SLOT_NAME, or drop it with ${drop}`,
    ];
  }
  if (slot.database !== settings.postgres.database) {
    return [
      `Replication slot ${name} belongs to database ${slot.database} and not to ${settings.postgres.database}: choose another TURNSTREAM_CONNECT_SLOT_NAME.`,
    ];
  }
  if (slot.walStatus === 'lost') {
    return [
      `Replication slot ${name} has lost WAL that it still needed (max_slot_wal_keep_size): drop the slot with ${drop} and run this again; connector ${settings.connector.name} then takes a new snapshot by itself, which repairs the read models.`,
    ];
  }
  return [];
}

function checkSchema(facts: PostgresFacts, settings: ConnectSettings): readonly string[] {
  const schema = quoteName(settings.postgres.schema);
  if (facts.mayUseSchema === null) {
    return [
      `Database ${settings.postgres.database} has no schema ${schema}: set TURNSTREAM_POSTGRES_SCHEMA to the schema of the four tables.`,
    ];
  }
  if (facts.mayUseSchema) return [];
  const role = quoteName(facts.server.role);
  return [
    `Role ${role} may not use schema ${schema}: run GRANT USAGE ON SCHEMA ${schema} TO ${role};.`,
  ];
}

function checkTable(
  table: SourceTable,
  facts: TableFacts | null,
  settings: ConnectSettings,
): Preflight {
  const name = tableName(settings, table);
  const expected = sourceColumns[table];
  if (facts === null) {
    const columns = expected.map((column) => column.name).join(', ');
    return {
      failures: [
        `Table ${name} does not exist: Turnstream reads its columns ${columns}; create it, or set TURNSTREAM_POSTGRES_SCHEMA to the schema that has it, or ${tableSetting(table)} to its name.`,
      ],
      notes: [],
    };
  }
  const failures: string[] = [];
  const notes: string[] = [];
  if (!facts.maySelect) {
    const role = quoteName(settings.postgres.user);
    failures.push(`Role ${role} may not read ${name}: run GRANT SELECT ON ${name} TO ${role};.`);
  }
  for (const { name: column, kind, optional } of expected) {
    const found = facts.columns.find((candidate) => candidate.name === column);
    const { accepted, suggested } = typesOfKind[kind];
    if (found === undefined) {
      if (optional) notes.push(`${name} has no column ${column}: what depends on it is left out.`);
      else
        failures.push(
          `${name} has no column ${column} (${suggested}): add it, or show it under that name.`,
        );
    } else if (!accepted.includes(found.type)) {
      failures.push(
        `Column ${column} of ${name} is ${found.type}: Turnstream reads ${accepted.join(', ')}; change it with ALTER TABLE ${name} ALTER COLUMN ${column} TYPE ${suggested}${kind === 'moment' ? ` USING ${column} AT TIME ZONE 'UTC'` : ''};.`,
      );
    } else if (hidesNull(found)) {
      notes.push(
        `Column ${column} of ${name} is nullable and has the default ${found.default}: a NULL in it arrives as that default; SET NOT NULL or DROP DEFAULT tells them apart.`,
      );
    }
  }
  failures.push(...checkIdentity(table, facts, name));
  return { failures, notes };
}

function tableSetting(table: SourceTable): string {
  return `TURNSTREAM_POSTGRES_${table.toUpperCase()}_TABLE`;
}

/**
 * The Avro converter writes a nullable column's constant default where the row has NULL. `now()`
 * is no constant: the decoder knows its NULL.
 */
function hidesNull(column: TableFacts['columns'][number]): boolean {
  return column.nullable && /^(?:'|-?\d|true|false)/.test(column.default ?? '');
}

/** Without a replica identity that names our rows, UPDATE and DELETE fail or can't be told apart. */
function checkIdentity(table: SourceTable, facts: TableFacts, name: string): readonly string[] {
  const needed = identityColumns[table];
  const covers = (columns: readonly string[]) => needed.every((column) => columns.includes(column));
  if (facts.identity === 'full' || covers(facts.identityColumns)) return [];
  const why = {
    default:
      facts.identityColumns.length === 0
        ? 'has no primary key, so that its updates and deletes cannot be captured'
        : `has the primary key (${facts.identityColumns.join(', ')}), so that its deletes do not tell ${needed.join(', ')}`,
    nothing: 'has REPLICA IDENTITY NOTHING, so that its updates and deletes cannot be captured',
    index: `has a replica identity over (${facts.identityColumns.join(', ')}), so that its deletes do not tell ${needed.join(', ')}`,
    full: '',
  }[facts.identity];
  const candidate = facts.candidates.find(({ columns }) => covers(columns));
  const identity = candidate === undefined ? 'FULL' : `USING INDEX ${quoteName(candidate.index)}`;
  return [`${name} ${why}: run ALTER TABLE ${name} REPLICA IDENTITY ${identity};.`];
}

function checkPublication(facts: PostgresFacts, settings: ConnectSettings): readonly string[] {
  const { publication, server } = facts;
  const name = quoteName(settings.connector.publication);
  const role = quoteName(server.role);
  const missing = missingTables(facts);
  const notOwned = missing.filter((table) => facts.tables[table]?.owned === false);
  if (publication === null) {
    if (notOwned.length === 0 && server.mayCreate) return [];
    const lacking = [
      ...(server.mayCreate ? [] : [`CREATE on database ${settings.postgres.database}`]),
      ...(notOwned.length === 0
        ? []
        : [
            `the ownership of ${notOwned.map((table) => settings.postgres.tables[table]).join(', ')}`,
          ]),
    ];
    return [
      `Publication ${name} is missing and role ${role} lacks ${lacking.join(' and ')} to create it: let the owner of the tables run ${publicationStatement(settings)}`,
    ];
  }
  const failures: string[] = [];
  if (publication.missingOperations.length > 0) {
    failures.push(
      `Publication ${name} leaves out ${publication.missingOperations.join(', ')}: run ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate');.`,
    );
  }
  if (missing.length > 0 && !(publication.owned && notOwned.length === 0)) {
    const tables = missing.map((table) => tableName(settings, table)).join(', ');
    failures.push(
      `Publication ${name} lacks tables that role ${role} may not add: let its owner run ALTER PUBLICATION ${name} ADD TABLE ${tables};.`,
    );
  }
  return failures;
}

/** The source tables that exist and that the publication does not have. */
export function missingTables({ publication, tables }: PostgresFacts): readonly SourceTable[] {
  if (publication?.allTables === true) return [];
  return sourceTables.filter(
    (table) => tables[table] !== null && publication?.tables.includes(table) !== true,
  );
}
