/**
 * The events topic, record by record as they land: what a reader takes (of each position the first
 * occurrence), the facts that it then knows, and at each watermark whether these are what the source
 * had committed (I4). The other checks ask here what stands in the log.
 */
import type { Fact, FactChange } from '../../../processor/conversation/fact.ts';
import type { Hosted } from '../../../processor/engine/worker-settings.ts';
import type {
  ConversationEvent,
  LogEntry,
  Retry,
  Watermark,
} from '../../../processor/event/event.ts';
import { partitionOf } from '../../../processor/kafka/partition.ts';
import { formatLsn } from '../../../processor/source/lsn.ts';
import {
  type Breach,
  breachOf,
  type CheckContext,
  factDifference,
  factKey,
  factsByKey,
  sessionOfFact,
  shown,
} from './check.ts';
import { type ModelEffects, type Models, modelsOf } from './effects.ts';
import { sameFacts } from './same-facts.ts';

export type EventsOptions = {
  /** Of the events topic. */
  readonly partitions: number;
  readonly hosted: readonly Hosted[];
  /** All facts that a watermark of this position promises; null when it promises nothing. */
  readonly promised: (position: number) => readonly Fact[] | null;
};

type FactVersion = { readonly position: number; readonly fact: Fact | null };

type PartitionLog = {
  last: number;
  readonly entries: Map<number, LogEntry>;
  readonly events: ConversationEvent[];
  readonly watermarks: Watermark[];
  readonly retries: Retry[];
  readonly facts: Map<string, Fact>;
  readonly versions: Map<string, FactVersion[]>;
  /** By offset of each record: the last position taken up to and with it. */
  readonly offsets: number[];
  readonly reached: number[];
  readonly undecodable: number[];
};

export class EventsCheck {
  readonly models: Models;
  readonly partitions: number;
  readonly #breach: Breach;
  readonly #promised: EventsOptions['promised'];
  readonly #hosted: readonly ModelEffects[];
  readonly #logs: readonly PartitionLog[];
  readonly #partitionOfSession = new Map<string, number>();
  /** By LSN, the partitions in which a watermark of it stands, taken or not. */
  readonly #watermarks = new Map<number, Set<number>>();
  readonly #listeners: ((partition: number, event: ConversationEvent) => void)[] = [];
  #split: { readonly facts: readonly Fact[]; readonly by: Map<string, Fact>[] } | null = null;
  /** Records that came again, and watermarks compared with what was promised. */
  readonly counts = { repeated: 0, repeatedOtherwise: 0, passedOver: 0, watermarksCompared: 0 };
  /**
   * Whether an event may come again with another content. Only once state of its change is written:
   * then it is in the log for certain, and readers have taken it as it was first.
   */
  mayDiffer: (event: ConversationEvent) => boolean = () => false;

  constructor(context: CheckContext, { partitions, hosted, promised }: EventsOptions) {
    this.#breach = breachOf(context);
    this.#promised = promised;
    this.partitions = partitions;
    this.models = modelsOf(hosted, partitions);
    this.#hosted = [...new Set(this.models.values())];
    this.#logs = Array.from({ length: partitions }, newLog);
  }

  /** In the order of landing; `entry` as it decodes. */
  appended(partition: number, offset: number, entry: LogEntry): void {
    const log = this.#log(partition);
    if (entry.kind === 'watermark') this.#note(partition, entry);
    if (entry.position > log.last) {
      log.last = entry.position;
      log.entries.set(entry.position, entry);
      if (entry.kind === 'event') this.#takeEvent(partition, log, entry);
      else if (entry.kind === 'watermark') this.#takeWatermark(partition, log, entry);
      else log.retries.push(entry);
    } else {
      this.#passOver(partition, log, entry);
    }
    log.offsets.push(offset);
    log.reached.push(log.last);
  }

  /** A record that is no entry. */
  undecodable(partition: number, offset: number): void {
    const log = this.#log(partition);
    log.undecodable.push(offset);
    log.offsets.push(offset);
    log.reached.push(log.last);
  }

  /** What a watermark of the position promises; null when it promises nothing. */
  promisedAt(position: number): readonly Fact[] | null {
    return this.#promised(position);
  }

  /** Called with each event when it is taken for the first time, after its own checks. */
  onEvent(listener: (partition: number, event: ConversationEvent) => void): void {
    this.#listeners.push(listener);
  }

  facts(): readonly Fact[] {
    return this.#logs.flatMap(({ facts }) => [...facts.values()]);
  }

