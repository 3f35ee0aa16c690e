/**
 * The order of durability (DESIGN 3.2): events acknowledged by the log; then the fence, a commit of
 * the former offset that the broker refuses from a former owner; then state. The new raw offset is
 * committed by the tenure after all of it. So state is never ahead of the events, and whoever has
 * seen a newer owner's state fails the fence before it can write.
 */
import type { Container } from '../conversation/container.ts';
import type { Workspace } from '../conversation/workspace.ts';
import { TurnstreamError } from '../error.ts';
import type { LogEntry } from '../event/event.ts';
import type { NewRecord } from '../kafka/log.ts';
import { partitionOfBytes } from '../kafka/partition.ts';
import type { SequencerSettings, TenureContext } from './settings.ts';
import { storedRow } from './state-codec.ts';

export type FlushPorts = Pick<TenureContext, 'producer' | 'store' | 'encode' | 'settings'> & {
  /** Repeats what failed for a passing reason, until the tenure is over. */
  readonly insist: <T>(operation: string, run: () => Promise<T>) => Promise<T>;
  /** Rejects with FENCED when another sequencer is the owner now. */
  readonly fence: () => Promise<void>;
};

/** Writes all that the workspace brought forth: the containers named first, in this order. */
export async function flush(
  workspace: Workspace,
  order: readonly string[],
  ports: FlushPorts,
): Promise<void> {
  const { insist } = ports;
  await appendEvents(workspace, ports);
  const dirty = dirtyContainers(workspace, order);
  if (dirty.length === 0 && workspace.hintsToAdd.length === 0) return;
  await ports.fence();
  const hints = workspace.hintsToAdd;
  if (hints.length > 0) await insist('add hints', () => ports.store.addHints(hints));
  workspace.hintsToAdd = [];
  const first = dirty.filter(({ name }) => order.includes(name));
  for (const container of first) await writeContainer(container, ports);
  await inParallel(dirty.slice(first.length), ports.settings.writeConcurrencyMax, (container) =>
    writeContainer(container, ports),
  );
}

/** Events alone may go ahead of their state at any time: a repetition is dropped by readers. */
export async function appendEvents(workspace: Workspace, ports: FlushPorts): Promise<void> {
  if (workspace.events.length === 0) return;
  const { settings, producer, encode, insist } = ports;
  const records = recordsOf(workspace.events, settings, encode);
  await insist('append events', () => producer.append(records));
  workspace.events = [];
}

function recordsOf(
  entries: readonly LogEntry[],
  { eventsTopic, eventsPartitions }: SequencerSettings,
  encode: (entry: LogEntry) => Buffer,
): readonly NewRecord[] {
  const records: NewRecord[] = [];
  for (const entry of entries) {
    const value = encode(entry);
    if (entry.kind === 'event') {
      const key = Buffer.from(entry.sessionUid);
      const partition = partitionOfBytes(key, eventsPartitions);
      records.push({ topic: eventsTopic, partition, key, value });
      continue;
    }
    // A watermark is a promise to each partition.
    for (let partition = 0; partition < eventsPartitions; partition += 1) {
      records.push({ topic: eventsTopic, partition, key: null, value });
    }
  }
  return records;
}

function dirtyContainers(workspace: Workspace, order: readonly string[]): readonly Container[] {
  const named = order.map((name) => workspace.container(name));
  const rest = [...workspace.touched()].filter(({ name }) => !order.includes(name));
  return [...named, ...rest].filter((container) => container?.needsWrite === true) as Container[];
}

async function writeContainer(container: Container, ports: FlushPorts): Promise<void> {
  const segments = container.unwrittenSegments().map(({ position, rows }) => ({
    position,
    rows: rows.map(({ ref, value }) => storedRow(ref, value)),
  }));
  await ports.insist('write state', () => ports.store.write(container.name, segments));
  container.written();
}

/** Each item once, at most so many at a time; rejects with the first error after all have ended. */
async function inParallel<T>(
  items: readonly T[],
  concurrencyMax: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed: { readonly error: unknown } | null = null;
  const lane = async () => {
    while (next < items.length && failed === null) {
      const item = items[next] as T;
      next += 1;
      try {
        await run(item);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrencyMax, items.length) }, lane));
  if (failed !== null) throw (failed as { readonly error: unknown }).error;
}

export function fencedError(): TurnstreamError {
  return new TurnstreamError(
    'FENCED',
    'Another sequencer owns turnstream.changes now; what this one had in hand is dropped.',
  );
}
