/** The texts around commander's own help: examples, exit codes, and every setting. */
import { expected, type Setting } from '../config/setting.ts';
import { type GroupName, groupTitles, settingsTable } from '../config/settings-table.ts';
import type { CommandDefinition } from './definitions.ts';

const exitCodes =
  'Exit codes: 0 done; 1 failed, or found what it looks for; 2 usage or configuration.';

export const programHelp = `
How it hangs together:
  Postgres --(Debezium: connect)--> turnstream.changes --(sequence)--> turnstream.events
           --(run)--> read models in ScyllaDB or Cassandra

Examples, in the order of a first start:
  $ turnstream connect                        check Postgres and start capturing
  $ turnstream schema apply                   create the tables
  $ turnstream sequence                       turn changes into events (leave it running)
  $ turnstream run --all --metrics-port 9465  keep all read models up to date (leave it running)
  $ turnstream lag --watch                    see how far behind they are

Settings are environment variables, TURNSTREAM_…; \`turnstream config --help\` explains each, and
\`turnstream config\` prints what holds now. Results go to stdout, logs to stderr.
${exitCodes}
`;

export function examplesOf({ examples }: CommandDefinition): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, about]) => `  $ ${line.padEnd(width)}  ${about}`.trimEnd());
  return `\nExamples:\n${lines.join('\n')}\n`;
}

export function settingsHelp(): string {
  const groups = (Object.keys(settingsTable) as GroupName[]).map((group) => {
    const settings = Object.values<Setting>(settingsTable[group]).map(
      (setting) => `  ${setting.env}\n      ${setting.about}\n      ${factsOf(setting).join('; ')}`,
    );
    return `${groupTitles[group]}\n${settings.join('\n')}`;
  });
  return `\nEvery setting, an environment variable each:\n\n${groups.join('\n\n')}\n`;
}

function factsOf(setting: Setting): readonly string[] {
  return [
    expected(setting.type),
    `default ${setting.default === '' ? 'empty' : setting.default}`,
    ...(setting.flag === undefined ? [] : [`option ${setting.flag}`]),
    ...(setting.secret === true ? ['secret'] : []),
  ];
}

/** docs/settings.md; a test keeps it equal. */
export function settingsDocument(): string {
  const groups = (Object.keys(settingsTable) as GroupName[]).flatMap((group) => [
    `## ${groupTitles[group]}`,
    '',
    '| setting | expected | default | meaning |',
    '| --- | --- | --- | --- |',
    ...Object.values<Setting>(settingsTable[group]).map((setting) => {
      const flag = setting.flag === undefined ? '' : ` Option \`${setting.flag}\`.`;
      const fallback = setting.default === '' ? '–' : `\`${setting.default}\``;
      return `| \`${setting.env}\` | ${expected(setting.type)} | ${fallback} | ${setting.about}${flag} |`;
    }),
    '',
  ]);
  return [
    '# Settings',
    '',
    'Environment variables. Generated from processor/config/settings-table.ts; a test keeps both equal.',
    'An empty variable counts as unset. `turnstream config` prints what holds now, with secrets masked.',
    '',
    ...groups,
  ].join('\n');
}
