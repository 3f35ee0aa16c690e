import { describe, expect, it } from 'vitest';
import type { ColumnFacts, PostgresFacts, ServerFacts, SlotFacts, TableFacts } from './facts.ts';
import { preflight } from './preflight.ts';
import { exampleSettings } from './settings-example.ts';
import { sourceColumns, typesOfKind } from './source-tables.ts';

const server: ServerFacts = {
  version: 160_014,
  standby: false,
  walLevel: 'logical',
  slotsMax: 10,
  slotsUsed: 0,
  sendersMax: 10,
  sendersUsed: 0,
  role: 'turnstream',
  superuser: false,
  mayReplicate: true,
  mayCreate: true,
  mayEmitMessages: true,
};

const slot: SlotFacts = {
  plugin: 'pgoutput',
  database: 'conversations',
  active: true,
  walStatus: 'reserved',
};

function table(name: keyof typeof sourceColumns, more: Partial<TableFacts> = {}): TableFacts {
  return {
    owned: true,
    maySelect: true,
    identity: 'default',
    identityColumns: name === 'steps' ? ['agent_turn_uid', 'idx'] : ['uid'],
    candidates: [],
    columns: sourceColumns[name].map(({ name: column, kind }) => ({
      name: column,
      type: typesOfKind[kind].accepted[0]!,
      nullable: true,
      default: null,
    })),
    ...more,
  };
}

const facts: PostgresFacts = {
  server,
  slot: null,
  mayUseSchema: true,
  tables: {
    sessions: table('sessions'),
    human_turns: table('human_turns'),
    agent_turns: table('agent_turns'),
    steps: table('steps'),
  },
  publication: null,
};

const failuresOf = (more: Partial<PostgresFacts>) =>
  preflight({ ...facts, ...more }, exampleSettings).failures;
const serverFailures = (more: Partial<ServerFacts>) =>
  failuresOf({ server: { ...server, ...more } });
const tablesWith = (
  name: keyof typeof sourceColumns,
  more: Partial<TableFacts> | null,
): Partial<PostgresFacts> => ({
  tables: { ...facts.tables, [name]: more === null ? null : table(name, more) },
});
const replaceColumn = (
  name: keyof typeof sourceColumns,
  column: string,
  more: Partial<ColumnFacts>,
): Partial<PostgresFacts> =>
  tablesWith(name, {
    columns: table(name).columns.map((found) =>
      found.name === column ? { ...found, ...more } : found,
    ),
  });

