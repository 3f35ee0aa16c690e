/**
 * Finding containers, and where a turn is. The hints (turn → sessions) only say where to look;
 * whether a turn is there is what the container says.
 */
import type { Container } from './container.ts';
import { hintedContainer, parkedContainer } from './container-names.ts';
import { type Fold, stepOf, turnOf } from './requests.ts';
import type { TurnRole } from './rows.ts';
import type { Workspace } from './workspace.ts';

export function* containerOf(workspace: Workspace, name: string): Fold<Container> {
  const held = workspace.container(name);
  if (held !== undefined) return held;
  yield { kind: 'container', name, fresh: false };
  return loaded(workspace, name);
}

/** The container as the store has it now. Nothing of it may be unwritten. */
export function* freshContainerOf(workspace: Workspace, name: string): Fold<Container> {
  yield { kind: 'container', name, fresh: true };
  return loaded(workspace, name);
}

function loaded(workspace: Workspace, name: string): Container {
  const container = workspace.container(name);
  if (container === undefined) throw new Error(`container ${name} was requested and not loaded`);
  return container;
}

/** The containers of all sessions that may hold the turn, in a fixed order. */
export function* hintedContainers(
  workspace: Workspace,
  role: TurnRole,
  uid: string,
): Fold<readonly Container[]> {
  let sessions = workspace.hints(role, uid);
  if (sessions === undefined) {
    yield { kind: 'hints', role, uid };
    sessions = workspace.hints(role, uid) ?? [];
  }
  const containers: Container[] = [];
  for (const sessionUid of sessions.length > 1 ? sessions.toSorted() : sessions) {
    containers.push(yield* containerOf(workspace, hintedContainer(role, uid, sessionUid)));
  }
  return containers;
}

/**
 * The session's container in which the turn is present, if any. Where a crash left several, the one
 * that is not yet at the position: to the others the turn came later.
 */
export function* homeOf(
  workspace: Workspace,
  role: TurnRole,
  uid: string,
  position = Number.POSITIVE_INFINITY,
): Fold<Container | null> {
  let ahead: Container | null = null;
  for (const container of yield* hintedContainers(workspace, role, uid)) {
    if (!container.isSession || !(yield* turnOf(container, role, uid))?.present) continue;
    if (container.position < position) return container;
    ahead ??= container;
  }
  return ahead;
}

export function* parkedContainerOf(workspace: Workspace, turnUid: string): Fold<Container> {
  return yield* containerOf(workspace, parkedContainer(turnUid));
}

/** The greatest LSN that any container remembers of a step. */
export function* knownStepLsn(workspace: Workspace, turnUid: string, idx: number): Fold<number> {
  let known = 0;
  const containers = [
    ...(yield* hintedContainers(workspace, 'agent', turnUid)),
    yield* parkedContainerOf(workspace, turnUid),
  ];
  for (const container of containers) {
    known = Math.max(known, (yield* stepOf(container, turnUid, idx))?.lsn ?? 0);
  }
  return known;
}
