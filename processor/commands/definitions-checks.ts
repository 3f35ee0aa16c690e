/** `turnstream wait` and `turnstream check-flow` as data (definitions.ts). */
import type { CommandDefinition } from './definitions.ts';

export const waitDefinition: CommandDefinition = {
  name: 'wait',
  names: [
    '[what...]',
    'postgres, kafka, registry, connect, cql, schema (the control tables), or a projection (its table); none for all but the projections',
  ],
  summary: 'until what is named answers: for init containers and scripts',
  description:
    'Waits until all that is named answers, one after the other, and says what it waits for. Exits with 0 when all is there, with 1 when it is not in time.',
  options: [
    {
      flags: '--timeout <seconds>',
      about: 'give up after so long (default: never)',
      parse: seconds,
    },
    { flags: '--json', about: 'print JSON for programs' },
  ],
  settings: ['log'],
  examples: [
    ['turnstream wait kafka connect', 'before capture is registered'],
    ['turnstream wait schema steps_by_type_day --timeout 300', 'before a worker starts'],
  ],
  load: async () => (await import('./wait.ts')).waitCommand,
};

export const checkFlowDefinition: CommandDefinition = {
  name: 'check-flow',
  projections: 'all-unless-named',
  summary: 'send a conversation through everything, and see it come and go',
  description:
    'Writes a session with turns and steps to Postgres, waits until each read model has passed the commit, reads it back and compares it with what the projection makes of it, deletes it, and sees it gone. It takes INSERT and DELETE on the four tables, deletes what it wrote also when it fails, and has a day in 1970. Without names: every projection. Exits with 1 when something did not come, or did not go.',
  options: [
    {
      flags: '--timeout <seconds>',
      about: 'how long it may take until it can be read, and until it is gone (default: 60)',
      parse: seconds,
    },
    { flags: '--json', about: 'print JSON for programs' },
  ],
  settings: ['log'],
  examples: [
    ['turnstream check-flow', 'after an installation or an upgrade'],
    ['turnstream check-flow turns_by_account --timeout 10', ''],
  ],
  load: async () => (await import('./check-flow.ts')).checkFlowCommand,
};

function seconds(value: string): number {
  const parsed = Number(value);
  if (Number.isFinite(parsed) && parsed >= 0.1 && parsed <= 86_400) return parsed;
  throw new Error('a number of seconds from 0.1 to 86400 is expected');
}
