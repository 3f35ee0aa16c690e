/**
 * One change's work on one container: rows are replaced, what they were is remembered, and the
 * facts that may depend on them are named. `changes` then compares every named fact before and
 * after; naming too many costs time, naming too few loses a change (the law test holds it).
 */
import type { Container, RowRef, RowValue } from './container.ts';
import { keyOf } from './container.ts';
import type { FactChange } from './fact.ts';
import {
  agentTurnFact,
  humanTurnFact,
  markOf,
  type StepContext,
  sameFact,
  sessionFact,
  stepContext,
  stepFact,
} from './facts.ts';
import { type Fold, familyIn, sessionOf, stepsOf, turnOf } from './requests.ts';
import {
  type FamilyState,
  familyUnder,
  noFamily,
  otherRole,
  type SessionState,
  type StepMark,
  type TurnRole,
  type TurnState,
} from './rows.ts';

type When = 'before' | 'after';
type Sink = (change: FactChange) => boolean;

export class Edit {
  readonly container: Container;
  readonly #former = new Map<string, RowValue | null>();
  readonly #turns = new Map<string, { readonly role: TurnRole; readonly uid: string }>();
  readonly #turnsWithAllSteps = new Set<string>();
  readonly #stepChanges: FactChange[] = [];

  constructor(container: Container) {
    this.container = container;
  }

  /** Replaces a row that was read before (so that its former value is known). */
  put(ref: RowRef, value: RowValue): void {
    const key = keyOf(ref);
    if (!this.#former.has(key)) this.#former.set(key, this.container.get(ref) ?? null);
    this.container.put(ref, value);
  }

  /** The turn's fact may change. */
  touchTurn(role: TurnRole, uid: string): void {
    this.#turns.set(`${role}:${uid}`, { role, uid });
  }

  /** The context of all steps of the turn may change; the steps themselves do not. */
  touchStepsOf(turnUid: string): void {
    this.#turnsWithAllSteps.add(turnUid);
  }

  /** A step whose own row or predecessor changed, with both of its facts. */
  addStepChange(change: FactChange): void {
    this.#stepChanges.push(change);
  }

  /** The context of a turn's steps before the first `put`, or now. */
  *contextOf(when: When, turnUid: string): Fold<StepContext | null> {
    const turn = yield* this.#turn(when, 'agent', turnUid);
    const session = yield* this.#session(when);
    const parent = yield* this.#parent(when, turn);
    return stepContext(this.container.sessionUid, session, turn, parent);
  }

  /**
   * Gives every fact that differs to the sink: the session's, the turns', the steps'. In an order that
   * does not depend on what happens to be in memory: a later owner cuts the same events out of it.
   * The sink answers whether it has more than it should hold.
   */
  *collect(sink: (change: FactChange) => boolean): Fold<void> {
    const isFull: Sink = (change) => !sameFact(change.before, change.after) && sink(change);
    if (isFull(yield* this.#sessionChange())) yield { kind: 'publish' };
    for (const [, { role, uid }] of inOrder([...this.#turns], ([key]) => key)) {
      const change = yield* role === 'human' ? this.#humanChange(uid) : this.#agentChange(uid);
      if (isFull(change)) yield { kind: 'publish' };
    }
    for (const change of this.#stepChanges) if (isFull(change)) yield { kind: 'publish' };
    for (const turnUid of inOrder([...this.#turnsWithAllSteps], (uid) => uid)) {
      yield* this.#collectStepsOf(turnUid, isFull);
    }
  }

  *#collectStepsOf(turnUid: string, isFull: Sink): Fold<void> {
    const before = yield* this.contextOf('before', turnUid);
    const after = yield* this.contextOf('after', turnUid);
    if (sameFact(before, after)) return;
    let previous: StepMark | null = null;
    for (const step of yield* stepsOf(this.container, turnUid)) {
      const change: FactChange = {
        kind: 'step',
        before: stepFact(step, previous, before),
        after: stepFact(step, previous, after),
      };
      if (isFull(change)) yield { kind: 'publish' };
      previous = markOf(step);
    }
    this.container.relieve(turnUid);
  }

  *#sessionChange(): Fold<FactChange> {
    const uid = this.container.sessionUid;
    const before = sessionFact(uid, yield* this.#session('before'));
    const after = sessionFact(uid, yield* this.#session('after'));
    return { kind: 'session', before, after };
  }

  *#humanChange(uid: string): Fold<FactChange> {
    const before = yield* this.#humanFact('before', uid);
    const after = yield* this.#humanFact('after', uid);
    return { kind: 'humanTurn', before, after };
  }

  *#agentChange(uid: string): Fold<FactChange> {
    const before = yield* this.#agentFact('before', uid);
    const after = yield* this.#agentFact('after', uid);
    return { kind: 'agentTurn', before, after };
  }

  *#humanFact(when: When, uid: string) {
    const turn = yield* this.#turn(when, 'human', uid);
    const session = yield* this.#session(when);
    const parent = yield* this.#parent(when, turn);
    const answers = yield* this.#family(when, familyUnder('agent', uid));
    return humanTurnFact(this.container.sessionUid, session, turn, parent, answers.count);
  }

  *#agentFact(when: When, uid: string) {
    const turn = yield* this.#turn(when, 'agent', uid);
    const session = yield* this.#session(when);
    return agentTurnFact(this.container.sessionUid, session, turn, yield* this.#parent(when, turn));
  }

  *#parent(when: When, turn: TurnState | null): Fold<TurnState | null> {
    if (!turn?.present || turn.parentUid === null) return null;
    return yield* this.#turn(when, otherRole(turn.role), turn.parentUid);
  }

  *#session(when: When): Fold<SessionState | null> {
    const now = yield* sessionOf(this.container);
    return this.#at(when, { kind: 'session' }, now);
  }

  *#turn(when: When, role: TurnRole, uid: string): Fold<TurnState | null> {
    const now = yield* turnOf(this.container, role, uid);
    return this.#at(when, { kind: 'turn', role, uid }, now);
  }

  *#family(when: When, family: string): Fold<FamilyState> {
    const now = yield* familyIn(this.container, family);
    return this.#at(when, { kind: 'family', family }, now) ?? noFamily;
  }

  #at<T extends RowValue>(when: When, ref: RowRef, now: T | null): T | null {
    if (when === 'after') return now;
    const former = this.#former.get(keyOf(ref));
    return former === undefined ? now : (former as T | null);
  }
}

function inOrder<T>(items: T[], keyOf: (item: T) => string): readonly T[] {
  if (items.length < 2) return items;
  return items.sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}
