/** What was done, with its time, on the terminal and in a file; how many steps passed, and how many did not. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { duration } from '../../local/duration.ts';
import { messageOf } from '../../processor/error.ts';

export class Report {
  readonly #path: string;
  readonly #startedMs = performance.now();
  #passed = 0;
  #failed = 0;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
  }

  /** `a line`, or several, with the seconds since the start before each. */
  say(text: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(7);
    for (const line of text.trimEnd().split('\n')) {
      const shown = `${seconds} s  ${line}`;
      console.log(shown);
      appendFileSync(this.#path, `${shown}\n`);
    }
  }

  /** A step that counts. What fails is said, and thrown: the next one builds on it. */
  async step<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const startedMs = performance.now();
    const took = () => duration((performance.now() - startedMs) * 1000);
    this.say(`…       ${name}`);
    try {
      const result = await work();
      this.#passed += 1;
      this.say(`passed  ${name} (${took()})`);
      return result;
    } catch (thrown) {
      this.#failed += 1;
      this.say(`FAILED  ${name} (${took()})\n${messageOf(thrown)}`);
      throw new StepFailure(name, { cause: thrown });
    }
  }

  /** What went wrong between the steps. */
  fail(what: string): void {
    this.#failed += 1;
    this.say(`FAILED  ${what}`);
  }

  closingLine(): string {
    return `${this.#passed} passed, ${this.#failed} failed`;
  }
}

/** It was said and counted where it happened. */
export class StepFailure extends Error {}
