/**
 * What the commands are called, take and print, as data: program.ts makes the command line of it.
 * Each command's code is loaded when it is called, so that `--help` costs nothing.
 */
import type { GroupName } from '../config/settings-table.ts';
import type { CommandRun } from './context.ts';
import { checkFlowDefinition, waitDefinition } from './definitions-checks.ts';
import { dropDefinition, eventsDefinition, replayDefinition } from './definitions-replay.ts';

import { verifyDefinition } from './definitions-verify.ts';

export type OptionDefinition = {
  readonly flags: string;
  readonly about: string;
  /** Checked when given; answers the value or throws what is expected. */
  readonly parse?: (value: string) => unknown;
};

export type CommandDefinition = {
  /** With its words: `schema print`. */
  readonly name: string;
  /** Takes names of projections: none for all of them, or all only when `--all` says so. */
  readonly projections?: 'all-unless-named' | 'named-or-all-option';
  /** Takes other arguments: as commander writes them, and what they are. */
  readonly names?: readonly [argument: string, about: string];
  readonly summary: string;
  readonly description: string;
  readonly options: readonly OptionDefinition[];
  /** Settings of these groups that have an option can be given to the command. */
  readonly settings: readonly GroupName[];
  readonly examples: readonly (readonly [line: string, about: string])[];
  /** Runs until it is stopped: its failures are logged, not printed. */
  readonly service?: boolean;
  readonly load: () => Promise<CommandRun>;
};

const json: OptionDefinition = { flags: '--json', about: 'print JSON for programs' };

const all: OptionDefinition = { flags: '--all', about: 'every projection in projections/' };

