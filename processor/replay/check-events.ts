/**
 * The check of the event store, record by record: what every reader relies on. Bounded memory: of each
 * fact a hash (fact-table.ts), of each partition a window of positions. Pure.
 *
 * A record whose position is not above the last one is passed over by readers: a repetition is what a
 * restart of the sequencer leaves, and allowed; one that was never there before is lost to them.
 */
import type { FactChange } from '../conversation/fact.ts';
import type { ConversationEvent, LogEntry, Watermark } from '../event/event.ts';
import { formatLsn } from '../source/lsn.ts';
import { factKey, factValue, sessionHash } from './fact-hash.ts';
import { absent, FactTable } from './fact-table.ts';

export type Breach = {
  readonly kind: 'position' | 'before' | 'watermark' | 'partition' | 'undecodable';
  readonly partition: number;
  readonly offset: number;
  readonly message: string;
};

export type CheckSummary = {
  readonly records: number;
  readonly events: number;
  readonly watermarks: number;
  readonly retries: number;
  /** Records that came again. */
  readonly repeated: number;
  readonly sessionsShare: number;
  readonly facts: number;
  /** Events whose `before` was compared. */
  readonly compared: number;
  readonly breaches: Readonly<Record<Breach['kind'], number>>;
  /** The first of each kind. */
  readonly first: readonly Breach[];
};

export type CheckOptions = {
  readonly partitions: number;
  readonly memoryBytesMax: number;
  /** Breaches of each kind that are told in full. */
  readonly toldMax: number;
  readonly partitionOf: (sessionUid: string, partitions: number) => number;
};

type PartitionState = { last: number; readonly recent: Set<number>; watermark: Watermark | null };

/** Positions of a partition that are remembered: more than a sequencer repeats after a restart. */
const recentMax = 100_000;

export class EventsCheck {
  readonly #options: CheckOptions;
  readonly #partitions: readonly PartitionState[];
  readonly #facts: FactTable;
  readonly #counts = { records: 0, events: 0, watermarks: 0, retries: 0, repeated: 0, compared: 0 };
  readonly #breaches = { position: 0, before: 0, watermark: 0, partition: 0, undecodable: 0 };
  readonly #first: Breach[] = [];

  constructor(options: CheckOptions) {
    this.#options = options;
    this.#facts = new FactTable(options.memoryBytesMax);
    this.#partitions = Array.from({ length: options.partitions }, () => {
      return { last: -1, recent: new Set(), watermark: null };
    });
  }

  /** In the order of the partition. */
  take(partition: number, offset: number, entry: LogEntry): void {
    this.#counts.records += 1;
    const state = this.#partitions[partition];
    if (state === undefined) throw new RangeError(`no partition ${partition}`);
    const breach = (kind: Breach['kind'], message: string) =>
      this.#tell({ kind, partition, offset, message });
    if (entry.position <= state.last) {
      this.#counts.repeated += 1;
      const tooOld = state.recent.size === recentMax && entry.position < least(state.recent);
      if (!state.recent.has(entry.position) && !tooOld) {
        const text = `position ${entry.position} comes after ${state.last} and was never there before: readers pass it over`;
        breach('position', text);
      }
      return;
    }
    remember(state, entry.position);
    if (entry.kind === 'event') this.#event(partition, entry, breach);
    else if (entry.kind === 'watermark') this.#watermark(state, entry, breach);
    else this.#counts.retries += 1;
  }

  undecodable(partition: number, offset: number, why: string): void {
    this.#counts.records += 1;
    this.#tell({ kind: 'undecodable', partition, offset, message: why });
  }

  summary(): CheckSummary {
    return {
      ...this.#counts,
      sessionsShare: this.#facts.share,
      facts: this.#facts.size,
      breaches: { ...this.#breaches },
      first: [...this.#first],
    };
  }

  #event(
    partition: number,
    event: ConversationEvent,
    breach: (kind: Breach['kind'], message: string) => void,
  ): void {
    this.#counts.events += 1;
    const { sessionUid, position, type } = event;
    const own = this.#options.partitionOf(sessionUid, this.#options.partitions);
    const what = `${type} at position ${position} of session ${sessionUid}`;
    if (own !== partition) breach('partition', `${what} belongs to partition ${own}`);
    const session = sessionHash(sessionUid);
    if (!this.#facts.looksAt(session)) return;
    this.#counts.compared += 1;
    for (const change of event.changes) {
      const fact = change.after ?? change.before;
      if (fact === null) continue;
      const key = factKey(session, fact);
      const known = this.#facts.get(key);
      const before = change.before === null ? absent : factValue(change.before);
      if (known !== before) breach('before', `${what}: ${differenceText(change, known)}`);
      this.#facts.set(key, change.after === null ? absent : factValue(change.after));
      if (!this.#facts.looksAt(session)) return;
    }
  }

  #watermark(
    state: PartitionState,
    watermark: Watermark,
    breach: (kind: Breach['kind'], message: string) => void,
  ): void {
    this.#counts.watermarks += 1;
    const former = state.watermark;
    if (former !== null && watermark.lsn < former.lsn) {
      const text = `the watermark at position ${watermark.position} says ${formatLsn(watermark.lsn)}, after ${formatLsn(former.lsn)}`;
      breach('watermark', text);
    }
    state.watermark = watermark;
  }

  #tell(breach: Breach): void {
    this.#breaches[breach.kind] += 1;
    if (this.#breaches[breach.kind] <= this.#options.toldMax) this.#first.push(breach);
  }
}

function differenceText({ kind, before, after }: FactChange, known: number): string {
  const fact = after ?? before;
  const name =
    fact?.kind === 'step' ? `step ${fact.idx} of ${fact.agentTurnUid}` : `${kind} ${fact?.uid}`;
  if (known === absent) return `${name} is said to have been there, and no event had left it`;
  if (before === null) return `${name} is said to be new, and an event had left it`;
  return `what ${name} is said to have been is not what the event before had left`;
}

function remember(state: PartitionState, position: number): void {
  state.last = position;
  state.recent.add(position);
  if (state.recent.size > recentMax) state.recent.delete(least(state.recent));
}

/** Insertion is in rising positions. */
function least(recent: ReadonlySet<number>): number {
  for (const position of recent) return position;
  return -1;
}
