/**
 * Runs folds against the store: answers what a fold requests, and loads ahead what a batch of
 * changes will want, in a few rounds for the whole batch, so that most folds never wait.
 */
import type { Container, RowRef, RowValue, SliceRef } from '../conversation/container.ts';
import {
  hintedContainer,
  parkedContainer,
  sessionContainer,
} from '../conversation/container-names.ts';
import { turnStepsReadMax } from '../conversation/limits.ts';
import type { Answer, Fold, Request } from '../conversation/requests.ts';
import { familyUnder, type StepState } from '../conversation/rows.ts';
import type { Workspace } from '../conversation/workspace.ts';
import { TurnstreamError } from '../error.ts';
import type { RowChange } from '../source/row-change.ts';
import { keyOfRef, refOfKey, rowValueOf, sliceOf } from './state-codec.ts';
import type { ReadRow, StateKey, StateStore, TurnId } from './state-store.ts';
import { type Wanted, wantedBy } from './wanted.ts';

export type DriverPorts = {
  readonly store: StateStore;
  /** State below this position was acknowledged (state-store.ts); it rises while a fold waits. */
  readonly settledBelow: () => number;
  /** Repeats a read that failed for a passing reason. */
  readonly insist: <T>(operation: string, run: () => Promise<T>) => Promise<T>;
  /** All so far durable, the raw offset not yet. */
  readonly flush: () => Promise<void>;
  readonly publish: () => Promise<void>;
};

export async function runFold<T>(
  fold: Fold<T>,
  workspace: Workspace,
  ports: DriverPorts,
): Promise<T> {
  let step = fold.next();
  while (!step.done) {
    const request = step.value;
    if (request.kind === 'flush') {
      await ports.flush();
      step = fold.next(undefined);
    } else if (request.kind === 'publish') {
      await ports.publish();
      step = fold.next(undefined);
    } else {
      const read = () => answer(request, workspace, ports);
      step = fold.next(await ports.insist('read state', read));
    }
  }
  return step.value;
}

/** May be repeated: what is learnt twice is learnt once. */
async function answer(
  request: Exclude<Request, { kind: 'flush' | 'publish' }>,
  workspace: Workspace,
  { store, settledBelow }: DriverPorts,
): Promise<Answer> {
  switch (request.kind) {
    case 'hints':
      await loadHints([request], workspace, store);
      return undefined;
    case 'container': {
      const [position = -1] = await store.positions([request.name], settledBelow());
      workspace.open(request.name, position);
      return undefined;
    }
    case 'row': {
      const { container, ref } = request;
      const [row] = await store.rows([{ container: container.name, key: keyOfRef(ref) }]);
      container.learn(ref, row ? valueIn(container, row) : null);
      return undefined;
    }
    case 'slice':
      await loadSlice(request.container, request.slice, store);
      return undefined;
    case 'neighbour': {
      const { container, turnUid, idx, side } = request;
      const row = await store.neighbour(container.name, turnUid, idx, side);
      return row === null ? null : (valueIn(container, row) as StepState);
    }
  }
}

async function loadSlice(container: Container, slice: SliceRef, store: StateStore): Promise<void> {
  const { kind, uid } = sliceOf(slice);
  for await (const page of store.slice(container.name, kind, uid)) {
    for (const row of page) container.learn(refOfKey(row), valueIn(container, row));
  }
  container.learnt(slice);
}

/**
 * The row, if the container is still what it was when its position was read. A former owner that had
 * passed its fence may write until then and after: position and rows would be of different prefixes.
 */
function valueIn(container: Container, row: ReadRow): RowValue {
  if (row.heldAt <= container.position) return rowValueOf(row);
  throw new TurnstreamError(
    'STATE_MOVED',
    `the state of ${container.name} moved from ${container.position} to ${row.heldAt} while it was ` +
      'read: a former sequencer’s last write has arrived; what is in hand is folded again from the committed offset',
  );
}

async function loadHints(
  turns: readonly TurnId[],
  workspace: Workspace,
  store: StateStore,
): Promise<void> {
  if (turns.length === 0) return;
  const sessions = await store.sessionsOf(turns);
  turns.forEach(({ role, uid }, at) => {
    workspace.learnHints(role, uid, sessions[at] ?? []);
  });
}

