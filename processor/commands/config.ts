/** `turnstream config`: every setting with its value and origin, secrets masked. */
import type { CommandContext, ExitCode } from './context.ts';
import { textTable } from './text-table.ts';

export async function configCommand(context: CommandContext): Promise<ExitCode> {
  const settings = context.settings();
  if (context.json) {
    const entries = settings.map(({ env, value, origin }) => [env, { value, origin }] as const);
    context.print(JSON.stringify(Object.fromEntries(entries), null, 2));
  } else {
    const rows = settings.map(({ env, value, origin }) => [env, value || '(empty)', origin]);
    context.print(textTable(['setting', 'value', 'from'], rows));
  }
  return 0;
}
