/**
 * Death at any operation, for tests of the sequencer: what a process asks of the outside is counted,
 * and from some operation on nothing comes back.
 */
import type { MemoryStateStore } from './memory-state-store.ts';

/** Counts operations; beyond the limit they never come back, as if the process were gone. */
export class Mortal {
  #left: number;
  dead: () => void = () => undefined;
  readonly died = new Promise<void>((resolve) => {
    this.dead = resolve;
  });

  constructor(operations: number) {
    this.#left = operations;
  }

  /** What the last operations bring about: the broker gives up on a member that works on. */
  lastOperations = { count: 0, begin: () => undefined as unknown };

  async pass(): Promise<void> {
    this.#left -= 1;
    if (this.#left === this.lastOperations.count) this.lastOperations.begin();
    if (this.#left >= 0) return;
    this.dead();
    await new Promise(() => undefined);
  }

  wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name);
        if (typeof value !== 'function') return value;
        const call = value.bind(object) as (...args: unknown[]) => unknown;
        if (name === 'slice' || name === 'scan' || name === 'run' || name === 'stop') return call;
        return async (...args: unknown[]) => {
          await this.pass();
          const result = await call(...args);
          await this.pass();
          return result;
        };
      },
    });
  }
}

/** Killed also between two batches of a segment. */
export function cutting(store: MemoryStateStore, mortal: Mortal): MemoryStateStore {
  return new Proxy(mortal.wrap(store), {
    get: (object, name) =>
      name === 'write'
        ? (...[container, segments]: Parameters<MemoryStateStore['write']>) =>
            object.write(container, segments, () => mortal.pass())
        : Reflect.get(object, name),
  });
}
