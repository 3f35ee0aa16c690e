/**
 * Where and when a change is folded: its positions, its origin, and what may be assumed of it.
 * A record is at most two changes (an UPDATE of the identity: the former row goes, the new one
 * comes), each of which may take rows from some containers to another. Removals have the lower
 * positions, arrivals the higher: both may write the same row of a read model.
 */

import { TurnstreamError } from '../error.ts';
import type { ConversationEvent, EventType } from '../event/event.ts';
import { ordinalsPerRecord, type Position, positionOf } from '../source/position.ts';
import type { Origin, SweepExpectation } from '../source/row-change.ts';
import type { Container } from './container.ts';
import type { Edit } from './edit.ts';
import type { Fact, FactChange } from './fact.ts';
import { lateEventGrowth } from './limits.ts';
import type { Fold } from './requests.ts';
import type { Workspace } from './workspace.ts';

const changesPerRecord = 2;
const ordinalsPerChange = ordinalsPerRecord / changesPerRecord;
export const ordinalsPerSide = ordinalsPerChange / 2;

/** From this event of a fan-out on the others are larger (limits.ts). */
const smallEventsMax = ordinalsPerSide / 2;

export type Moment = {
  /** First positions of what leaves and of what arrives. */
  readonly removal: Position;
  readonly arrival: Position;
  readonly origin: Origin;
  /** Its LSN is above every LSN seen before it: no look for a newer state is needed. */
  readonly isNew: boolean;
  /** Read by a snapshot: no LSN of its own, compared by value. */
  readonly isRead: boolean;
  readonly sweep: SweepExpectation | null;
  /** The row goes because its identity changed: its tombstone keeps its text (rekey.ts). */
  readonly isRekey?: boolean;
};

export function momentOf(
  base: number,
  rawOffset: number,
  part: 0 | 1,
  rest: Omit<Moment, 'removal' | 'arrival'>,
): Moment {
  const removal = positionOf(base, rawOffset, part * ordinalsPerChange);
  return { ...rest, removal, arrival: (removal + ordinalsPerSide) as Position };
}

/** The LSN that the change leaves on its entity, given the greatest one known of it. */
export function lsnAfter(moment: Moment, known: number): number {
  if (moment.sweep !== null) return moment.sweep.leaves;
  return moment.isRead ? known : moment.origin.lsn;
}

/** Whether an entity is still what the sweep expected. */
export function isExpected(
  moment: Moment,
  entity: { readonly lsn: number; readonly seen: number },
): boolean {
  const { sweep } = moment;
  return sweep === null || (entity.lsn === sweep.lsn && entity.seen === sweep.seen);
}

/**
 * Emits what the edit changed as one event, or as several when it is large, from the position on;
 * then closes the change for the container. Answers the position after the last one used.
 */
export function* emitEdit(
  workspace: Workspace,
  edit: Edit,
  moment: Moment,
  from: Position,
  type: EventType,
): Fold<Position> {
  const writer = new EventWriter(workspace, edit.container, moment, from, type);
  yield* edit.collect((change) => {
    writer.add(change);
    return workspace.hasManyEvents;
  });
  const next = writer.finish();
  // However many events there were: who folds it again beside rows that are written already may have
  // fewer to tell, and must come to the same position.
  edit.container.advance(from + ordinalsPerSide - 1);
  return next;
}

class EventWriter {
  readonly #workspace: Workspace;
  readonly #container: Container;
  readonly #moment: Moment;
  readonly #from: Position;
  readonly #type: EventType;
  #count = 0;
  #changes: FactChange[] = [];
  #bytes = 0;

  constructor(
    workspace: Workspace,
    container: Container,
    moment: Moment,
    from: Position,
    type: EventType,
  ) {
    this.#workspace = workspace;
    this.#container = container;
    this.#moment = moment;
    this.#from = from;
    this.#type = type;
  }

  add(change: FactChange): void {
    const bytes = textBytesOf(change.before) + textBytesOf(change.after) + 400;
    const { eventBytesTarget } = this.#workspace.limits;
    const isLate = this.#count >= smallEventsMax;
    const target = isLate ? eventBytesTarget * lateEventGrowth : eventBytesTarget;
    if (this.#changes.length > 0 && this.#bytes + bytes > target) this.#emit();
    this.#changes.push(change);
    this.#bytes += bytes;
  }

  finish(): Position {
    if (this.#changes.length > 0) this.#emit();
    return (this.#from + this.#count) as Position;
  }

  #emit(): void {
    if (this.#count === ordinalsPerSide) {
      throw new TurnstreamError(
        'LIMIT',
        `one change of session ${this.#container.sessionUid} at LSN ${this.#moment.origin.lsn} fans out to more ` +
          `than ${ordinalsPerSide} events; split the session in the source, or raise TURNSTREAM_SEQUENCER_EVENT_BYTES_TARGET.`,
      );
    }
    const { origin, isRead } = this.#moment;
    const event: ConversationEvent = {
      kind: 'event',
      position: (this.#from + this.#count) as Position,
      lsn: isRead ? null : origin.lsn,
      transactionId: origin.transactionId,
      committedAt: origin.committedAt,
      capturedAt: origin.capturedAt,
      type: this.#type,
      sessionUid: this.#container.sessionUid,
      changes: this.#changes,
    };
    this.#workspace.emit(event, this.#bytes);
    this.#count += 1;
    this.#changes = [];
    this.#bytes = 0;
  }
}

function textBytesOf(fact: Fact | null): number {
  if (fact === null) return 0;
  const text = fact.kind === 'step' ? fact.content : fact.kind === 'humanTurn' ? fact.prompt : null;
  return text === null ? 0 : Buffer.byteLength(text);
}
