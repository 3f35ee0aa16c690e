/** `turnstream schema print` and `apply`: the CQL of the keyspace and its tables. */
import { TurnstreamError } from '../error.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';

export async function schemaPrintCommand(
  _context: CommandContext,
  _args: CommandArguments,
): Promise<ExitCode> {
  throw new TurnstreamError('STALLED', 'The DDL is not wired into the command line yet.');
}

export const schemaApplyCommand = schemaPrintCommand;
