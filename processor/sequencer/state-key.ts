/**
 * The order and the names of state rows, which every form of the state store shares: rows are
 * sorted by (kind, uid, idx, other), texts by their UTF-8 bytes as CQL sorts them.
 */
import type { StateKey } from './state-store.ts';

/** One text for a key, unambiguous: for maps. */
export function stateKeyText({ kind, uid, idx, other }: StateKey): string {
  return JSON.stringify([kind, uid, idx, other]);
}

export function compareStateKeys(left: StateKey, right: StateKey): number {
  return (
    compareUtf8(left.kind, right.kind) ||
    compareUtf8(left.uid, right.uid) ||
    left.idx - right.idx ||
    compareUtf8(left.other, right.other)
  );
}

function compareUtf8(left: string, right: string): number {
  return left === right ? 0 : Buffer.compare(Buffer.from(left), Buffer.from(right));
}
