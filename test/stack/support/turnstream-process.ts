/** One `turnstream` process of a stack test: its logs, its metrics page, its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../../bin/turnstream.mjs', import.meta.url));

type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export class TurnstreamProcess {
  readonly name: string;
  readonly lines: LogLine[] = [];
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #changed: () => void = () => undefined;
  #askedToEnd = false;
  /** Somebody starts it again when it ends: its death is no end of the test. */
  supervised = false;
  #stdout = '';

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    this.name = args.join(' ');
    this.#child = spawn(process.execPath, [command, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk) => {
      this.#stdout += String(chunk);
    });
    if (this.#child.stderr !== null) {
      createInterface({ input: this.#child.stderr }).on('line', (line) => this.#take(line));
    }
    this.exited = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        resolve(code);
        this.#changed();
      });
    });
  }

  #take(line: string): void {
    try {
      this.lines.push(JSON.parse(line) as LogLine);
    } catch {
      this.lines.push({ msg: line });
    }
    this.#changed();
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** The first log line that is meant; rejects with the log when the process ends before. */
  async line(isMeant: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(isMeant);
      if (found !== undefined) return found;
      if (this.ended) {
        throw new Error(`the process has ended:\n${this.log()}`);
      }
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async metrics(): Promise<string> {
    const { metrics } = await this.line((line) => typeof line['metrics'] === 'string');
    const response = await fetch(String(metrics));
    if (!response.ok) throw new Error(`the metrics page answers ${response.status}`);
    return await response.text();
  }

  get ended(): boolean {
    const { exitCode, signalCode } = this.#child;
    return exitCode !== null || signalCode !== null;
  }

  /** It has ended, and nobody here asked it to. */
  get endedByItself(): boolean {
    return this.ended && !this.#askedToEnd;
  }

  get died(): boolean {
    return this.endedByItself && !this.supervised;
  }

  kill(signal: NodeJS.Signals): void {
    if (signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT')
      this.#askedToEnd = true;
    this.#child.kill(signal);
  }

  /** An orderly end, also of one that was stopped; the exit code. */
  async stop(): Promise<number | null> {
    this.kill('SIGCONT');
    this.kill('SIGTERM');
    return await this.exited;
  }

  /** What it last said, short enough for a sentence. */
  lastLine(): string {
    const { exitCode, signalCode } = this.#child;
    const ended = exitCode ?? signalCode;
    const { msg } = this.lines.at(-1) ?? {};
    return `“${(msg ?? 'nothing').slice(0, 80)}”${ended === null ? '' : `, ended: ${ended}`}`;
  }

  log(): string {
    return this.lines.map((line) => JSON.stringify(line)).join('\n');
  }
}
