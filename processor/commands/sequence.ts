/** `turnstream sequence`: the sequencer as a service. */
import { TurnstreamError } from '../error.ts';
import type { CommandContext, ExitCode } from './context.ts';

export async function sequenceCommand(_context: CommandContext): Promise<ExitCode> {
  throw new TurnstreamError('STALLED', 'The sequencer is not wired into the command line yet.');
}