describe('the pre-flight check', () => {
  it('passes a Postgres that is ready, before and after the first registration', () => {
    expect(preflight(facts, exampleSettings)).toEqual({ failures: [], notes: [] });
    const publication = {
      owned: false,
      allTables: false,
      tables: ['sessions', 'human_turns', 'agent_turns', 'steps'],
      missingOperations: [],
    };
    const taken = { ...server, slotsUsed: 10, sendersUsed: 10, mayCreate: false };
    expect(failuresOf({ server: taken, slot, publication })).toEqual([]);
  });

  it.each<[Partial<ServerFacts>, string]>([
    [
      { walLevel: 'replica' },
      "wal_level is replica: run ALTER SYSTEM SET wal_level = 'logical'; and restart Postgres (on a managed service, set its parameter for logical replication).",
    ],
    [
      { mayReplicate: false },
      'Role turnstream may not replicate: run ALTER ROLE turnstream WITH REPLICATION; (on Amazon RDS, GRANT rds_replication TO turnstream;).',
    ],
    [
      { mayEmitMessages: false },
      'Role turnstream may not emit the heartbeat: run GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) TO turnstream;.',
    ],
    [
      { slotsUsed: 10 },
      'All 10 replication slots are taken: raise max_replication_slots and restart Postgres, or drop a slot that nobody reads (SELECT slot_name FROM pg_replication_slots WHERE NOT active;).',
    ],
    [
      { sendersUsed: 10 },
      'All 10 WAL senders are busy: raise max_wal_senders and restart Postgres.',
    ],
    [
      { sendersMax: 0 },
      'max_wal_senders is 0: set it to 10, which is the default, and restart Postgres.',
    ],
    [{ standby: true }, 'This Postgres is a standby: set TURNSTREAM_POSTGRES_HOST to the primary.'],
    [
      { version: 130_011 },
      'Postgres is version 13: Turnstream needs 14 or later, whose logical replication carries messages.',
    ],
  ])('says in one sentence what to do about the server: %o', (more, sentence) => {
    expect(serverFailures(more)).toEqual([sentence]);
  });

  it('tells everything at once', () => {
    const everything = serverFailures({ walLevel: 'minimal', mayReplicate: false, slotsUsed: 10 });
    expect(everything).toHaveLength(3);
  });

  it.each<[Partial<SlotFacts>, RegExp]>([
    [{ plugin: 'wal2json' }, /uses wal2json and not pgoutput: .*pg_drop_replication_slot/],
    [{ database: 'other' }, /belongs to database other and not to conversations: /],
    [{ walStatus: 'lost' }, /has lost WAL .* drop the slot with SELECT pg_drop_replication_slot/],
  ])('refuses a slot that cannot be read from: %o', (more, sentence) => {
    expect(failuresOf({ slot: { ...slot, ...more } })).toEqual([expect.stringMatching(sentence)]);
  });

  it('names a missing table with the columns that it needs', () => {
    expect(failuresOf(tablesWith('steps', null))).toEqual([
      'Table public.steps does not exist: Turnstream reads its columns agent_turn_uid, idx, tpe, content, created_at; create it, or set TURNSTREAM_POSTGRES_SCHEMA to the schema that has it, or TURNSTREAM_POSTGRES_STEPS_TABLE to its name.',
    ]);
  });

  it('knows a table by the name that it has in Postgres', () => {
    const tables = { ...exampleSettings.postgres.tables, steps: 'Parts' };
    const settings = { ...exampleSettings, postgres: { ...exampleSettings.postgres, tables } };
    const said = (more: Partial<PostgresFacts>) =>
      preflight({ ...facts, ...more }, settings).failures.join(' ');
    expect(said(tablesWith('steps', null))).toMatch(/^Table public."Parts" does not exist: /);
    const owner = said(tablesWith('steps', { owned: false }));
    expect(owner).toContain('lacks the ownership of Parts to create it');
    expect(owner).toContain('public.agent_turns, public."Parts" WITH');
  });

  it('needs every column but those of agent_turns that may be absent, which it notes', () => {
    const columns = table('agent_turns').columns.slice(0, 2);
    const { failures, notes } = preflight(
      { ...facts, ...tablesWith('agent_turns', { columns }) },
      exampleSettings,
    );
    expect(failures).toEqual([]);
    expect(notes).toEqual([
      'public.agent_turns has no column parent_uid: what depends on it is left out.',
      'public.agent_turns has no column active_child: what depends on it is left out.',
      'public.agent_turns has no column created_at: what depends on it is left out.',
    ]);
    const without = tablesWith('agent_turns', { columns: columns.slice(0, 1) });
    expect(failuresOf(without)).toEqual([
      'public.agent_turns has no column session_uid (varchar): add it, or show it under that name.',
    ]);
  });

  it('refuses a type that does not decode to what the column is', () => {
    const local = { type: 'timestamp without time zone' };
    expect(failuresOf(replaceColumn('steps', 'created_at', local))).toEqual([
      "Column created_at of public.steps is timestamp without time zone: Turnstream reads timestamp with time zone; change it with ALTER TABLE public.steps ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC';.",
    ]);
    expect(failuresOf(replaceColumn('steps', 'content', { type: 'jsonb' }))).toEqual([]);
    expect(failuresOf(replaceColumn('steps', 'idx', { type: 'text' }))).toHaveLength(1);
  });

  it('notes a constant default of a nullable column, which hides NULL', () => {
    const notesOf = (more: Partial<ColumnFacts>) =>
      preflight({ ...facts, ...replaceColumn('sessions', 'title', more) }, exampleSettings).notes;
    expect(notesOf({ default: "'new'::character varying" })).toEqual([
      "Column title of public.sessions is nullable and has the default 'new'::character varying: a NULL in it arrives as that default; SET NOT NULL or DROP DEFAULT tells them apart.",
    ]);
    expect(notesOf({ default: "'new'::text", nullable: false })).toEqual([]);
    expect(notesOf({ default: 'now()' })).toEqual([]);
    expect(notesOf({ default: 'NULL::character varying' })).toEqual([]);
  });
});

