/**
 * A container in memory: what is known of one CQL partition of the sequencer's state. A session's
 * holds its rows; an unknown agent turn's holds its parked steps.
 *
 * A row is known (a value), known to be absent (null) or not known (undefined: it must be loaded).
 * In a `complete` container whatever is not known is absent. Each change that touched it closes with
 * `advance`: the container is the fold of everything up to that position (the prefix rule of DESIGN
 * 3.2). Changed rows gather in segments, each the difference between two prefixes: a change that would
 * make the open one larger than an atomic batch begins another, so only a change that is larger by
 * itself, alone in its segment, is ever cut.
 */
import { noSessionHint } from './container-names.ts';
import { KnownSteps, type Side } from './known-steps.ts';
import type { FoldLimits } from './limits.ts';
import { positionBytesMax, rowBytes, sizeOf, storedBytesMax, textBytesMax } from './row-size.ts';
import type {
  ChildState,
  FamilyState,
  SessionState,
  StepState,
  TurnRole,
  TurnState,
} from './rows.ts';

export type RowRef =
  | { readonly kind: 'session' }
  | { readonly kind: 'turn'; readonly role: TurnRole; readonly uid: string }
  | { readonly kind: 'family'; readonly family: string }
  | { readonly kind: 'child'; readonly family: string; readonly uid: string }
  | { readonly kind: 'step'; readonly turnUid: string; readonly idx: number };

export type RowValue = SessionState | TurnState | FamilyState | ChildState | StepState;

/** A slice of rows that can be loaded at once. */
export type SliceRef =
  | { readonly kind: 'turns'; readonly role: TurnRole }
  | { readonly kind: 'family'; readonly family: string }
  | { readonly kind: 'steps'; readonly turnUid: string };

/** Rows that changed together, at the position of the last change folded into them. */
export type Segment = {
  readonly position: number;
  readonly rows: readonly { readonly ref: RowRef; readonly value: RowValue }[];
};

type StepRef = Extract<RowRef, { readonly kind: 'step' }>;
type Changed = {
  readonly ref: RowRef;
  value: RowValue;
  bytes: number;
  /** Of its last change among all. */
  order: number;
  /** Changed by the change under way, before which it was `former` in the segment (null: not in it). */
  isChanging: boolean;
  former: { readonly value: RowValue; readonly order: number } | null;
};

/** No segment spans it: what is below is written apart from what is at it or above. */
export type LastBarrier = { readonly position: number };

export class Container {
  readonly name: string;
  /** The position of the last change folded in; -1 for none. */
  position: number;
  /** Nothing is stored that is not known here. */
  complete: boolean;
  /** A rough size of what is held, in bytes. */
  bytes = rowBytes;