/** Loads what the changes will want: hints, then containers, then rows, then what those name. */
export async function readAhead(
  changes: readonly RowChange[],
  workspace: Workspace,
  { store, settledBelow }: Pick<DriverPorts, 'store' | 'settledBelow'>,
): Promise<void> {
  const wanted = wantedBy(changes);
  const unknown = wanted.turns.filter(({ role, uid }) => workspace.hints(role, uid) === undefined);
  await loadHints(unknown, workspace, store);
  await loadContainers(containersFor(wanted, workspace), workspace, store, settledBelow());
  await loadRows(wanted, workspace, store);
  await loadParents(wanted, workspace, store);
  await loadSteps(wanted, workspace, store);
}

function containersFor(wanted: Wanted, workspace: Workspace): readonly string[] {
  const names = new Set(wanted.sessions.map(sessionContainer));
  for (const { role, uid } of wanted.turns) {
    const sessions = workspace.hints(role, uid) ?? [];
    for (const hint of sessions) names.add(hintedContainer(role, uid, hint));
    // Steps of a turn that nobody knows go to its parked ones, and a new turn asks for them.
    if (role === 'agent' && sessions.length === 0) names.add(parkedContainer(uid));
  }
  for (const uid of wanted.parked) names.add(parkedContainer(uid));
  return [...names].filter((name) => !workspace.has(name));
}

async function loadContainers(
  names: readonly string[],
  workspace: Workspace,
  store: StateStore,
  settledBelow: number,
): Promise<void> {
  if (names.length === 0) return;
  const positions = await store.positions(names, settledBelow);
  names.forEach((name, at) => {
    workspace.open(name, positions[at] ?? -1);
  });
}

/** Rows that are not known yet, asked for together. */
class RowReads {
  readonly #reads: { readonly container: Container; readonly key: StateKey }[] = [];
  readonly #workspace: Workspace;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  want(name: string, refs: readonly RowRef[]): void {
    const container = this.#workspace.container(name);
    if (container === undefined || container.complete) return;
    for (const ref of refs) {
      if (container.get(ref) === undefined) this.#reads.push({ container, key: keyOfRef(ref) });
    }
  }

  async load(store: StateStore): Promise<void> {
    if (this.#reads.length === 0) return;
    const rows = await store.rows(
      this.#reads.map(({ container, key }) => ({ container: container.name, key })),
    );
    this.#reads.forEach(({ container, key }, at) => {
      const row = rows[at];
      container.learn(refOfKey(key), row ? valueIn(container, row) : null);
    });
  }
}

async function loadRows(wanted: Wanted, workspace: Workspace, store: StateStore): Promise<void> {
  const reads = new RowReads(workspace);
  for (const { turn, refs } of wanted.rows) {
    for (const hint of workspace.hints(turn.role, turn.uid) ?? []) {
      reads.want(hintedContainer(turn.role, turn.uid, hint), refs);
    }
  }
  for (const [sessionUid, refs] of wanted.sessionRows) {
    reads.want(sessionContainer(sessionUid), refs);
  }
  await reads.load(store);
}

/** What the agent turns hang on, as their rows say: facts of steps tell of it too. */
async function loadParents(wanted: Wanted, workspace: Workspace, store: StateStore): Promise<void> {
  const reads = new RowReads(workspace);
  for (const { role, uid } of wanted.turns) {
    if (role !== 'agent') continue;
    for (const hint of workspace.hints(role, uid) ?? []) {
      const name = hintedContainer(role, uid, hint);
      const parentUid = workspace.container(name)?.turn(role, uid)?.parentUid;
      if (typeof parentUid !== 'string') continue;
      reads.want(name, [
        { kind: 'turn', role: 'human', uid: parentUid },
        { kind: 'family', family: familyUnder('agent', parentUid) },
      ]);
    }
  }
  await reads.load(store);
}

/** The turns of few steps of which some change: their neighbours are asked for. */
async function loadSteps(wanted: Wanted, workspace: Workspace, store: StateStore): Promise<void> {
  const reads: Promise<void>[] = [];
  for (const turnUid of wanted.steps) {
    for (const hint of workspace.hints('agent', turnUid) ?? []) {
      const container = workspace.container(hintedContainer('agent', turnUid, hint));
      const turn = container?.turn('agent', turnUid);
      if (container === undefined || !turn?.present || container.knowsStepsOf(turnUid)) continue;
      if (turn.steps.count > turnStepsReadMax) continue;
      reads.push(loadSlice(container, { kind: 'steps', turnUid }, store));
    }
  }
  await Promise.all(reads);
}
