/** `turnstream verify` as data (definitions.ts). */
import { parseInstant } from '../source/instant.ts';
import type { CommandDefinition } from './definitions.ts';

export const verifyDefinition: CommandDefinition = {
  name: 'verify',
  projections: 'all-unless-named',
  summary: 'prove that read models equal Postgres, or say where they do not',
  description:
    'Compares read models with a snapshot of Postgres at one LSN, row by row and total by total, while everything goes on: rows that change meanwhile are compared again until they are settled. Without names: every projection, as readers use it. Exits with 0 when all is equal, 1 with differences, 2 when it could not verify.',
  options: [
    {
      flags: '--generation <name>',
      about: 'another build of the named projection: a number, or a table’s name',
    },
    {
      flags: '--sample <percent>',
      about:
        'so many of the sessions, the same ones each time: 1%. Extra rows are not seen, totals not compared',
      parse: percent,
    },
    { flags: '--account <uid>', about: 'the sessions of this account alone, as far as a sample' },
    {
      flags: '--since <time>',
      about: 'sessions with a turn or step since then (ISO 8601), as far as a sample',
      parse: time,
    },
    { flags: '--repair', about: 'rewrite what differs, and say so of each row' },
    { flags: '--continuous', about: 'again and again, as a service with metrics and health' },
    {
      flags: '--interval <seconds>',
      about: 'with --continuous: pause between two (default: 60)',
      parse: interval,
    },
    { flags: '--json', about: 'print JSON for programs, with --continuous a line each time' },
  ],
  settings: ['metrics', 'log'],
  examples: [
    ['turnstream verify', 'all read models, whole'],
    ['turnstream verify steps_by_type_day --sample 1% --json', 'a glance, for a program'],
    ['turnstream verify --repair', 'and put right what differs'],
    ['turnstream verify --continuous --interval 300', 'every five minutes, with metrics'],
  ],
  load: async () => (await import('./verify.ts')).verifyCommand,
};

function percent(value: string): number {
  const parsed = Number(value.replace(/%$/, ''));
  if (value.trim() !== '' && parsed > 0 && parsed <= 100) return parsed / 100;
  throw new Error('a share above 0% up to 100% is expected, such as 1%');
}

function time(value: string): number {
  const parsed = parseInstant(value);
  if (parsed !== undefined && Math.abs(parsed) <= 8.64e15) return parsed;
  throw new Error('a time such as 2026-03-01T00:00:00Z is expected');
}

function interval(value: string): number {
  const parsed = Number(value);
  if (Number.isFinite(parsed) && parsed >= 0 && parsed <= 86_400) return parsed;
  throw new Error('a number of seconds from 0 to 86400 is expected');
}