  /** -1 before the first. */
  lastPosition(partition: number): number {
    return this.#log(partition).last;
  }

  /** First occurrences, in the order of their positions. */
  events(partition: number): readonly ConversationEvent[] {
    return this.#log(partition).events;
  }

  eventsUpTo(partition: number, position: number): readonly ConversationEvent[] {
    const { events } = this.#log(partition);
    return events.slice(0, countUpTo(events, position));
  }

  /** First occurrences, in the order of their positions. */
  watermarks(partition: number): readonly Watermark[] {
    return this.#log(partition).watermarks;
  }

  /** First occurrences, in the order of their positions. */
  retries(partition: number): readonly Retry[] {
    return this.#log(partition).retries;
  }

  /** Whether a watermark of the LSN stands in every partition, taken by readers or not. */
  isBroadcast(lsn: number): boolean {
    return this.#watermarks.get(lsn)?.size === this.partitions;
  }

  /** The entity's fact after all events up to the position; of the partition of its session. */
  factAt(partition: number, key: string, position: number): Fact | null {
    const versions = this.#log(partition).versions.get(key) ?? [];
    for (let at = versions.length - 1; at >= 0; at -= 1) {
      const version = versions[at];
      if (version !== undefined && version.position <= position) return version.fact;
    }
    return null;
  }

  /** The position that a reader has reached when it has read all records below the offset. */
  reachedBefore(partition: number, offset: number): number {
    const { offsets, reached } = this.#log(partition);
    let low = 0;
    let high = offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((offsets[middle] ?? offset) < offset) low = middle + 1;
      else high = middle;
    }
    return reached[low - 1] ?? -1;
  }

  undecodableBefore(partition: number, offset: number): number {
    let count = 0;
    for (const one of this.#log(partition).undecodable) if (one < offset) count += 1;
    return count;
  }

  partitionOf(sessionUid: string): number {
    let partition = this.#partitionOfSession.get(sessionUid);
    if (partition === undefined) {
      partition = partitionOf(sessionUid, this.partitions);
      this.#partitionOfSession.set(sessionUid, partition);
    }
    return partition;
  }

  #log(partition: number): PartitionLog {
    const log = this.#logs[partition];
    if (log === undefined) throw new Error(`the events topic has no partition ${partition}`);
    return log;
  }

  #note(partition: number, { lsn }: Watermark): void {
    const found = this.#watermarks.get(lsn) ?? new Set();
    this.#watermarks.set(lsn, found.add(partition));
  }

  #passOver(partition: number, log: PartitionLog, entry: LogEntry): void {
    const first = log.entries.get(entry.position);
    this.counts.passedOver += 1;
    if (first !== undefined) {
      this.counts.repeated += 1;
      const what = differenceOfEntries(entry, first);
      if (what === null) return;
      if (entry.kind === 'event' && this.mayDiffer(entry)) {
        this.counts.repeatedOtherwise += 1;
        return;
      }
      this.#breach(
        'I2',
        `${placeOf(partition, entry)} came again and is not what it was before: ${what}`,
      );
    } else if (entry.kind === 'event' && !this.mayDiffer(entry)) {
      // Which watermarks are due may differ from one owner to the next; events may not.
      this.#breach(
        'I2',
        `${placeOf(partition, entry)} came for the first time after position ${log.last}: readers drop it`,
      );
    }
  }

  #takeEvent(partition: number, log: PartitionLog, event: ConversationEvent): void {
    const { sessionUid, position } = event;
    const home = this.partitionOf(sessionUid);
    if (home !== partition) {
      this.#breach('I8', `${placeOf(partition, event)} belongs to partition ${home}`);
    }
    const changes: FactChange[] = [];
    for (const change of event.changes) {
      const { before, after } = change;
      const fact = after ?? before;
      if (fact === null) continue;
      const key = factKey(fact);
      if (sessionOfFact(fact) !== sessionUid) {
        const session = shown(sessionOfFact(fact));
        this.#breach('I3', `${placeOf(partition, event)}: ${key} is of session ${session}`);
      }
      const former = log.facts.get(key) ?? null;
      if (!sameFacts(before, former)) {
        const what = factDifference(`before of ${key}`, before, former);
        this.#breach('I3', `${placeOf(partition, event)}: ${what}`);
      }
      // The former event's own object: what projections make of it is known already.
      changes.push({ ...change, before: former } as FactChange);
      if (after === null) log.facts.delete(key);
      else log.facts.set(key, after);
      const versions = log.versions.get(key);
      if (versions === undefined) log.versions.set(key, [{ position, fact: after }]);
      else versions.push({ position, fact: after });
    }
    const taken = { ...event, changes };
    log.events.push(taken);
    for (const model of this.#hosted) model.take(partition, taken);
    for (const listener of this.#listeners) listener(partition, taken);
  }

  #takeWatermark(partition: number, log: PartitionLog, watermark: Watermark): void {
    const former = log.watermarks.at(-1);
    if (former !== undefined && watermark.lsn < former.lsn) {
      this.#breach(
        'I4',
        `${placeOf(partition, watermark)} follows watermark ${formatLsn(former.lsn)} at ${former.position}: it went back`,
      );
    }
    log.watermarks.push(watermark);
    const promised = this.#promised(watermark.position);
    if (promised === null) return;
    this.counts.watermarksCompared += 1;
    const must = this.#promisedTo(partition, promised);
    const what = firstDifference(log.facts, must);
    if (what === null) return;
    this.#breach('I4', `${placeOf(partition, watermark)}: ${what}`);
  }

  /** A watermark comes once to each partition: the facts are divided once. */
  #promisedTo(partition: number, facts: readonly Fact[]): ReadonlyMap<string, Fact> {
    if (this.#split?.facts !== facts) {
      const by = this.#logs.map(() => new Map<string, Fact>());
      for (const fact of facts) {
        by[this.partitionOf(sessionOfFact(fact))]?.set(factKey(fact), fact);
      }
      this.#split = { facts, by };
    }
    return this.#split.by[partition] ?? new Map();
  }
}

