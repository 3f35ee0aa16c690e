/**
 * A calm world for contract suites: one process, every call answered, the scheduler running by
 * itself. So a simulated server can be held to the same tests as the real one.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Dice } from './dice.ts';
import { type Fates, Network } from './network.ts';
import { Process } from './process.ts';
import { Scheduler } from './scheduler.ts';

export type CalmWorld = {
  readonly dice: Dice;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly process: Process;
  close(): Promise<void>;
};

const stepsAtATime = 1000;

export function openCalm(seed = 1, fates: Fates = () => 'answered'): CalmWorld {
  const dice = new Dice(seed);
  const scheduler = new Scheduler(dice.forked('schedule'), 1_700_000_000_000);
  const late = dice.forked('late');
  const network = new Network(scheduler, fates, (most) => late.int(0, most));
  let open = true;
  const running = (async () => {
    while (open) {
      const outcome = await scheduler.runUntil(() => !open, stepsAtATime);
      if (outcome === 'idle') await turn();
    }
  })();
  return {
    dice,
    scheduler,
    network,
    process: new Process('calm'),
    close: async () => {
      open = false;
      await running;
    },
  };
}
