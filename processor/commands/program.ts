/**
 * The command line: definitions.ts made into commander's commands. Everything from outside comes
 * in as a `Host`, so that main.ts alone touches the process.
 *
 * stdout carries results; stderr carries logs, and plain sentences about usage. Exit codes: 0 done,
 * 1 failed, 2 usage or configuration.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import type { Setting } from '../config/setting.ts';
import { settingsTable } from '../config/settings-table.ts';
import { messageOf } from '../error.ts';
import type { CommandOptions, ExitCode } from './context.ts';
import {
  type CommandDefinition,
  commandDefinitions,
  type OptionDefinition,
} from './definitions.ts';
import { examplesOf, programHelp, settingsHelp } from './help.ts';
import { type Host, runCommand } from './run-command.ts';

export async function runProgram(argv: readonly string[], host: Host): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = new Command('turnstream')
    .description(packageJson.description)
    .version(packageJson.version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: host.writeOut, writeErr: host.writeErr })
    .showHelpAfterError('(--help says what can be given)')
    .addHelpText('after', programHelp);
  for (const definition of commandDefinitions) {
    addCommand(program, definition, async (names, options, overrides) => {
      exitCode = await runCommand(definition, host, { names, options }, overrides);
    });
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (thrown) {
    // Commander has printed its sentence, or the help that was asked for.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    throw thrown;
  }
  return exitCode;
}

type Action = (
  names: readonly string[],
  options: CommandOptions,
  overrides: Readonly<Record<string, string>>,
) => Promise<void>;

function addCommand(program: Command, definition: CommandDefinition, action: Action): void {
  const words = definition.name.split(' ');
  const parent = words.length === 1 ? program : groupCommand(program, words[0] ?? '');
  const command = parent
    .command(words.at(-1) ?? '')
    .summary(definition.summary)
    .description(definition.description)
    .addHelpText('after', examplesOf(definition));
  if (definition.name === 'config') command.addHelpText('after', settingsHelp());
  if (definition.projections !== undefined) {
    command.argument('[projection...]', 'names of projections, such as steps_by_type_day');
  }
  if (definition.names !== undefined) command.argument(...definition.names);
  for (const option of definition.options) command.addOption(optionOf(option));
  const flagged = settingOptions(definition);
  for (const { option } of flagged) command.addOption(option);
  command.action(async () => {
    const options: Record<string, unknown> = command.opts();
    const overrides = flagged.flatMap(({ option, setting }) => {
      const value = options[option.attributeName()];
      return typeof value === 'string' ? [[setting.env, value] as const] : [];
    });
    await action(command.args, options, Object.fromEntries(overrides));
  });
}

const groups: Readonly<Record<string, string>> = {
  schema: 'the CQL keyspace and tables',
  'dead-letters': 'what was set aside, and what becomes of it',
};

/** `schema` for instance, which is nothing without its second word. */
function groupCommand(program: Command, name: string): Command {
  const existing = program.commands.find((command) => command.name() === name);
  if (existing !== undefined) return existing;
  const about = groups[name] ?? name;
  const words = commandDefinitions
    .map((definition) => definition.name.split(' '))
    .filter(([first]) => first === name)
    .map(([, second]) => second);
  return program
    .command(name)
    .summary(`${about} (${words.join(', ')})`)
    .description(`For ${about}.`);
}

function optionOf(definition: OptionDefinition): Option {
  const option = new Option(definition.flags, definition.about);
  const { parse } = definition;
  if (parse === undefined) return option;
  return option.argParser((value) => {
    try {
      return parse(value);
    } catch (thrown) {
      throw new InvalidArgumentError(messageOf(thrown));
    }
  });
}

/** The settings that a command takes as options; the configuration checks their values. */
function settingOptions(definition: CommandDefinition) {
  return definition.settings
    .flatMap((group) => Object.values<Setting>(settingsTable[group]))
    .flatMap((setting) => {
      if (setting.flag === undefined) return [];
      const about = `${setting.about} (default: ${setting.default}; env: ${setting.env})`;
      return [{ setting, option: new Option(`${setting.flag} <value>`, about) }];
    });
}
