/** The commands that read the event store, as data: `replay` and `events` (definitions.ts has the others). */
import { parseLsn } from '../source/lsn.ts';
import type { CommandDefinition, OptionDefinition } from './definitions.ts';

const json: OptionDefinition = { flags: '--json', about: 'print JSON for programs' };

const whole = (min: number, max: number) => (value: string) => {
  const parsed = Number(value);
  if (Number.isInteger(parsed) && parsed >= min && parsed <= max) return parsed;
  throw new Error(`a whole number from ${min} to ${max} is expected`);
};

export const replayDefinition: CommandDefinition = {
  name: 'replay',
  projections: 'named-or-all-option',
  summary: 'build read models anew from the event store, beside the live ones',
  description:
    'Builds the next generation of the named projections from turnstream.events while readers go on with the live one; brings it up to date, verifies it, switches readers by one conditional write, and drops what is older than the generations that are kept. Killed or stopped, the same command goes on where it was. One replay of a projection at a time. Exits with 1 when one of them was not promoted though it was to be.',
  options: [
    { flags: '--all', about: 'every projection in projections/' },
    {
      flags: '--concurrency <n>',
      about: 'read models that are built in one pass over the events (default: all of them)',
      parse: whole(1, 1000),
    },
    {
      flags: '--threads <n>',
      about: 'threads that share the partitions, a core each (default: TURNSTREAM_REPLAY_THREADS)',
      parse: whole(1, 64),
    },
    {
      flags: '--events-per-second-max <n>',
      about: 'read no more than that, so that live work keeps its pace',
      parse: whole(1, 100_000_000),
    },
    {
      flags: '--until <LSN or time>',
      about:
        'as of the first watermark at or after it (16/B374D848, 2026-03-05T12:00:00Z); a generation of its own, not promoted',
      parse: until,
    },
    { flags: '--dry-run', about: 'say how many events there are and about how long it takes' },
    {
      flags: '--keep <n>',
      about: 'former generations to keep beside the live one (default: 1)',
      parse: whole(0, 1000),
    },
    { flags: '--no-verify', about: 'promote without comparing with Postgres' },
    { flags: '--no-promote', about: 'leave it beside the live one' },
    { flags: '--accept-dead-letters', about: 'promote it though it lacks events' },
    json,
  ],
  settings: ['metrics', 'log'],
  examples: [
    ['turnstream replay steps_by_type_day', 'one of them'],
    ['turnstream replay --all --events-per-second-max 5000', 'all, beside live work'],
    ['turnstream replay turns_by_account --until 2026-03-05T12:00:00Z', 'as it was then'],
    ['turnstream replay --all --dry-run', 'how much it is'],
  ],
  load: async () => (await import('./replay.ts')).replayCommand,
};

export const dropDefinition: CommandDefinition = {
  name: 'drop',
  names: ['<table...>', 'tables of generations, such as steps_by_type_day_v1_g2'],
  summary: 'drop generations that nobody needs any more, such as one as of the past',
  description:
    'Drops the tables of the named generations; their numbers stay taken. What readers use, or used until a moment ago, and what is being built is refused. Running it again is harmless.',
  options: [json],
  settings: ['log'],
  examples: [['turnstream drop turns_by_account_v1_g3', '']],
  load: async () => (await import('./drop.ts')).dropCommand,
};

export const eventsDefinition: CommandDefinition = {
  name: 'events',
  summary: 'a conversation’s history, or a check of the whole event store',
  description:
    'With --session: prints the events of one conversation in order, a line each (time, LSN, position, type, what changed); only its partition is read, from the beginning. With --check: reads the whole store and checks that positions rise, that what an event says was before is what the one before it left, that watermarks never go back, and that each session is in its own partition. Exits with 1 when the check finds something, with 2 when it could not check.',
  options: [
    { flags: '--session <uid>', about: 'the conversation to print' },
    { flags: '--follow', about: 'go on with what comes, until stopped' },
    { flags: '--check', about: 'check the whole store' },
    {
      flags: '--memory-mib-max <n>',
      about:
        'memory for what was before (default: 512); with more facts than fit, some sessions are checked and the others are only counted',
      parse: whole(1, 1_000_000),
    },
    json,
  ],
  settings: ['log'],
  examples: [
    ['turnstream events --session 0193512a-5e55-7000-8000-000000000007', ''],
    ['turnstream events --session s1 --follow --json', 'one JSON object a line'],
    ['turnstream events --check', ''],
  ],
  load: async () => (await import('./events.ts')).eventsCommand,
};

function until(value: string) {
  if (value.includes('/')) {
    const lsn = parseLsn(value);
    if (lsn !== undefined && lsn !== null) return { lsn };
  } else if (/^\d{4}-\d\d-\d\dT/.test(value)) {
    const committedAtMs = Date.parse(value);
    if (Number.isFinite(committedAtMs)) return { committedAtMs };
  }
  throw new Error('an LSN such as 16/B374D848 or a time such as 2026-03-05T12:00:00Z is expected');
}
