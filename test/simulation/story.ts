/**
 * A history in words: what it was like, what happened in which order, and how it ended. Times are
 * virtual milliseconds since its beginning.
 */
import { runHistory } from './history.ts';
import { type Knobs, plainKnobs } from './knobs.ts';
import type { Plan } from './plan.ts';

const linesMax = 300;

export async function storyOf(plan: Plan): Promise<string> {
  const lines: string[] = [];
  const outcome = await runHistory(plan, (line) => lines.push(line));
  const shown =
    lines.length <= linesMax
      ? lines
      : [`… ${lines.length - linesMax} lines before`, ...lines.slice(-linesMax)];
  const end =
    outcome.violation === null
      ? `All held, after ${outcome.steps} steps.`
      : `${outcome.violation.invariant} is broken at step ${outcome.violation.at}: ${outcome.violation.what}`;
  const { script, incidents, faults } = plan;
  return [
    `\nHistory of seed ${plan.seed}, schedule ${plan.schedule}: ${script.length} actions of the source, ` +
      `${incidents.length} incidents, ${faults.length} faults.`,
    `Unlike the plainest: ${oddKnobs(plan.knobs) || 'nothing'}.`,
    '',
    ...shown,
    '',
    end,
  ].join('\n');
}

function oddKnobs(knobs: Knobs): string {
  return (Object.keys(plainKnobs) as (keyof Knobs)[])
    .filter((name) => JSON.stringify(knobs[name]) !== JSON.stringify(plainKnobs[name]))
    .map((name) => `${name} ${JSON.stringify(knobs[name])}`)
    .join(', ');
}
