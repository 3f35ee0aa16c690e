/** The other threads of a replay in a test world: the same messages, which come a moment later. */
import type { ReplayPorts, ReplaySettings } from '../../processor/replay/ports.ts';
import { type Peer, remoteBuild, serveBuild } from '../../processor/replay/remote-build.ts';
import type { ReplayProcess } from './replay-world.ts';

const stopMsMax = 30_000;

export function withThreads(process: ReplayProcess, settings: ReplaySettings): ReplayPorts {
  const ports = process.ports();
  const { threads = 1 } = settings;
  if (threads === 1) return ports;
  return {
    ...ports,
    helpers: (scope) =>
      Array.from({ length: threads - 1 }, () => {
        const thread = process.thread();
        const [near, far] = channel();
        const { targets, options } = scope;
        const ended = serveBuild(far, thread.ports(), settings, { targets, options }).then(
          () => new Promise<never>(() => undefined),
        );
        ended.catch(() => undefined);
        const terminate = async () => thread.kill();
        return remoteBuild({ peer: near, ended, terminate }, scope, {
          clock: ports.clock,
          logger: ports.logger,
          stopMsMax,
        });
      }),
  };
}

/** Two ends; what is posted at one comes out of the other as a copy. */
export function channel(): readonly [Peer, Peer] {
  const listeners: ((message: unknown) => void)[][] = [[], []];
  const end = (own: number): Peer => ({
    post: (message) => {
      const copy = structuredClone(message);
      queueMicrotask(() => {
        for (const listener of listeners[1 - own] ?? []) listener(copy);
      });
    },
    listen: (listener) => void listeners[own]?.push(listener),
  });
  return [end(0), end(1)];
}
