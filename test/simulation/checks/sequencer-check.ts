/**
 * The sequencer's order of durability, seen from its servers: events, then state, then the raw offset
 * (I1 in its other form), and what it says of the records that it took (I7). State is compared with
 * the facts that the log gives for its position, so state that is ahead of its events shows when it
 * is written, whatever happens afterwards.
 */

import { decodeLedger } from '../../../processor/sequencer/ledger.ts';
import type { RecordOutcome } from '../../../processor/sequencer/observer.ts';
import { formatLsn } from '../../../processor/source/lsn.ts';
import { ordinalsPerRecord } from '../../../processor/source/position.ts';
import { type Breach, breachOf, type CheckContext, sessionOfFact } from './check.ts';
import { countUpTo, type EventsCheck, placeOf } from './events-check.ts';
import { entityOf, rowDifference, type StoredStateRow } from './state-rows.ts';

export type OffsetCommitted = {
  readonly offset: number;
  readonly metadata: string | undefined;
  /** Of the group, as the broker counts. */
  readonly generation: number;
  /** The process that asked. */
  readonly by: string;
  /** Applied after its caller had given it up: such a one may go back. */
  readonly late?: boolean;
};

type Tenure = { startOffset: number; outcomes: number };
type Taken = { records: number; outcomes: number };

export class SequencerCheck {
  readonly #breach: Breach;
  readonly #events: EventsCheck;
  readonly #positionBase: number;
  readonly #durableNow: (container: string) => number;
  /** By container: the highest timestamp of a row anywhere, and of a durable prefix. */
  readonly #written = new Map<string, number>();
  readonly #durable = new Map<string, number>();
  /** How many events of each partition were found to be in durable state. */
  readonly #settled: number[];
  #committed: OffsetCommitted | null = null;
  #committedMax = 0;
  #writtenMax = -1;
  readonly #tenures = new Map<string, Tenure>();
  readonly #taken = new Map<string, Taken>();
  readonly #undecodable = new Set<number>();
  /** Rows of state compared with facts, and commits looked at. */
  readonly counts = { rows: 0, commits: 0 };

