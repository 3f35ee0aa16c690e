/** `turnstream run`: a worker as a service. */
import { TurnstreamError } from '../error.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { selectExplicitly } from './select-projections.ts';

export async function runCommand(
  _context: CommandContext,
  { names, options }: CommandArguments,
): Promise<ExitCode> {
  selectExplicitly(names, options.all === true);
  throw new TurnstreamError('STALLED', 'The worker is not wired into the command line yet.');
}
