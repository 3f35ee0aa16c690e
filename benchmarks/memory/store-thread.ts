/**
 * The state store of the memory benchmark in a thread of its own, whose heap is not counted: a
 * database is not part of the process whose memory is in question.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { ReadRow, StateStore } from '../../processor/sequencer/state-store.ts';
import { RollingStateStore } from './rolling-stores.ts';

type Call = { readonly id: number; readonly method: string; readonly args: readonly unknown[] };
type Answer = { readonly id: number; readonly value: unknown; readonly error: string | null };

export type StateStoreThread = StateStore & {
  /** Forgets what was not touched since the last call. */
  turn(): Promise<void>;
  close(): Promise<unknown>;
};

/** Runs in the main thread. */
export function startStoreThread(): StateStoreThread {
  // Threads begin without tsx: they call it themselves.
  const script = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(import.meta.url)}); })`;
  const worker = new Worker(script, { eval: true });
  const waiting = new Map<number, (answer: Answer) => void>();
  let calls = 0;
  worker.on('message', (answer: Answer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const call = <T>(method: string, ...args: readonly unknown[]): Promise<T> => {
    calls += 1;
    const id = calls;
    return new Promise((resolve, reject) => {
      waiting.set(id, ({ value, error }) =>
        error === null ? resolve(value as T) : reject(new Error(error)),
      );
      worker.postMessage({ id, method, args } satisfies Call);
    });
  };
  return {
    segmentLimits: new RollingStateStore().segmentLimits,
    positions: (...args) => call('positions', ...args),
    rows: (...args) => call('rows', ...args),
    async *slice(...args) {
      yield* await call<readonly (readonly ReadRow[])[]>('slice', ...args);
    },
    neighbour: (...args) => call('neighbour', ...args),
    write: (...args) => call('write', ...args),
    sessionsOf: (...args) => call('sessionsOf', ...args),
    addHints: (...args) => call('addHints', ...args),
    removeHints: (...args) => call('removeHints', ...args),
    async *scan() {
      yield* [];
    },
    turn: () => call('turn'),
    close: () => worker.terminate(),
  };
}

async function answer(store: RollingStateStore, { method, args }: Call): Promise<unknown> {
  if (method === 'slice') {
    const pages: (readonly ReadRow[])[] = [];
    for await (const page of store.slice(...(args as Parameters<StateStore['slice']>))) {
      pages.push(page);
    }
    return pages;
  }
  const methods = store as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
  return await methods[method]?.(...args);
}

if (!isMainThread) {
  const store = new RollingStateStore();
  parentPort?.on('message', (call: Call) => {
    answer(store, call).then(
      (value) => parentPort?.postMessage({ id: call.id, value, error: null } satisfies Answer),
      (error: unknown) =>
        parentPort?.postMessage({
          id: call.id,
          value: null,
          error: String(error),
        } satisfies Answer),
    );
  });
}
