/** `make clean`: stops the stack and removes its data, logs and configuration; `--all`: the downloads too. */
import { removeData, removeDownloads } from './data.ts';
import { readSettings } from './settings.ts';
import { stopStack } from './stack.ts';
import { runCommand, sayFor } from './terminal.ts';

await runCommand(async () => {
  const settings = readSettings(process.env);
  const all = process.argv.includes('--all');
  await stopStack(settings, sayFor);
  removeData(settings);
  if (all) removeDownloads(settings);
  console.log(`Removed the stack’s data and logs${all ? ', and the downloads' : ''}.`);
  return 0;
});
