/** The threads of a replay beside its own: each has its heap, its connections and its part of the memory that is set. */
import { type MessagePort, Worker } from 'node:worker_threads';
import type { Config } from '../config.ts';
import { TurnstreamError } from '../error.ts';
import type { Build, BuildScope } from '../replay/build.ts';
import type { Target } from '../replay/choose.ts';
import type { ReplaySettings } from '../replay/ports.ts';
import { type Peer, remoteBuild } from '../replay/remote-build.ts';
import type { CommandContext } from './context.ts';
import { systemClock } from './system-clock.ts';

export type ThreadTask = {
  readonly config: Config;
  /** Of the replay, its own among them. */
  readonly threads: number;
  readonly targets: readonly Pick<Target, 'id' | 'isNew'>[];
  readonly options: BuildScope['options'];
};

export function peerOf(end: Worker | MessagePort): Peer {
  return {
    post: (message) => end.postMessage(message),
    listen: (listener) => void end.on('message', listener),
  };
}

/** How much longer than its writing a thread may take to stop. */
const closeMsMax = 10_000;

export function startThreads(
  { config, log: logger }: Pick<CommandContext, 'config' | 'log'>,
  { threads = 1, drainMsMax }: ReplaySettings,
  scope: BuildScope,
): readonly Build[] {
  const task: ThreadTask = {
    config,
    threads,
    targets: scope.targets.map(({ id, isNew }) => ({ id, isNew })),
    options: { until: scope.options.until, eventsPerSecondMax: scope.options.eventsPerSecondMax },
  };
  return Array.from({ length: threads - 1 }, () => {
    const worker = new Worker(new URL('../../bin/replay-thread.mjs', import.meta.url), {
      workerData: task,
    });
    const ended = new Promise<never>((_, reject) => {
      worker.on('error', reject);
      worker.on('exit', (code) =>
        reject(new TurnstreamError('LOG', `a thread of the replay ended by itself (${code})`)),
      );
    });
    ended.catch(() => undefined);
    const thread = { peer: peerOf(worker), ended, terminate: () => worker.terminate() };
    return remoteBuild(thread, scope, {
      clock: systemClock,
      logger,
      stopMsMax: drainMsMax + closeMsMax,
    });
  });
}
