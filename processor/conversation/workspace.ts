/**
 * What the fold works on: containers and hints in memory, and what it brings forth: events to
 * append, containers to write, hints to add and to remove. The sequencer loads it, flushes it and
 * evicts from it; nothing here waits.
 */
import type { LogEntry } from '../event/event.ts';
import type { Instant } from '../source/instant.ts';
import { Barriers } from './barriers.ts';
import { Container } from './container.ts';
import type { FoldLimits } from './limits.ts';
import { containerBytes } from './row-size.ts';
import type { StepState, TurnRole } from './rows.ts';

export type HintChange = {
  readonly role: TurnRole;
  readonly uid: string;
  readonly sessionUid: string;
  readonly position: number;
};

/** By the LSN of the steps: how many more or fewer are parked. */
export type ParkedChanges = ReadonlyMap<number, { readonly steps: number; readonly at: Instant }>;

export class Workspace {
  readonly limits: FoldLimits;
  /** In the order of their last use: the first ones are evicted. */
  readonly #containers = new Map<string, Container>();
  readonly #recent = new Set<Container>();
  readonly #measured = new Map<string, number>();
  #bytes = 0;
  /** Turn → sessions that may hold it, with what is not stored yet. */
  readonly #hints = new Map<string, readonly string[]>();
  /** Added before their containers' batches are written. */
  hintsToAdd: HintChange[] = [];
  /** Removed after the raw offset of their change is committed. */
  #hintsToRemove: HintChange[] = [];
  #hintsInRemoval: readonly HintChange[] = [];
  /** Events and watermarks in the order of their positions. */
  events: LogEntry[] = [];
  /** About what the events take that were emitted since the last `takeEvents`, in bytes. */
  #eventBytes = 0;
  /** What must be written before what. */
  readonly barriers = new Barriers();
  #parked = new Map<number, { readonly steps: number; readonly at: Instant }>();

  constructor(limits: FoldLimits) {
    this.limits = limits;
  }

  emit(event: LogEntry, bytes: number): void {
    this.events.push(event);
    this.#eventBytes += bytes;
  }

  /** There are more of them than memory should hold. */
  get hasManyEvents(): boolean {
    return this.#eventBytes > this.limits.pendingEventBytesMax;
  }

  /** More rows were carried than should wait in memory to be written. */
  get hasManyCarried(): boolean {
    return this.barriers.carriedBytes > this.limits.pendingEventBytesMax;
  }

  takeEvents(): readonly LogEntry[] {
    const { events } = this;
    this.events = [];
    this.#eventBytes = 0;
    return events;
  }

  container(name: string): Container | undefined {
    const container = this.#containers.get(name);
    if (container !== undefined && !this.#recent.has(container)) {
      this.#recent.add(container);
      this.#containers.delete(name);
      this.#containers.set(name, container);
    }
    return container;
  }

  has(name: string): boolean {
    return this.#containers.has(name);
  }

  /** The container as it is stored, up to the position; it takes the place of what was held of it. */
  open(name: string, position: number): void {
    const former = this.#containers.get(name);
    if (former !== undefined) this.#recent.delete(former);
    const container = new Container(name, position, this.limits, this.barriers.last);
    this.#containers.delete(name);
    this.#containers.set(name, container);
    this.#recent.add(container);
  }

  /** Those that were asked for since the last `settle`: no other can have changed. */
  touched(): ReadonlySet<Container> {
    return this.#recent;
  }

  /** Between batches: measures what was touched, and evicts the longest unused down to the limit. */
  settle(bytesMax: number): void {
    for (const container of this.#recent) {
      container.relieveAll();
      const bytes = container.bytes + containerBytes;
      this.#bytes += bytes - (this.#measured.get(container.name) ?? 0);
      this.#measured.set(container.name, bytes);
    }
    this.#recent.clear();
    for (const [name, container] of this.#containers) {
      if (this.#bytes <= bytesMax) return;
      if (container.isUnwritten) continue;
      this.#containers.delete(name);
      this.#bytes -= this.#measured.get(name) ?? 0;
      this.#measured.delete(name);
    }
  }

  /** What the containers hold, as of the last `settle`. */
  get bytes(): number {
    return this.#bytes;
  }

  containers(): IterableIterator<Container> {
    return this.#containers.values();
  }

  get containerCount(): number {
    return this.#containers.size;
  }

  hints(role: TurnRole, uid: string): readonly string[] | undefined {
    return this.#hints.get(`${role}:${uid}`);
  }

  learnHints(role: TurnRole, uid: string, sessions: readonly string[]): void {
    const key = `${role}:${uid}`;
    if (!this.#hints.has(key)) this.#hints.set(key, sessions);
  }

  /**
   * The turn arrived there. Written even when the hint is there already: a former owner may still
   * be about to remove it on account of a former departure, at a lower position.
   */
  addHint(hint: HintChange): void {
    const key = `${hint.role}:${hint.uid}`;
    const sessions = this.#hints.get(key) ?? [];
    const isOther = (other: HintChange) => !sameHint(other, hint);
    if (this.#hintsToRemove.length > 0) {
      this.#hintsToRemove = this.#hintsToRemove.filter(isOther);
    }
    if (this.#hintsInRemoval.length > 0) {
      this.#hintsInRemoval = this.#hintsInRemoval.filter(isOther);
    }
    if (!sessions.includes(hint.sessionUid)) {
      this.#hints.set(key, [...sessions, hint.sessionUid]);
    }
    this.hintsToAdd.push(hint);
  }

  /** The hint stays until the change's raw offset is committed. */
  removeHintLater(hint: HintChange): void {
    this.#hintsToRemove.push(hint);
  }

  takeHintsToRemove(): readonly HintChange[] {
    this.#hintsInRemoval = this.#hintsToRemove;
    this.#hintsToRemove = [];
    return this.#hintsInRemoval;
  }

  /** What was taken is removed from the store; a hint that came back meanwhile is there again. */
  hintsRemoved(): void {
    for (const hint of this.#hintsInRemoval) {
      const key = `${hint.role}:${hint.uid}`;
      const sessions = this.#hints.get(key)?.filter((uid) => uid !== hint.sessionUid);
      if (sessions !== undefined) this.#hints.set(key, sessions);
    }
    this.#hintsInRemoval = [];
  }

  /** So many more steps, or fewer, of that last change wait for their turn, as of the commit `at`. */
  countParked({ lsn }: StepState, steps: number, at: Instant): void {
    this.#parked.set(lsn, { steps: (this.#parked.get(lsn)?.steps ?? 0) + steps, at });
  }

  takeParked(): ParkedChanges {
    const parked = this.#parked;
    this.#parked = new Map();
    return parked;
  }

  get hintCount(): number {
    return this.#hints.size;
  }

  /** Forgets the oldest hints down to the limit; only with none left to add or to remove. */
  evictHints(countMax: number): void {
    for (const key of this.#hints.keys()) {
      if (this.#hints.size <= countMax) return;
      this.#hints.delete(key);
    }
  }
}

function sameHint(a: HintChange, b: HintChange): boolean {
  return a.sessionUid === b.sessionUid && a.uid === b.uid && a.role === b.role;
}