export const commandDefinitions: readonly CommandDefinition[] = [
  {
    name: 'connect',
    summary: 'check Postgres, then register capture with Kafka Connect',
    description:
      'Checks Postgres (wal_level, slots, privileges, the four tables), creates the publication, and registers Debezium with Kafka Connect or brings its configuration up to date. Running it again is harmless.',
    options: [{ flags: '--check', about: 'check only, change nothing' }, json],
    settings: ['connect', 'log'],
    examples: [
      ['turnstream connect --check', 'what is missing, one sentence each'],
      ['turnstream connect', 'start capturing'],
    ],
    load: async () => (await import('./connect.ts')).connectCommand,
  },
  {
    name: 'sequence',
    summary: 'turn row changes into events (one works, others stand by)',
    description:
      'Reads turnstream.changes in commit order and writes turnstream.events, the event store. Several may run: one works, the others stand by and take over.',
    options: [],
    settings: ['metrics', 'log'],
    examples: [
      ['turnstream sequence', ''],
      ['turnstream sequence --metrics-port 0', 'a second one, standing by'],
    ],
    service: true,
    load: async () => (await import('./sequence.ts')).sequenceCommand,
  },
  {
    name: 'run',
    projections: 'named-or-all-option',
    summary: 'keep read models up to date',
    description:
      'Folds events into the read models of the named projections. Start it several times to divide the partitions; SIGTERM finishes what is in hand, saves the checkpoint and leaves.',
    options: [
      all,
      {
        flags: '--group <name>',
        about: 'consumer group (default: made of the names of the projections)',
      },
      {
        flags: '--replay-on-upgrade',
        about: 'replay what readers use an older version of; of several workers one does it',
      },
    ],
    settings: ['metrics', 'log'],
    examples: [
      ['turnstream run --all --metrics-port 9465', 'all read models, beside a sequencer'],
      ['turnstream run steps_by_type_day', 'one of them'],
    ],
    service: true,
    load: async () => (await import('./run.ts')).runCommand,
  },
  {
    name: 'lag',
    projections: 'all-unless-named',
    summary: 'how far each read model is behind Postgres',
    description:
      'Prints, for each projection and partition, where its checkpoint is, how many records and WAL bytes it is behind and how old its watermark is; then the sequencer, and the replication slot. Without names: every projection. Exit 1 when something could not be asked.',
    options: [
      {
        flags: '--watch [seconds]',
        about: 'print again every so many seconds (2) until stopped',
        parse: seconds,
      },
      json,
    ],
    settings: ['log'],
    examples: [
      ['turnstream lag', ''],
      ['turnstream lag latency_histogram --watch 5', ''],
      ['turnstream lag --json | jq .projections', ''],
    ],
    load: async () => (await import('./lag.ts')).lagCommand,
  },
  {
    name: 'generations',
    projections: 'all-unless-named',
    summary: 'which builds of read models there are, and which readers use',
    description:
      'Prints every generation of the read models: its table, whether readers use it (live), it is being built, unfinished, built, kept or dropped, since when, up to which LSN its rows are complete, and about how large it is. Without names: every projection.',
    options: [json],
    settings: ['log'],
    examples: [
      ['turnstream generations', ''],
      ['turnstream generations steps_by_type_day --json | jq .projections', ''],
    ],
    load: async () => (await import('./generations.ts')).generationsCommand,
  },
  {
    name: 'promote',
    names: ['<projection>', 'the projection whose readers are to use another generation'],
    summary: 'switch readers to another generation',
    description:
      'Switches the readers of a projection to the generation that a replay has built last, to the one that they used before (--back), or to a named one, by one conditional write: of two who promote at once, one is refused. A generation that is unfinished, dropped, as of the past, behind what readers use or degraded by dead letters is refused too. Workers follow within a second.',
    options: [
      { flags: '--back', about: 'to the one that readers used before' },
      {
        flags: '--generation <n>',
        about: 'to this one: its number, or its table’s name as `turnstream generations` prints it',
      },
      { flags: '--as-is', about: 'though it is behind what readers use; says as of when it is' },
      {
        flags: '--accept-dead-letters',
        about: 'though it lacks events that its function threw on',
      },
      json,
    ],
    settings: ['log'],
    examples: [
      ['turnstream promote steps_by_type_day', 'what a replay left unpromoted'],
      ['turnstream promote steps_by_type_day --back --as-is', 'the former one, at once'],
    ],
    load: async () => (await import('./promote.ts')).promoteCommand,
  },
  replayDefinition,
  dropDefinition,
  eventsDefinition,
  verifyDefinition,
  checkFlowDefinition,
  waitDefinition,
  {
    name: 'schema print',
    projections: 'all-unless-named',
    summary: 'print the CQL of the keyspace and its tables',
    description:
      'Prints the CQL of a fresh installation: the keyspace, the state and control tables and the first generation of the read models, for people who create tables themselves. Without names: every projection.',
    options: [json],
    settings: ['cql', 'log'],
    examples: [['turnstream schema print --dialect scylladb > schema.cql', '']],
    load: async () => (await import('./schema.ts')).schemaPrintCommand,
  },
  {
    name: 'schema apply',
    projections: 'all-unless-named',
    summary: 'create what is missing of it; never alters or drops',
    description:
      'Creates the keyspace and the tables that are missing, of each read model the one that readers use, and never alters or drops one: a changed definition is a new version, so a new table, which a replay makes. Without names: every projection.',
    options: [json],
    settings: ['cql', 'log'],
    examples: [['turnstream schema apply', '']],
    load: async () => (await import('./schema.ts')).schemaApplyCommand,
  },
  {
    name: 'dead-letters list',
    names: [
      '[what...]',
      'projections, `sequencer`, ids of letters, or the table’s name of a generation that readers do not use; none for all',
    ],
    summary: 'what was set aside and waits',
    description:
      'Prints the dead letters that wait: events that a projection could not take, and records that do not decode. While one waits, its read model lacks what it would have written. Exits with 1 when there are any.',
    options: [
      { flags: '--settled', about: 'also those that a retry has brought in, and those discarded' },
      { flags: '--retried', about: 'the same: its former name' },
      json,
    ],
    settings: ['log'],
    examples: [
      ['turnstream dead-letters list', ''],
      ['turnstream dead-letters list steps_by_type_day --json | jq .waiting', ''],
    ],
    load: async () => (await import('./dead-letters.ts')).deadLettersListCommand,
  },
  {
    name: 'dead-letters show',
    names: ['<id>', 'a letter as `dead-letters list` prints it'],
    summary: 'one letter with its error and its record',
    description:
      'Prints a dead letter with its whole error and the record that was set aside, decoded if that is possible.',
    options: [json],
    settings: ['log'],
    examples: [['turnstream dead-letters show steps_by_type_day/3/1042', '']],
    load: async () => (await import('./dead-letters.ts')).deadLettersShowCommand,
  },
  {
    name: 'dead-letters retry',
    names: ['[what...]', 'ids of letters, projections, or `sequencer`'],
    summary: 'bring letters in, once their cause is mended',
    description:
      'Asks the log to take letters once more, each in its right order against later changes, and waits for what becomes of them. Mend the projection and start the mended workers first, all of them. Asking again is harmless. Exits with 1 when not all were taken.',
    options: [
      { flags: '--all', about: 'all that wait' },
      {
        flags: '--wait <seconds>',
        about: 'wait so long for what becomes of them (default: 30)',
        parse: waitSeconds,
      },
      json,
    ],
    settings: ['log'],
    examples: [
      ['turnstream dead-letters retry steps_by_type_day/3/1042', 'one'],
      ['turnstream dead-letters retry steps_by_type_day', 'all of a projection'],
      ['turnstream dead-letters retry --all --wait 0', 'all, without waiting'],
    ],
    load: async () => (await import('./dead-letters.ts')).deadLettersRetryCommand,
  },
  {
    name: 'dead-letters discard',
    names: ['[what...]', 'ids of letters, projections, or `sequencer`'],
    summary: 'say that letters will never be taken',
    description:
      'Asks the log to discard letters that no retry will ever bring in, and waits until it has. A read model does without such a letter and is no longer degraded by it; a replay takes the event. A row whose record the sequencer set aside stays as it is until Postgres writes it again. The letter itself stays in its topic. It cannot be taken back. Exits with 1 while some still wait.',
    options: [
      { flags: '--all', about: 'all that wait' },
      {
        flags: '--wait <seconds>',
        about: 'wait so long until they are discarded (default: 30)',
        parse: waitSeconds,
      },
      json,
    ],
    settings: ['log'],
    examples: [
      ['turnstream dead-letters discard sequencer/0/1042', 'one: its row was written again since'],
      ['turnstream dead-letters discard steps_by_type_day', 'all of a projection'],
    ],
    load: async () => (await import('./dead-letters.ts')).deadLettersDiscardCommand,
  },
  {
    name: 'config',
    summary: 'print every setting with its value and where that comes from',
    description:
      'Prints every setting with its value and whether that comes from the environment, an option or the default. Secrets are masked.',
    options: [json],
    settings: ['connect', 'cql', 'metrics', 'log'],
    examples: [
      ['turnstream config', ''],
      ['TURNSTREAM_KAFKA_BROKERS=kafka:9092 turnstream config --json', ''],
    ],
    load: async () => (await import('./config.ts')).configCommand,
  },
];

function seconds(value: string): number {
  const parsed = Number(value);
  if (Number.isFinite(parsed) && parsed >= 0.1 && parsed <= 86_400) return parsed;
  throw new Error('a number of seconds from 0.1 to 86400 is expected');
}

function waitSeconds(value: string): number {
  const parsed = Number(value);
  if (Number.isFinite(parsed) && parsed >= 0 && parsed <= 86_400) return parsed;
  throw new Error('a number of seconds from 0 to 86400 is expected');
}
