/**
 * The names of containers: a session's, of an unknown agent turn's parked steps, of a human turn without a
 * session.
 */
import type { TurnRole } from './rows.ts';

export function sessionContainer(sessionUid: string): string {
  return `s:${sessionUid}`;
}

export function isParked(container: string): boolean {
  return container.startsWith('t:');
}

export function parkedContainer(turnUid: string): string {
  return `t:${turnUid}`;
}

/**
 * The hint of a human turn without a session: its row is kept in a container of its own, since a
 * later UPDATE may leave its prompt unsaid. (No uid has this value: Postgres holds no NUL.)
 */
export const noSessionHint = '\u0000';

/** The container that a hint leads to. */
export function hintedContainer(role: TurnRole, turnUid: string, hint: string): string {
  return hint === noSessionHint ? `n:${role}:${turnUid}` : sessionContainer(hint);
}
