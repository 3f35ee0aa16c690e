/** `make status`: each server with its state, process, port, memory and log. */
import { relative } from 'node:path';
import { memoryMib } from './memory.ts';
import { logFile, runningServer } from './server.ts';
import { services } from './services.ts';
import { readSettings, repositoryDir } from './settings.ts';
import { presentServers } from './stack.ts';
import { runCommand, table } from './terminal.ts';

await runCommand(async () => {
  const settings = readSettings(process.env);
  let totalMib = 0;
  const rows = await Promise.all(
    [...presentServers(settings), ...services].map(async (server) => {
      const log = relative(repositoryDir, logFile(settings, server.name));
      const running = runningServer(settings, server.name);
      if (running === null) return [server.title, 'stopped', '', '', '', log];
      const mib = memoryMib(running.pid);
      totalMib += mib ?? 0;
      const moved = running.ports[0] !== settings[server.ports[0] ?? 'postgresPort'];
      const state = moved || (await server.answers(settings)) ? 'running' : 'not answering';
      const memory = mib === null ? '?' : `${mib} MiB`;
      return [server.title, state, String(running.pid), running.ports.join(' '), memory, log];
    }),
  );
  console.log(table([['SERVER', 'STATE', 'PID', 'PORTS', 'MEMORY', 'LOG'], ...rows]));
  console.log(`\n  ${totalMib} MiB in all.`);
  return 0;
});
