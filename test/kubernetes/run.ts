/**
 * Runs programs to their end. All of them end at once when the whole run is interrupted, so that what was started is
 * taken down in order.
 */
import { execFile } from 'node:child_process';
import { messageOf } from '../../processor/error.ts';

const interruption = new AbortController();
const msMax = 120_000;
const bytesMax = 64 * 1024 * 1024;
const linesShown = 40;

export function interrupt(): void {
  interruption.abort();
}

export function isInterrupted(): boolean {
  return interruption.signal.aborted;
}

export type RunOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly limitMs?: number;
  /** For taking down, which goes on when the rest was interrupted. */
  readonly anyway?: boolean;
};

/** Answers stdout. Rejects unless it exits with 0, with what it said. */
export function run(
  [file, ...args]: readonly [string, ...string[]],
  { cwd, env, input, limitMs = msMax, anyway = false }: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      ...(cwd === undefined ? {} : { cwd }),
      ...(anyway ? {} : { signal: interruption.signal }),
      env: { ...process.env, ...env },
      timeout: limitMs,
      maxBuffer: bytesMax,
    };
    const child = execFile(file, args, options, (failure, stdout, stderr) => {
      if (failure === null) return resolve(stdout);
      const said = `${stdout}${stderr}`.trimEnd().split('\n').slice(-linesShown).join('\n');
      const why = failure.killed
        ? `was ended after ${limitMs} ms`
        : messageOf(failure).split('\n')[0];
      reject(new Error(`${[file, ...args].join(' ')}: ${why}\n${said}`, { cause: failure }));
    });
    // A program that ends before it has read all of it says why by itself.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** Looks until it holds; rejects with what was seen last. */
export async function eventually(
  what: string,
  limitMs: number,
  look: () => Promise<string | null>,
  /** For taking down, which goes on when the rest was interrupted. */
  anyway = false,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const lacking = await look().catch((thrown: unknown) => messageOf(thrown));
    if (lacking === null) return;
    if ((isInterrupted() && !anyway) || performance.now() >= deadline) {
      throw new Error(`${what} did not come within ${limitMs / 1000} s: ${lacking}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
