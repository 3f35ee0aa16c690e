/**
 * The source in time: its actions one after the other with pauses, and the connector, which looks
 * some time after each of them and takes some records at a time.
 */
import type { Dice } from './dice.ts';
import type { Knobs } from './knobs.ts';
import type { Outside } from './outside.ts';
import { theWorld } from './scheduler.ts';
import type { SourceAction } from './source/action.ts';
import { wordsOf } from './source/words.ts';

export type SourceLoop = {
  /** Whether the script is over. */
  readonly isDone: () => boolean;
  /** The end of the script has come: what is open commits, and a last heartbeat follows. */
  settle(): void;
};

const pollRecordsMax = 5;

export function startSource(
  { source, scheduler }: Outside,
  script: readonly SourceAction[],
  knobs: Knobs,
  dice: Dice,
  say: (line: string) => void,
): SourceLoop {
  let next = 0;
  let isPolling = false;
  const pause = () => dice.int(0, knobs.sourcePauseMsMax);
  const act = () => {
    const action = script[next];
    next += 1;
    if (action === undefined) return;
    if (source.act(action)) say(`source: ${wordsOf(action)}`);
    pollSoon();
    if (next < script.length) scheduler.after(theWorld, pause(), 'source', act);
  };
  const poll = () => {
    isPolling = false;
    const given = source.poll(dice.int(1, pollRecordsMax));
    if (given > 0) say(`connector: ${given} records`);
    if (!source.isIdle) pollSoon();
  };
  const pollSoon = () => {
    if (isPolling || source.isIdle) return;
    isPolling = true;
    scheduler.after(theWorld, pause(), 'connector', poll);
  };
  scheduler.after(theWorld, 0, 'source', act);
  return {
    isDone: () => next >= script.length,
    settle: () => {
      source.settle();
      say('source: all commits, then a heartbeat');
      pollSoon();
    },
  };
}
