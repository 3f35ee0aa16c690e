/**
 * The `turnstream` command: the only file that reads argv and env, or exits. Signals become an
 * AbortSignal: the first SIGTERM or SIGINT asks for an orderly end, the second ends at once.
 */
import { runProgram } from './commands/program.ts';
import type { Host } from './commands/run-command.ts';

const stop = new AbortController();
let signals = 0;

for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    signals++;
    if (signals > 1) process.exit(1);
    stop.abort();
  });
}

// A bug, not a state that a command knows: nothing can be trusted to go on after it.
for (const name of ['unhandledRejection', 'uncaughtException'] as const) {
  process.on(name, (thrown: unknown) => {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    process.stderr.write(
      process.stderr.isTTY
        ? `error: ${name}: ${text}\n`
        : `${JSON.stringify({ level: 'error', time: new Date().toISOString(), msg: name, stack: text })}\n`,
    );
    process.exit(1);
  });
}

// Whoever reads the output (`| head`) may leave early: that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

const host: Host = {
  env: process.env,
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
  outIsTerminal: process.stdout.isTTY === true,
  errIsTerminal: process.stderr.isTTY === true,
  signal: stop.signal,
};

const code = await runProgram(process.argv.slice(2), host);
// What the pipe behind it has not taken yet would be cut off, a long report among it.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise((resolve) => {
    stream.write('', resolve);
  });
}
process.exit(code);
