/**
 * `make test`: type check, lint, unit tests, the simulation, then the stack tests against a stack of their own, in its
 * own folder and on ports 10,000 above the developer's, which is stopped afterwards whatever happens; at last the chart's.
 * With `--stack` only the stack tests run, with `--chaos` only the long fault tests, on the same stack:
 * those whose path contains one of the further arguments.
 * The last line is always the sum over all test runs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../processor/error.ts';
import { removeData } from './data.ts';
import { withLock } from './lock.ts';
import { checkBeforeStart } from './preflight.ts';
import { lastLines } from './process.ts';
import { logFile } from './server.ts';
import { type Environment, readSettings, repositoryDir, type Settings } from './settings.ts';
import { serversOf, startStack, stopStack } from './stack.ts';
import { sayFor } from './terminal.ts';
import {
  closingLine,
  failureLines,
  failuresOf,
  notRunLines,
  readReport,
  type StepResult,
  summarise,
} from './test-summary.ts';

const portOffset = 10_000;
const logLinesShown = 12;
const resultsDir = join(repositoryDir, '.turnstream', 'test-results');

/** Vitest's projects that need the servers. */
type StackProject = 'stack' | 'chaos';

let child: ChildProcess | null = null;
let interrupted = false;

/** The developer's settings, but for the folder and the ports. */
function testEnvironment(environment: Environment): Environment {
  const kept = Object.entries(environment).filter(
    ([name]) => !/^TURNSTREAM_LOCAL_(DIR$|.*_PORT$|PORT_OFFSET$)/.test(name),
  );
  const offset = Number(environment['TURNSTREAM_LOCAL_PORT_OFFSET'] ?? 0) + portOffset;
  return {
    ...Object.fromEntries(kept),
    TURNSTREAM_LOCAL_DIR: '.turnstream/test',
    TURNSTREAM_LOCAL_PORT_OFFSET: String(offset),
  };
}

const noReport = { counts: null, failures: [], notRun: [] } as const;

async function runStep(
  name: string,
  [program, ...args]: readonly [string, ...string[]],
  environment: Environment,
  report: string | null,
): Promise<StepResult> {
  console.log(`\n── ${name}`);
  const started = Date.now();
  const exitCode = await new Promise<number>((resolve) => {
    child = spawn(join(repositoryDir, 'node_modules', '.bin', program), args, {
      cwd: repositoryDir,
      env: environment,
      stdio: 'inherit',
    });
    child.on('error', () => resolve(127));
    child.on('exit', (code) => resolve(code ?? 1));
  });
  child = null;
  const read =
    report !== null && existsSync(report) ? readReport(readFileSync(report, 'utf8')) : null;
  const { counts, failures, notRun } = read ?? noReport;
  return { name, exitCode, counts, failures, notRun, seconds: (Date.now() - started) / 1000 };
}

function runTests(
  project: 'unit' | 'simulation' | 'helm' | StackProject,
  filters: readonly string[],
  environment: Environment,
): Promise<StepResult> {
  const report = join(resultsDir, `${project}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const command = ['vitest', 'run', '--project', project, ...reporters, ...filters] as const;
  return runStep(`${project} tests`, command, environment, report);
}

/** One run at a time in a checkout: a second one would take the first one's servers away. */
async function runStackTests(
  project: StackProject,
  filters: readonly string[],
): Promise<StepResult> {
  const settings = readSettings(testEnvironment(process.env));
  const lock = join(settings.dir, 'stack-tests.lock');
  try {
    return await withLock(lock, 0, () => runLockedStackTests(settings, project, filters));
  } catch (error) {
    console.error(messageOf(error));
    return { name: `${project} tests`, exitCode: 1, ...noReport, seconds: 0 };
  }
}

async function runLockedStackTests(
  settings: Settings,
  project: StackProject,
  filters: readonly string[],
): Promise<StepResult> {
  const environment = testEnvironment(process.env);
  const started = Date.now();
  console.log('\n── start of the test stack');
  try {
    // What an earlier run left behind, also one that was killed.
    await stopStack(settings, () => undefined);
    removeData(settings);
    await checkBeforeStart(settings, environment);
    const results = await startStack(settings, environment, sayFor);
    const failure = results.find(({ outcome }) => outcome instanceof Error)?.outcome;
    if (failure instanceof Error) throw failure;
    if (interrupted) throw new Error('interrupted');
    const step = await runTests(project, filters, environment);
    if (failuresOf(step) > 0) printLogs(settings);
    return step;
  } catch (error) {
    console.error(messageOf(error));
    const seconds = (Date.now() - started) / 1000;
    return { name: `${project} tests`, exitCode: 1, ...noReport, seconds };
  } finally {
    console.log('── stop of the test stack');
    await stopStack(settings, sayFor);
  }
}

function printLogs(settings: Settings): void {
  for (const { name } of serversOf(settings)) {
    const path = logFile(settings, name);
    console.log(`\n── the last lines of ${path}`);
    console.log(lastLines(path, logLinesShown).join('\n'));
  }
}

async function runAll(): Promise<readonly StepResult[]> {
  const [flag, ...filters] = process.argv.slice(2);
  if (flag === '--stack') return [await runStackTests('stack', filters)];
  if (flag === '--chaos') return [await runStackTests('chaos', filters)];
  const steps: StepResult[] = [];
  const fetching = fetchHelmTools();
  for (const step of [
    () => runStep('type check', ['tsc', '-p', 'tsconfig.json'], process.env, null),
    () => runStep('lint', ['biome', 'check', '.'], process.env, null),
    () => runTests('unit', [], process.env),
    () => runTests('simulation', [], process.env),
    () => runStackTests('stack', []),
    () => runTests('helm', [], process.env),
  ]) {
    if (!interrupted) steps.push(await step());
  }
  fetching.kill();
  return steps;
}

/** The chart's tests come last: where Go builds helm for them, it has the time of all others, at the lowest priority. */
function fetchHelmTools(): ChildProcess {
  const script = join(repositoryDir, 'local', 'helm-tools-get.ts');
  const args = ['--import', 'tsx', script];
  return spawn(process.execPath, args, { cwd: repositoryDir, stdio: 'ignore' });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true;
    child?.kill(signal);
  });
}

mkdirSync(resultsDir, { recursive: true });
const steps = await runAll();
const summary = summarise(steps);
console.log();
for (const step of steps) {
  const verdict = step.exitCode === 0 ? 'ok' : `FAILED (exit ${step.exitCode})`;
  console.log(`  ${step.name.padEnd(16)} ${verdict}, ${step.seconds.toFixed(1)} s`);
}
// Of a part that was asked for by name, the others are not missed.
const isWhole = process.argv.length === 2;
const notes = [...failureLines(steps, repositoryDir), ...(isWhole ? notRunLines(steps) : [])];
for (const line of notes) console.log(`  ${line}`);
if (summary.exitCode === 0) removeData(readSettings(testEnvironment(process.env)));
process.exitCode = interrupted ? 130 : summary.exitCode;
console.log(closingLine(summary));