  #session: SessionState | null | undefined;
  readonly #turns = {
    human: new Map<string, TurnState | null>(),
    agent: new Map<string, TurnState | null>(),
  };
  readonly #families = new Map<string, FamilyState | null>();
  readonly #children = new Map<string, Map<string, ChildState | null>>();
  readonly #steps = new Map<string, KnownSteps>();
  readonly #limits: FoldLimits;
  readonly #barrier: LastBarrier;
  readonly #nameBytes: number;
  /** The open segment: rows of the whole changes since the last seal, and of the one under way. */
  readonly #open = new Map<string, Changed>();
  /** What the whole changes take of a batch. */
  #openBytes = 0;
  #changing: Changed[] = [];
  #puts = 0;
  /** Steps changed since the last `takeSegments`: newer than what is stored. */
  #unwritten = new Map<string, StepRef>();
  /** Those taken to be written, and not known to be stored yet. */
  #inFlight = new Map<string, StepRef>();
  #isWriting = false;
  #segments: Segment[] = [];
  #touched = false;

  constructor(
    name: string,
    position: number,
    limits: FoldLimits,
    barrier: LastBarrier = { position: -1 },
  ) {
    this.name = name;
    this.#limits = limits;
    this.#barrier = barrier;
    this.#nameBytes = textBytesMax(name);
    this.position = position;
    this.complete = position < 0;
    this.#session = undefined;
  }

  get isSession(): boolean {
    return this.name.startsWith('s:');
  }

  get sessionUid(): string {
    return this.name.slice(2);
  }

  /** What leads to it from a turn that it holds. */
  get hint(): string {
    return this.isSession ? this.sessionUid : noSessionHint;
  }

  session(): SessionState | null | undefined {
    return this.#known(this.#session);
  }

  turn(role: TurnRole, uid: string): TurnState | null | undefined {
    return this.#known(this.#turns[role].get(uid));
  }

  family(family: string): FamilyState | null | undefined {
    return this.#known(this.#families.get(family));
  }

  step(turnUid: string, idx: number): StepState | null | undefined {
    return this.#known(this.#steps.get(turnUid)?.get(idx));
  }

  /** Nothing is stored of the turn's steps that is not known here. */
  knowsStepsOf(turnUid: string): boolean {
    return this.complete || this.#steps.get(turnUid)?.whole === true;
  }

  /** The nearest present step of the turn strictly before or after idx, among those that are known. */
  nearestStep(turnUid: string, idx: number, side: Side): StepState | null {
    return this.#steps.get(turnUid)?.nearest(idx, side) ?? null;
  }

  #known<T>(value: T | null | undefined): T | null | undefined {
    return value === undefined && this.complete ? null : value;
  }

  /** The present turns of a role that are known, in no order. */
  *presentTurns(role: TurnRole): Generator<TurnState> {
    for (const turn of this.#turns[role].values()) if (turn?.present) yield turn;
  }

  presentChildren(family: string): ChildState[] {
    const children: ChildState[] = [];
    for (const child of this.#children.get(family)?.values() ?? []) {
      if (child?.present) children.push(child);
    }
    return children;
  }

  /** The present steps of a turn that are known, by idx. */
  presentSteps(turnUid: string): StepState[] {
    return this.#steps.get(turnUid)?.present() ?? [];
  }

  /** The steps of a turn, present or not, that the store does not have as they are now. */
  *unwrittenSteps(turnUid: string): Generator<StepState> {
    for (const refs of [this.#inFlight, this.#unwritten]) {
      for (const ref of refs.values()) {
        if (ref.turnUid !== turnUid) continue;
        const step = this.step(ref.turnUid, ref.idx);
        if (step) yield step;
      }
    }
  }

  /** Takes a row as the store has it; a row that is known already is newer or the same. */
  learn(ref: RowRef, value: RowValue | null): void {
    if (this.#peek(ref) !== undefined) return;
    this.#set(ref, value);
  }

  /** All of the slice that is stored was learnt. Of steps it is remembered. */
  learnt(slice: SliceRef): void {
    if (slice.kind === 'steps') this.#stepsOf(slice.turnUid).whole = true;
  }

  /** Replaces a row by what a change made of it. */
  put(ref: RowRef, value: RowValue): void {
    this.#set(ref, value);
    const key = keyOf(ref);
    if (ref.kind === 'step') this.#unwritten.set(key, ref);
    this.#puts += 1;
    const row = this.#open.get(key);
    if (row === undefined) {
      const order = this.#puts;
      const added = { ref, value, bytes: 0, order, isChanging: true, former: null };
      this.#open.set(key, added);
      this.#changing.push(added);
      return;
    }
    if (!row.isChanging) {
      row.former = { value: row.value, order: row.order };
      row.isChanging = true;
      this.#changing.push(row);
    }
    row.value = value;
    row.order = this.#puts;
  }

  /**
   * A change is wholly folded in. If the open segment has no room for it, or a barrier lies between, it
   * begins another.
   */
  advance(position: number): void {
    const { contentInlineBytesMax, segmentBytesMax, segmentRowsMax } = this.#limits;
    let changed = 0;
    let together = this.#openBytes;
    for (const row of this.#changing) {
      const bytes = this.#nameBytes + storedBytesMax(row.ref, row.value, contentInlineBytesMax);
      changed += bytes;
      together += bytes - row.bytes;
      row.bytes = bytes;
    }
    const positionBytes = this.#nameBytes + positionBytesMax;
    const fits = this.#open.size <= segmentRowsMax && together + positionBytes <= segmentBytesMax;
    const joins = fits && this.position >= this.#barrier.position;
    if (!joins) this.seal();
    this.#openBytes = joins ? together : changed;
    for (const row of this.#changing) {
      row.isChanging = false;
      row.former = null;
    }
    this.#changing = [];
    this.position = position;
    this.#touched = true;
  }

  /** Closes the open segment after its last whole change: what follows is written apart, after it. */
  seal(): void {
    if (!this.#touched) return;
    const rows: Pick<Changed, 'ref' | 'value' | 'order'>[] = [];
    for (const row of this.#open.values()) {
      if (!row.isChanging) rows.push(row);
      else if (row.former !== null) rows.push({ ...row, ...row.former });
    }
    this.#segments.push({ position: this.position, rows: rows.sort(byWriteOrder) });
    this.#open.clear();
    this.#openBytes = 0;
    this.#touched = false;
    for (const row of this.#changing) {
      row.former = null;
      this.#open.set(keyOf(row.ref), row);
    }
  }

  get needsWrite(): boolean {
    return this.#touched || this.#segments.length > 0;
  }

  /** Something of it is not stored yet: it must not be forgotten. */
  get isUnwritten(): boolean {
    return this.needsWrite || this.#isWriting;
  }

  /** What to write, in order; call `written` when it is stored, before the next take. */
  takeSegments(): readonly Segment[] {
    this.seal();
    const segments = this.#segments;
    this.#segments = [];
    this.#inFlight = this.#unwritten;
    this.#unwritten = new Map();
    this.#isWriting = true;
    return segments;
  }

  written(): void {
    this.#inFlight = new Map();
    this.#isWriting = false;
  }

  /** The value of a reference as known, null when absent, undefined when not known. */
  get(ref: RowRef): RowValue | null | undefined {
    return this.#known(this.#peek(ref));
  }

  #peek(ref: RowRef): RowValue | null | undefined {
    switch (ref.kind) {
      case 'session':
        return this.#session;
      case 'turn':
        return this.#turns[ref.role].get(ref.uid);
      case 'family':
        return this.#families.get(ref.family);
      case 'child':
        return this.#children.get(ref.family)?.get(ref.uid);
      case 'step':
        return this.#steps.get(ref.turnUid)?.peek(ref.idx);
    }
  }

  #set(ref: RowRef, value: RowValue | null): void {
    this.bytes += sizeOf(value) - sizeOf(this.#peek(ref) ?? null);
    switch (ref.kind) {
      case 'session':
        this.#session = value as SessionState | null;
        return;
      case 'turn':
        this.#turns[ref.role].set(ref.uid, value as TurnState | null);
        return;
      case 'family':
        this.#families.set(ref.family, value as FamilyState | null);
        return;
      case 'child':
        mapIn(this.#children, ref.family).set(ref.uid, value as ChildState | null);
        return;
      case 'step':
        this.#stepsOf(ref.turnUid).set(ref.idx, value as StepState | null);
    }
  }

  #stepsOf(turnUid: string): KnownSteps {
    const steps = this.#steps.get(turnUid) ?? new KnownSteps();
    this.#steps.set(turnUid, steps);
    return steps;
  }

  /** Forgets the steps of a turn when the container has grown large, but for the unwritten ones. */
  relieve(turnUid: string): void {
    if (this.bytes <= this.#limits.containerBytesMax) return;
    const isStored = (idx: number) => {
      const key = keyOf({ kind: 'step', turnUid, idx });
      return !this.#unwritten.has(key) && !this.#inFlight.has(key);
    };
    this.#steps.get(turnUid)?.forget(isStored, (step) => {
      this.bytes -= sizeOf(step);
    });
    this.complete = false;
  }

  /** The same for all its turns, after a flush. */
  relieveAll(): void {
    if (this.bytes <= this.#limits.containerBytesMax) return;
    for (const turnUid of this.#steps.keys()) this.relieve(turnUid);
  }
}

/**
 * Steps and children first; what is counted up (families, the session) last, with the position.
 * Within a kind, last changed, last written. A segment that is cut relies on this order.
 */
const writeOrder = { step: 0, child: 1, turn: 2, family: 3, session: 4 } as const;

type Ordered = Pick<Changed, 'ref' | 'order'>;

function byWriteOrder(a: Ordered, b: Ordered): number {
  return writeOrder[a.ref.kind] - writeOrder[b.ref.kind] || a.order - b.order;
}

function mapIn<K, I, V>(maps: Map<K, Map<I, V>>, key: K): Map<I, V> {
  let map = maps.get(key);
  if (map === undefined) {
    map = new Map();
    maps.set(key, map);
  }
  return map;
}

export function keyOf(ref: RowRef): string {
  switch (ref.kind) {
    case 'session':
      return 's';
    case 'turn':
      return `${ref.role}:${ref.uid}`;
    case 'family':
      return `f:${ref.family}`;
    case 'child':
      return `c:${ref.family.length}:${ref.family}${ref.uid}`;
    case 'step':
      return `x:${ref.idx}:${ref.turnUid}`;
  }
}
