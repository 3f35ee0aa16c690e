/**
 * The order of durability (DESIGN 3.2): events acknowledged by the log; then the fence, a commit of
 * the former offset that the broker refuses from a former owner; then state. The new raw offset is
 * committed by the tenure after all of it. So state is never ahead of the events, and whoever has
 * seen a newer owner's state fails the fence before it can write.
 */
import { isDestination } from '../conversation/barriers.ts';
import type { Container, Segment } from '../conversation/container.ts';
import type { Workspace } from '../conversation/workspace.ts';
import { TurnstreamError } from '../error.ts';
import type { LogEntry } from '../event/event.ts';
import type { NewRecord } from '../kafka/log.ts';
import { partitionOfBytes } from '../kafka/partition.ts';
import type { SequencerSettings, TenureContext } from './settings.ts';
import { storedSegments } from './state-codec.ts';

export type FlushPorts = Pick<TenureContext, 'producer' | 'store' | 'encode' | 'settings'> & {
  /** Repeats what failed for a passing reason, until the tenure is over. */
  readonly insist: <T>(operation: string, run: () => Promise<T>) => Promise<T>;
  /** Rejects with FENCED when another sequencer is the owner now. */
  readonly fence: () => Promise<void>;
};

/**
 * Appends the events, and adds the hints. Both may go ahead of the state at any time: a repeated
 * event is dropped by readers, and a hint only says where to look.
 */
export async function publish(workspace: Workspace, ports: FlushPorts): Promise<void> {
  const { settings, producer, store, encode, insist } = ports;
  const events = workspace.takeEvents();
  const { hintsToAdd } = workspace;
  workspace.hintsToAdd = [];
  const records = recordsOf(events, settings, encode);
  await Promise.all([
    records.length > 0 && insist('append events', () => producer.append(records)),
    hintsToAdd.length > 0 && insist('add hints', () => store.addHints(hintsToAdd)),
  ]);
}

/** What is to be written of one container, in this order. */
type Part = { readonly container: Container; readonly segments: Segment[] };

/** What is to be written: each round wholly before the next (conversation/barriers.ts); some are empty. */
export type Pending = {
  readonly containers: readonly Container[];
  readonly rounds: readonly (readonly Part[])[];
};

/** Takes what has changed since the last take. */
export function takePending(workspace: Workspace): Pending {
  const order = workspace.barriers.take();
  const containers = [...workspace.touched()].filter(({ needsWrite }) => needsWrite);
  const rounds = Array.from({ length: order.count }, (): Part[] => []);
  for (const container of containers) {
    for (const segment of container.takeSegments()) {
      const round = rounds[order.roundOf(segment)] as Part[];
      const part = round.at(-1);
      if (part?.container === container) part.segments.push(segment);
      else round.push({ container, segments: [segment] });
    }
  }
  return { containers, rounds };
}

/**
 * The fence, then the state in its rounds; what it brought forth must be published. The fence is asked
 * again before destinations are written: a new owner that finds one has found all that was before it.
 */
export async function writeState(
  { containers, rounds }: Pending,
  ports: FlushPorts,
): Promise<void> {
  let isFenced = false;
  for (const [at, round] of rounds.entries()) {
    if (round.length === 0) continue;
    if (!isFenced || isDestination(at)) await ports.fence();
    isFenced = true;
    await inParallel(round, ports.settings.writeConcurrencyMax, (one) => writePart(one, ports));
  }
  for (const container of containers) container.written();
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
    if (entry.kind === 'retry') {
      records.push({ topic: eventsTopic, partition: entry.partition, key: null, value });
      continue;
    }
    // A watermark is a promise to each partition.
    for (let partition = 0; partition < eventsPartitions; partition += 1) {
      records.push({ topic: eventsTopic, partition, key: null, value });
    }
  }
  return records;
}

async function writePart({ container, segments }: Part, ports: FlushPorts): Promise<void> {
  const stored = storedSegments(segments);
  await ports.insist('write state', () => ports.store.write(container.name, stored));
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
