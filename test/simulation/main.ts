/**
 * `npm run sim` and `make sim`: many histories, or one again. Exits with 0 when all held, 1 when a
 * history failed (with its story), 2 when something that must happen in them never did.
 */
import cliProgress from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { type BatchReport, runBatch } from './batch.ts';
import { coverageTable, missingFrom } from './coverage.ts';
import { findings } from './finds.ts';
import { runHistory } from './history.ts';
import { drawPlan, type Plan } from './plan.ts';
import { shrink } from './shrink.ts';
import { storyOf } from './story.ts';
import type { Violation } from './violation.ts';

type Options = {
  readonly runs: number;
  readonly seed?: number;
  readonly find?: string;
  readonly from?: number;
  readonly processes?: number;
  readonly shrink: boolean;
  readonly brief: boolean;
  readonly json: boolean;
  readonly coverage: boolean;
};

const shrinkRunsMax = 600;
const logEverySeconds = 10;
/** Fewer histories may miss something that is rare. */
const coverageFromHistories = 2000;

const whole = (text: string): number => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new InvalidArgumentError('a whole number from 0 on is wanted');
  }
  return number;
};

const program = new Command('sim')
  .description('Plays seeded histories of the whole pipeline and checks the invariants in each.')
  .option('--runs <n>', 'how many histories', whole, 2000)
  .option('--from <seed>', 'the first seed; by default one of the clock', whole)
  .option('--seed <n>', 'one history again, told step by step, shrunk when it fails', whole)
  .option('--find <name>', 'one of the former finds again (docs/simulation.md)')
  .option('--processes <n>', 'by default as many as there are cores', whole)
  .option('--no-shrink', 'tell a failure as it is')
  .option('--brief', 'of a failure only the seed and the promise', false)
  .option('--json', 'the plan of a failure as JSON too, to be kept (finds.ts)', false)
  .option('--no-coverage', 'do not ask that everything that matters happened')
  .parse();

process.exitCode = await main(program.opts<Options>());

async function main(options: Options): Promise<number> {
  if (options.seed !== undefined) return replay(drawPlan(options.seed), options);
  if (options.find !== undefined) return replayFind(options.find, options);
  const from = options.from ?? Math.floor(Date.now() / 1000) * 1000;
  const processes = options.processes === undefined ? {} : { processes: options.processes };
  say(`${options.runs.toLocaleString('en')} histories from seed ${from}`);
  const progress = progressLine(options.runs);
  const report = await runBatch({
    from,
    runs: options.runs,
    ...processes,
    progress: progress.show,
  });
  progress.end(report);
  if (report.failedSeed !== null) {
    say(`\nSeed ${report.failedSeed} fails, after ${report.histories} histories.`);
    return replay(drawPlan(report.failedSeed), options);
  }
  say(`\n${coverageTable(report.counts)}\n`);
  say(closing(report));
  const missing = missingFrom(report.counts);
  const judged = options.coverage && report.histories >= coverageFromHistories;
  if (!judged || missing.length === 0) return 0;
  say(`\nThese never happened, so nothing was proven of them: ${missing.join('; ')}.`);
  return 2;
}

async function replayFind(name: string, options: Options): Promise<number> {
  const find = findings.find((each) => each.name === name);
  if (find !== undefined) return replay(find.plan, options);
  say(`There is no find ${name}: ${findings.map((each) => each.name).join(', ')}.`);
  return 2;
}

async function replay(plan: Plan, options: Options): Promise<number> {
  const outcome = await runHistory(plan);
  if (outcome.violation === null) {
    say(await storyOf(plan));
    return 0;
  }
  say(`${outcome.violation.invariant}: ${outcome.violation.what}`);
  if (options.brief) return 1;
  let small = plan;
  if (options.shrink) {
    const kind = kindOf(outcome.violation);
    const fails = async (tried: Plan) => kindOf((await runHistory(tried)).violation) === kind;
    small = await shrink(plan, fails, shrinkRunsMax);
  }
  say(await storyOf(small));
  if (options.json) say(JSON.stringify(small));
  say(`\nAgain: npm run sim -- --seed ${plan.seed}`);
  return 1;
}

/** So that shrinking does not end in another failure: the invariant, and the first words. */
function kindOf(violation: Violation | null): string | null {
  if (violation === null) return null;
  const { invariant, what } = violation;
  return `${invariant} ${what
    .replaceAll(/[\d/]+/g, '')
    .split(' ')
    .slice(0, 3)
    .join(' ')}`;
}

/** A bar on a terminal, else a line from time to time. */
function progressLine(runs: number) {
  if (process.stdout.isTTY) {
    const format = '{bar} {value}/{total} histories · {rate}/s · {eta_formatted} left';
    const bar = new cliProgress.SingleBar({ format, barsize: 30, hideCursor: true });
    bar.start(runs, 0, { rate: 0 });
    return {
      show: (report: BatchReport) => bar.update(report.histories, { rate: rateOf(report) }),
      end: (report: BatchReport) => {
        bar.update(report.histories, { rate: rateOf(report) });
        bar.stop();
      },
    };
  }
  let saidAt = 0;
  return {
    show: (report: BatchReport) => {
      if (report.seconds - saidAt < logEverySeconds) return;
      saidAt = report.seconds;
      say(closing(report));
    },
    end: () => undefined,
  };
}

function closing(report: BatchReport): string {
  const { histories, steps, seconds } = report;
  const number = (value: number) => value.toLocaleString('en');
  return `${number(histories)} histories, ${number(steps)} steps, ${seconds.toFixed(1)} s: ${rateOf(report)} histories a second`;
}

function rateOf({ histories, seconds }: BatchReport): number {
  return Math.round(histories / Math.max(seconds, 0.001));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