  /**
   * `durableNow` is asked for a container of which `stateDurable` has not told enough: up to where its
   * position and the rows before it are on a quorum now, -1 for nowhere.
   */
  constructor(
    context: CheckContext,
    events: EventsCheck,
    positionBase: number,
    durableNow: (container: string) => number = () => -1,
  ) {
    this.#breach = breachOf(context);
    this.#events = events;
    this.#positionBase = positionBase;
    this.#durableNow = durableNow;
    // State is written when all events before it are acknowledged: whoever folds a change again beside
    // state that stands anywhere tells nothing new, and what it tells is dropped.
    events.mayDiffer = ({ position }) => this.#writtenMax >= position;
    this.#settled = Array.from({ length: events.partitions }, () => 0);
    events.onEvent((partition, event) => {
      const { position, sessionUid } = event;
      const state = this.#written.get(`s:${sessionUid}`) ?? -1;
      if (state >= position) {
        const where = placeOf(partition, event);
        this.#breach(
          'I1',
          `${where} came after the state of its session was written as of ${state}`,
        );
      }
      if (position < this.#positionAt(this.#committedMax)) {
        const where = placeOf(partition, event);
        this.#breach(
          'I1',
          `${where} came after the raw offset ${this.#committedMax} was committed`,
        );
      }
    });
  }

  /**
   * A mutation of a container takes effect anywhere: its write timestamp, and the rows that it
   * brings; without rows it is the container's position that is written.
   */
  stateWritten(container: string, position: number, rows: readonly StoredStateRow[] = []): void {
    raise(this.#written, container, position);
    this.#writtenMax = Math.max(this.#writtenMax, position);
    if (!container.startsWith('s:')) return;
    const session = container.slice(2);
    const partition = this.#events.partitionOf(session);
    for (const row of rows) {
      const entity = entityOf(container, row);
      if (entity === null) continue;
      this.counts.rows += 1;
      const fact = this.#events.factAt(partition, entity, position);
      const within = fact !== null && sessionOfFact(fact) === session ? fact : null;
      const what = rowDifference(row, within);
      if (what === null) continue;
      this.#breach('I1', `state of ${entity} in ${container} as of ${position}: ${what}`);
    }
  }

  /** The container's position is on a quorum: readers see at least this prefix. */
  stateDurable(container: string, position: number): void {
    raise(this.#durable, container, position);
  }

  /** An offset of `changes` takes effect at the broker. */
  offsetCommitted(commit: OffsetCommitted): void {
    const { offset, by, late = false } = commit;
    this.counts.commits += 1;
    const where = `raw offset ${offset}, committed by ${by}`;
    this.#checkOrder(commit, late, where);
    this.#checkState(offset, where);
    this.#checkLedger(commit, where);
    this.#checkOutcomes(commit, where);
    for (const garbage of this.#undecodable) {
      if (garbage < offset) this.#breach('I7', `${where}: no dead letter of ${garbage} before it`);
    }
    this.#committed = commit;
    this.#committedMax = Math.max(this.#committedMax, offset);
  }

  /** The sequencer's observer: a tenure begins at the offset. */
  held(process: string, offset: number): void {
    this.#tenures.set(process, { startOffset: offset, outcomes: 0 });
  }

  /** So many records of `changes` were handed to the process. */
  took(process: string, records: number): void {
    this.#takenBy(process).records += records;
  }

  /** The sequencer's observer: what became of a record. */
  recordOutcome(process: string, outcome: RecordOutcome): void {
    const taken = this.#takenBy(process);
    taken.outcomes += 1;
    const tenure = this.#tenures.get(process);
    if (tenure !== undefined) tenure.outcomes += 1;
    if (taken.outcomes <= taken.records) return;
    this.#breach(
      'I7',
      `${process} told of ${taken.outcomes} records (now: ${outcome}) and took ${taken.records}`,
    );
  }

  /** A record that is none of ours nor Debezium's stands in `changes`. */
  undecodable(offset: number): void {
    this.#undecodable.add(offset);
  }

  /** The sequencer's dead letter of the record stands in its topic. */
  deadLettered(offset: number): void {
    this.#undecodable.delete(offset);
  }

  #takenBy(process: string): Taken {
    let taken = this.#taken.get(process);
    if (taken === undefined) {
      taken = { records: 0, outcomes: 0 };
      this.#taken.set(process, taken);
    }
    return taken;
  }

  /** The first position of the record. */
  #positionAt(offset: number): number {
    return this.#positionBase + offset * ordinalsPerRecord;
  }

  #checkOrder({ offset, generation }: OffsetCommitted, late: boolean, where: string): void {
    const former = this.#committed;
    if (former === null) return;
    if (generation < former.generation) {
      this.#breach('I6', `${where}: generation ${generation} is over, ${former.generation} is on`);
    }
    if (offset < former.offset && !late) {
      this.#breach('I1', `${where}: it was at ${former.offset}, committed by ${former.by}`);
    }
  }

  #checkState(offset: number, where: string): void {
    const limit = this.#positionAt(offset) - 1;
    for (let partition = 0; partition < this.#events.partitions; partition += 1) {
      const events = this.#events.events(partition);
      const end = countUpTo(events, limit);
      for (let at = this.#settled[partition] ?? 0; at < end; at += 1) {
        const event = events[at];
        if (event === undefined) continue;
        const container = `s:${event.sessionUid}`;
        let durable = this.#durable.get(container) ?? -1;
        if (durable >= event.position) continue;
        durable = Math.max(durable, this.#durableNow(container));
        if (durable >= event.position) continue;
        const state = durable < 0 ? 'has no state' : `has state as of ${durable}`;
        this.#breach('I1', `${where}: the session of ${placeOf(partition, event)} ${state}`);
      }
      this.#settled[partition] = Math.max(end, this.#settled[partition] ?? 0);
    }
  }

  #checkLedger({ offset, metadata }: OffsetCommitted, where: string): void {
    if (metadata === undefined || metadata === this.#committed?.metadata) return;
    const { watermark } = decodeLedger(metadata, offset === 0);
    if (watermark === null || this.#events.isBroadcast(watermark.lsn)) return;
    const lsn = formatLsn(watermark.lsn);
    this.#breach('I4', `${where}: watermark ${lsn} of its ledger is not in every partition`);
  }

  #checkOutcomes({ offset, by, late }: OffsetCommitted, where: string): void {
    const tenure = this.#tenures.get(by);
    if (tenure === undefined || late === true) return;
    // A commit in the middle of a sweep is ahead of the outcome of its own record.
    const least = offset - tenure.startOffset - 1;
    if (tenure.outcomes >= least) return;
    this.#breach(
      'I7',
      `${where}, who began at ${tenure.startOffset} and told of ${tenure.outcomes} records`,
    );
  }
}

function raise(positions: Map<string, number>, container: string, position: number): void {
  if ((positions.get(container) ?? -1) < position) positions.set(container, position);
}
