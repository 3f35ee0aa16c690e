/**
 * The simulation proves itself: each planted bug is found within 5,000 histories. One that is not is a
 * promise that nothing holds.
 */
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { createLimiter } from '../../../processor/cql/limiter.ts';
import { formerBugs } from './former-bugs.ts';
import { hunt } from './plant.ts';
import { sequencerBugs } from './sequencer-bugs.ts';
import { workerBugs } from './worker-bugs.ts';

const historiesMax = 5000;
const bugs = [...workerBugs, ...sequencerBugs, ...formerBugs];
const oneACore = createLimiter(availableParallelism());

test.concurrent.each(bugs)(
  'is found: $name',
  async (bug) => {
    const args = ['--from', '1', '--runs', String(historiesMax), '--processes', '1', '--brief'];
    const { exitCode, output } = await oneACore(() => hunt(bug, args));
    // A copy that does not even run is no find.
    expect(output).toMatch(/^Seed \d+ fails/m);
    expect(exitCode).toBe(1);
  },
  1_200_000,
);