describe('replica identity', () => {
  const none = { identityColumns: [] };
  const candidate = { index: 'steps_key', columns: ['agent_turn_uid', 'idx'] };

  it.each<[Partial<TableFacts>, string]>([
    [
      none,
      'public.steps has no primary key, so that its updates and deletes cannot be captured: run ALTER TABLE public.steps REPLICA IDENTITY FULL;.',
    ],
    [
      { ...none, candidates: [{ index: 'x', columns: ['idx'] }, candidate] },
      'public.steps has no primary key, so that its updates and deletes cannot be captured: run ALTER TABLE public.steps REPLICA IDENTITY USING INDEX steps_key;.',
    ],
    [
      { identityColumns: ['id'] },
      'public.steps has the primary key (id), so that its deletes do not tell agent_turn_uid, idx: run ALTER TABLE public.steps REPLICA IDENTITY FULL;.',
    ],
    [
      { identity: 'nothing', ...none },
      'public.steps has REPLICA IDENTITY NOTHING, so that its updates and deletes cannot be captured: run ALTER TABLE public.steps REPLICA IDENTITY FULL;.',
    ],
    [
      { identity: 'index', identityColumns: ['id'], candidates: [candidate] },
      'public.steps has a replica identity over (id), so that its deletes do not tell agent_turn_uid, idx: run ALTER TABLE public.steps REPLICA IDENTITY USING INDEX steps_key;.',
    ],
  ])('that does not tell our rows apart says which ALTER TABLE to run: %o', (more, sentence) => {
    expect(failuresOf(tablesWith('steps', more))).toEqual([sentence]);
  });

  it.each<Partial<TableFacts>>([
    { identity: 'full', ...none },
    { identity: 'index', identityColumns: ['agent_turn_uid', 'idx', 'tpe'] },
    { identityColumns: ['agent_turn_uid', 'id', 'idx'] },
  ])('is enough when it has the columns that tell them apart: %o', (more) => {
    expect(failuresOf(tablesWith('steps', more))).toEqual([]);
  });
});

describe('the publication', () => {
  const publication = {
    owned: true,
    allTables: false,
    tables: ['sessions', 'human_turns', 'agent_turns'],
    missingOperations: [],
  };

  it('is made by its owner where the role may not, with the statement to run', () => {
    const tables = { ...facts.tables, steps: table('steps', { owned: false }) };
    expect(failuresOf({ tables })).toEqual([
      'Publication turnstream is missing and role turnstream lacks the ownership of steps to create it: let the owner of the tables run CREATE PUBLICATION turnstream FOR TABLE public.sessions, public.human_turns, public.agent_turns, public.steps WITH (publish_via_partition_root = true);',
    ]);
    expect(serverFailures({ mayCreate: false })).toEqual([
      expect.stringContaining('lacks CREATE on database conversations to create it'),
    ]);
  });

  it('that lacks a table is altered by us, or by its owner where we may not', () => {
    expect(failuresOf({ publication })).toEqual([]);
    expect(failuresOf({ publication: { ...publication, owned: false } })).toEqual([
      'Publication turnstream lacks tables that role turnstream may not add: let its owner run ALTER PUBLICATION turnstream ADD TABLE public.steps;.',
    ]);
    expect(failuresOf({ publication: { ...publication, owned: false, allTables: true } })).toEqual(
      [],
    );
  });

  it('must carry every operation', () => {
    const missingOperations = ['delete', 'truncate'];
    expect(failuresOf({ publication: { ...publication, missingOperations } })).toEqual([
      "Publication turnstream leaves out delete, truncate: run ALTER PUBLICATION turnstream SET (publish = 'insert, update, delete, truncate');.",
    ]);
  });
});
