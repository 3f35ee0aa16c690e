/**
 * Drives the fold in memory: answers its requests from what was flushed before. For tests and
 * small tools; the sequencer's driver is sequencer/driver.ts. `forget` drops what is held, so that
 * all is loaded again, row by row.
 */
import type { ConversationEvent, LogEntry } from '../event/event.ts';
import { keyOf, type RowRef, type RowValue, type SliceRef } from './container.ts';
import { type FoldLimits, foldDefaults, segmentDefaults } from './limits.ts';
import type { Answer, Fold, Request } from './requests.ts';
import type { StepState } from './rows.ts';
import { Workspace } from './workspace.ts';

type Stored = { position: number; readonly rows: Map<string, { ref: RowRef; value: RowValue }> };

export class MemoryDriver {
  workspace: Workspace;
  readonly events: ConversationEvent[] = [];
  readonly #stored = new Map<string, Stored>();
  readonly #hints = new Map<string, Set<string>>();

  readonly #limits: FoldLimits;

  constructor(limits: FoldLimits = { ...foldDefaults, ...segmentDefaults }) {
    this.#limits = limits;
    this.workspace = new Workspace(limits);
  }

  run<T>(fold: Fold<T>): T {
    let step = fold.next();
    while (!step.done) step = fold.next(this.#answer(step.value));
    return step.value;
  }

  flush(): void {
    const { workspace } = this;
    this.publish();
    for (const hint of workspace.hintsToAdd) this.#hintsOf(hint).add(hint.sessionUid);
    workspace.hintsToAdd = [];
    for (const { name } of [...workspace.containers()]) this.#write(name);
  }

  publish(): void {
    const events = this.workspace.takeEvents().filter(isEvent);
    this.events.push(...events.sort((a, b) => a.position - b.position));
  }

  /** As after the raw offset's commit. */
  commit(): void {
    this.flush();
    for (const hint of this.workspace.takeHintsToRemove()) {
      this.#hintsOf(hint).delete(hint.sessionUid);
    }
    this.workspace.hintsRemoved();
  }

  forget(): void {
    this.workspace = new Workspace(this.#limits);
  }

  #hintsOf(hint: { readonly role: string; readonly uid: string }): Set<string> {
    const key = `${hint.role}:${hint.uid}`;
    const hints = this.#hints.get(key) ?? new Set<string>();
    this.#hints.set(key, hints);
    return hints;
  }

  #write(name: string): void {
    const container = this.workspace.container(name);
    if (!container?.needsWrite) return;
    const stored = this.#stored.get(name) ?? { position: -1, rows: new Map() };
    this.#stored.set(name, stored);
    for (const segment of container.takeSegments()) {
      for (const row of segment.rows) stored.rows.set(keyOf(row.ref), row);
      stored.position = segment.position;
    }
    container.written();
  }

  #answer(request: Request): Answer {
    switch (request.kind) {
      case 'flush':
        this.flush();
        return undefined;
      case 'publish':
        this.publish();
        return undefined;
      case 'hints': {
        const sessions = [...this.#hintsOf(request)];
        this.workspace.learnHints(request.role, request.uid, sessions);
        return undefined;
      }
      case 'container': {
        const position = this.#stored.get(request.name)?.position ?? -1;
        this.workspace.open(request.name, position);
        return undefined;
      }
      case 'row': {
        const { container, ref } = request;
        container.learn(ref, this.#stored.get(container.name)?.rows.get(keyOf(ref))?.value ?? null);
        return undefined;
      }
      case 'slice':
        for (const { ref, value } of this.#stored.get(request.container.name)?.rows.values() ??
          []) {
          if (inSlice(ref, request.slice)) request.container.learn(ref, value);
        }
        request.container.learnt(request.slice);
        return undefined;
      case 'neighbour':
        return this.#neighbour(request);
    }
  }

  #neighbour(request: Extract<Request, { kind: 'neighbour' }>): StepState | null {
    const sign = request.side === 'after' ? 1 : -1;
    let nearest: StepState | null = null;
    for (const { ref, value } of this.#stored.get(request.container.name)?.rows.values() ?? []) {
      if (ref.kind !== 'step' || ref.turnUid !== request.turnUid) continue;
      const step = value as StepState;
      if (!step.present || (step.idx - request.idx) * sign <= 0) continue;
      if (nearest === null || (nearest.idx - step.idx) * sign > 0) nearest = step;
    }
    return nearest;
  }
}

function inSlice(ref: RowRef, slice: SliceRef): boolean {
  switch (slice.kind) {
    case 'turns':
      return ref.kind === 'turn' && ref.role === slice.role;
    case 'family':
      return ref.kind === 'child' && ref.family === slice.family;
    case 'steps':
      return ref.kind === 'step' && ref.turnUid === slice.turnUid;
  }
}

function isEvent(entry: LogEntry): entry is ConversationEvent {
  return entry.kind === 'event';
}
