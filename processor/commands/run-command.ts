/**
 * One command from its configuration to its exit code. Configuration errors are printed all at
 * once; what a command throws becomes one sentence, with its stack only at the log level debug.
 */
import type { Environment } from '../config.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';
import type { Projection } from '../projection/projection.ts';
import type { CommandContext, CommandOptions, ExitCode } from './context.ts';
import type { CommandDefinition } from './definitions.ts';

/** The process, as main.ts hands it in. */
export type Host = {
  readonly env: Environment;
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  readonly signal: AbortSignal;
};

export async function runCommand(
  definition: CommandDefinition,
  host: Host,
  given: { readonly names: readonly string[]; readonly options: CommandOptions },
  overrides: Readonly<Record<string, string>>,
): Promise<ExitCode> {
  // Loaded here and not above: --help needs neither.
  const [{ describeConfig, loadConfig, misspelled }, { createLogger }] = await Promise.all([
    import('../config.ts'),
    import('../logger.ts'),
  ]);
  const loaded = loadConfig(host.env, overrides);
  if (loaded.errors !== undefined) {
    const count =
      loaded.errors.length === 1 ? 'A setting is' : `${loaded.errors.length} settings are`;
    const lines = loaded.errors.map(({ message }) => `  ${message}\n`);
    host.writeErr(
      `error: ${count} wrong:\n${lines.join('')}(\`turnstream config --help\` explains every setting)\n`,
    );
    return 2;
  }
  const { config } = loaded;
  const { format, level } = config.log;
  const log = createLogger({
    level,
    pretty: format === 'auto' ? host.errIsTerminal : format === 'pretty',
    stream: { write: host.writeErr },
  });
  for (const { variable, meant } of misspelled(host.env)) {
    log.warn({}, `${variable} is no setting and has no effect; ${meant} may be meant.`);
  }
  const context: CommandContext = {
    config,
    settings: () => describeConfig(host.env, overrides),
    log,
    print: (text) => host.writeOut(`${text}\n`),
    json: given.options.json === true,
    interactive: host.outIsTerminal,
    signal: host.signal,
  };
  try {
    const projections = await projectionsOf(definition, given);
    const run = await definition.load();
    return await run(context, { projections, names: given.names, options: given.options });
  } catch (thrown) {
    return failed(thrown, definition, host, log);
  }
}

async function projectionsOf(
  definition: CommandDefinition,
  { names, options }: { readonly names: readonly string[]; readonly options: CommandOptions },
): Promise<readonly Projection[]> {
  if (definition.projections === undefined) return [];
  const { selectExplicitly, selectOrAll } = await import('./select-projections.ts');
  return definition.projections === 'all-unless-named'
    ? selectOrAll(names)
    : selectExplicitly(names, options.all === true);
}

function failed(
  thrown: unknown,
  { service }: CommandDefinition,
  host: Host,
  log: Logger,
): ExitCode {
  const known = thrown instanceof TurnstreamError;
  const sentence = known ? thrown.message : `Unexpected error: ${messageOf(thrown)}`;
  const usage = known && thrown.code === 'CONFIGURATION';
  if (service === true && !usage) {
    log.error({ err: thrown }, sentence);
  } else {
    host.writeErr(`error: ${sentence}${known && !usage ? ` [${thrown.code}]` : ''}\n`);
    log.debug({ err: thrown }, 'the stack of the error');
    if (!known) host.writeErr('(--log-level debug shows where it comes from)\n');
  }
  return usage ? 2 : 1;
}
