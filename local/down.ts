/** `make down`: stops what `make up` has started, and nothing else. Data stays. */
import { readSettings } from './settings.ts';
import { stopStack } from './stack.ts';
import { runCommand, sayFor } from './terminal.ts';

await runCommand(async () => {
  await stopStack(readSettings(process.env), sayFor);
  return 0;
});
