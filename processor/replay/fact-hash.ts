/** Hashes of facts and their keys for the check of the event store. Pure; two rounds of murmur2's mixing. */
import type { Fact, FactKind } from '../conversation/fact.ts';
import { type FactKey, keyOf } from './fact-table.ts';

const seeds = [0x9747b28c, 0x1b873593] as const;

/** 32 bits, not signed. */
function hashOf(text: string, seed: number): number {
  return finished(mixed(seed, text));
}

function mixed(start: number, text: string): number {
  let hash = start ^ text.length;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  return hash;
}

function finished(mixture: number): number {
  const hash = Math.imul(mixture ^ (mixture >>> 13), 0x5bd1e995);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** 24 bits. */
export function sessionHash(sessionUid: string): number {
  return hashOf(sessionUid, seeds[0]) >>> 8;
}

/** Which fact it is, in its session. */
export function factKey(session: number, fact: Fact): FactKey {
  const id =
    fact.kind === 'step' ? `s/${fact.agentTurnUid}/${fact.idx}` : `${fact.kind}/${fact.uid}`;
  const text = `${session}/${id}`;
  return keyOf(session, hashOf(text, seeds[0]), hashOf(text, seeds[1]));
}

const fields = new Map<FactKind, readonly string[]>();

/** What it says: every field, whatever their order. Never 0. */
export function factValue(fact: Fact): number {
  const known = fields.get(fact.kind) ?? Object.keys(fact).sort();
  fields.set(fact.kind, known);
  const cells: Readonly<Record<string, unknown>> = fact;
  let hash: number = seeds[1];
  for (const name of known) {
    const cell = cells[name];
    // A number and its digits are two things, and so are a null and its name.
    hash = mixed(hash + (typeof cell).charCodeAt(0), cell === null ? '' : String(cell));
  }
  return finished(hash) || 1;
}