/** Null when both hold the same facts; else the first thing that differs. */
export function firstDifference(
  is: ReadonlyMap<string, Fact>,
  must: ReadonlyMap<string, Fact>,
): string | null {
  for (const [key, fact] of must) {
    const what = factDifference(key, is.get(key) ?? null, fact);
    if (what !== null) return what;
  }
  if (is.size === must.size) return null;
  for (const [key, fact] of is) {
    if (!must.has(key)) return factDifference(key, fact, null);
  }
  return null;
}

/** The facts of two lists, by entity. */
export function differenceOfFacts(is: readonly Fact[], must: readonly Fact[]): string | null {
  const found = factsByKey(is);
  if (found.size === is.length) return firstDifference(found, factsByKey(must));
  const seen = new Set<string>();
  for (const key of is.map(factKey)) {
    if (seen.has(key)) return `${key} is there twice`;
    seen.add(key);
  }
  return null;
}

function newLog(): PartitionLog {
  return {
    last: -1,
    entries: new Map(),
    events: [],
    watermarks: [],
    retries: [],
    facts: new Map(),
    versions: new Map(),
    offsets: [],
    reached: [],
    undecodable: [],
  };
}

/** How many of them, in rising positions, are at or below the position. */
export function countUpTo(
  entries: readonly { readonly position: number }[],
  position: number,
): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.position ?? position + 1) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function placeOf(partition: number, entry: LogEntry): string {
  return `${nameOf(entry)} at ${entry.position} in partition ${partition}`;
}

function nameOf(entry: LogEntry): string {
  switch (entry.kind) {
    case 'event':
      return `${entry.type} of session ${shown(entry.sessionUid)}`;
    case 'watermark':
      return `watermark ${formatLsn(entry.lsn)}`;
    case 'retry':
      return `retry of offset ${entry.offset} for ${entry.projection}`;
  }
}

function differenceOfEntries(is: LogEntry, must: LogEntry): string | null {
  if (is.kind !== 'event' || must.kind !== 'event') {
    return nameOf(is) === nameOf(must) ? null : `it is a ${nameOf(is)}, before a ${nameOf(must)}`;
  }
  if (is.sessionUid !== must.sessionUid || is.type !== must.type || is.lsn !== must.lsn) {
    return `${is.type} of ${is.sessionUid}, before ${must.type} of ${must.sessionUid}`;
  }
  if (is.changes.length !== must.changes.length) {
    return `${is.changes.length} changes, before ${must.changes.length}`;
  }
  for (let index = 0; index < is.changes.length; index += 1) {
    const one = is.changes[index];
    const other = must.changes[index];
    if (one === undefined || other === undefined) continue;
    for (const side of ['before', 'after'] as const) {
      if (sameFacts(one[side], other[side])) continue;
      const fact = one[side] ?? other[side];
      const key = fact === null ? one.kind : factKey(fact);
      return factDifference(`${side} of ${key}`, one[side], other[side]);
    }
  }
  return null;
}
