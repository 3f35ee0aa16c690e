/**
 * What the fold works on: containers and hints in memory, and what it brings forth: events to
 * append, containers to write, hints to add and to remove. The sequencer loads it, flushes it and
 * evicts from it; nothing here waits.
 */
import type { ConversationEvent } from '../event/event.ts';
import type { Container } from './container.ts';
import type { TurnRole } from './rows.ts';

export type HintChange = {
  readonly role: TurnRole;
  readonly uid: string;
  readonly sessionUid: string;
  readonly position: number;
};

export class Workspace {
  /** In the order of their last use: the first ones are evicted. */
  readonly #containers = new Map<string, Container>();
  /** Turn → sessions that may hold it, with what is not stored yet. */
  readonly #hints = new Map<string, readonly string[]>();
  /** Added before their containers' batches are written. */
  hintsToAdd: HintChange[] = [];
  /** Removed after the raw offset of their change is committed. */
  hintsToRemove: HintChange[] = [];
  events: ConversationEvent[] = [];
  /** Steps whose turn is unknown: how many more or fewer than at the start. */
  parkedSteps = 0;

  container(name: string): Container | undefined {
    const container = this.#containers.get(name);
    if (container !== undefined) {
      this.#containers.delete(name);
      this.#containers.set(name, container);
    }
    return container;
  }

  has(name: string): boolean {
    return this.#containers.has(name);
  }

  keep(container: Container): void {
    this.#containers.delete(container.name);
    this.#containers.set(container.name, container);
  }

  forget(name: string): void {
    this.#containers.delete(name);
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

  addHint(hint: HintChange): void {
    const key = `${hint.role}:${hint.uid}`;
    const sessions = this.#hints.get(key) ?? [];
    if (this.hintsToRemove.length > 0) {
      this.hintsToRemove = this.hintsToRemove.filter((other) => !sameHint(other, hint));
    }
    if (sessions.includes(hint.sessionUid)) return;
    this.#hints.set(key, [...sessions, hint.sessionUid]);
    this.hintsToAdd.push(hint);
  }

  /** The hint stays until the change's raw offset is committed. */
  removeHintLater(hint: HintChange): void {
    this.hintsToRemove.push(hint);
  }

  /** After they were removed from the store. */
  hintsRemoved(hints: readonly HintChange[]): void {
    for (const hint of hints) {
      const key = `${hint.role}:${hint.uid}`;
      const sessions = this.#hints.get(key)?.filter((uid) => uid !== hint.sessionUid);
      if (sessions !== undefined) this.#hints.set(key, sessions);
    }
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
