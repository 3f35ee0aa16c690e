/** `make up`: starts what does not run yet, side by side, and says where everything is. */
import { relative } from 'node:path';
import { checkBeforeStart } from './preflight.ts';
import { addressOf } from './server.ts';
import { readSettings, repositoryDir } from './settings.ts';
import { startStack } from './stack.ts';
import { runCommand, sayFor, table } from './terminal.ts';

await runCommand(async () => {
  const settings = readSettings(process.env);
  const folder = relative(repositoryDir, settings.dir) || settings.dir;
  console.log(`Starting the local stack; data and logs are in ${folder}/`);
  process.once('SIGINT', () => {
    console.error('\nInterrupted. Servers that have started go on: `make down` stops them.');
    process.exit(130);
  });
  await checkBeforeStart(settings, process.env);
  const started = Date.now();
  const results = await startStack(settings, process.env, sayFor);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log();
  console.log(
    table(
      results.map(({ server, outcome, seconds: after }) => [
        server.title,
        `${addressOf(server)}:${settings[server.ports[0] ?? 'postgresPort']}`,
        outcome instanceof Error
          ? 'FAILED'
          : outcome === 'started'
            ? `ready after ${after.toFixed(1)} s`
            : outcome,
      ]),
    ),
  );
  console.log();
  const failures = results.filter(({ outcome }) => outcome instanceof Error);
  for (const { outcome } of failures) console.error(`${(outcome as Error).message}\n`);
  if (failures.length > 0) {
    console.error(
      `${failures.length} of ${results.length} servers did not start. The others run: \`make up\` tries again, \`make down\` stops them.`,
    );
    return 1;
  }
  console.log(`The stack is up (${seconds} s). \`make status\` shows it, \`make down\` stops it.`);
  return 0;
});
