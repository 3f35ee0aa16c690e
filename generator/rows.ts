/**
 * What the generator says to Postgres, as data: rows, statements and timed transactions. Shape.ts
 * plans them, writer.ts runs them. Times are whole microseconds since 1970, as exact as a
 * timestamptz.
 */

export type Micros = number;

export type Statement =
  | {
      readonly kind: 'insertSession';
      readonly uid: string;
      readonly accountUid: string;
      readonly title: string | null;
    }
  | {
      readonly kind: 'insertHumanTurn';
      readonly uid: string;
      readonly sessionUid: string;
      readonly parentUid: string | null;
      readonly prompt: string;
      readonly createdAt: Micros;
    }
  | {
      readonly kind: 'insertAgentTurn';
      readonly uid: string;
      readonly sessionUid: string;
      readonly parentUid: string;
      readonly createdAt: Micros;
    }
  | {
      readonly kind: 'insertStep';
      readonly agentTurnUid: string;
      readonly idx: number;
      readonly tpe: number;
      readonly content: string;
      readonly createdAt: Micros;
    }
  | {
      readonly kind: 'selectChild';
      readonly of: 'human' | 'agent';
      readonly uid: string;
      readonly activeChild: string;
    }
  | {
      readonly kind: 'reviseStep';
      readonly agentTurnUid: string;
      readonly idx: number;
      readonly content: string;
    }
  | { readonly kind: 'renameSession'; readonly uid: string; readonly title: string }
  | { readonly kind: 'moveSession'; readonly uid: string; readonly accountUid: string }
  /** The session with its turns and their steps, in one transaction. */
  | { readonly kind: 'deleteSession'; readonly uid: string };

/** Committed at `at` of the simulated time. */
export type Transaction = { readonly at: Micros; readonly statements: readonly Statement[] };

/** ISO-8601 with all six digits: `2026-03-01T10:00:00.123456Z`. */
export function isoOf(micros: Micros): string {
  const millis = Math.floor(micros / 1000);
  const rest = (micros - millis * 1000).toString().padStart(3, '0');
  return new Date(millis).toISOString().replace('Z', `${rest}Z`);
}
