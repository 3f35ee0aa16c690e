/** `turnstream schema print` and `apply`: the CQL of the keyspace and its tables. */
import { TurnstreamError } from '../error.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { selectOrAll } from './select-projections.ts';

export async function schemaPrintCommand(
  _context: CommandContext,
  { names }: CommandArguments,
): Promise<ExitCode> {
  selectOrAll(names);
  throw new TurnstreamError('STALLED', 'The DDL is not wired into the command line yet.');
}

export const schemaApplyCommand = schemaPrintCommand;
