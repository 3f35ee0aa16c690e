/** Cells of the source as Postgres gives them as texts → rows as the sequencer would have them. Pure. */
import type { FinalSession, FinalStep, FinalTurn } from '../conversation/final-facts.ts';
import type { Instant } from '../source/instant.ts';
import { microsExactWithinMs } from '../source/instant.ts';

export type Texts = readonly (string | null)[];

export function sessionOf([uid, accountUid, title]: Texts): FinalSession {
  return { uid: uid ?? '', accountUid: accountUid ?? null, title: title ?? null };
}

export function turnOf(cells: Texts): FinalTurn {
  const [uid, sessionUid, parentUid, activeChild, prompt, createdAt] = cells;
  return {
    uid: uid ?? '',
    sessionUid: sessionUid ?? '',
    parentUid: parentUid ?? null,
    activeChild: activeChild ?? null,
    prompt: prompt ?? null,
    createdAt: instantOfMicros(createdAt ?? null),
  };
}

export function stepOf([agentTurnUid, idx, tpe, content, createdAt]: Texts): FinalStep {
  return {
    agentTurnUid: agentTurnUid ?? '',
    idx: Number(idx),
    tpe: tpe === null || tpe === undefined ? null : Number(tpe),
    content: content ?? null,
    createdAt: instantOfMicros(createdAt ?? null),
  };
}

/** What parseInstant makes of the same moment: nothing beyond what a Date holds, no microseconds far from now. */
export function instantOfMicros(text: string | null): Instant | null {
  if (text === null) return null;
  const micros = Number(text);
  if (Number.isSafeInteger(micros)) return exactUnlessFar(Math.floor(micros / 1000), micros / 1000);
  const exact = BigInt(text);
  const ms = Number((exact - (((exact % 1000n) + 1000n) % 1000n)) / 1000n);
  // Whole seconds are what a Date is made of.
  return Math.abs(ms - (ms % 1000)) > 8.64e15 ? null : exactUnlessFar(ms, micros / 1000);
}

function exactUnlessFar(wholeMs: number, exactMs: number): Instant {
  return Math.abs(wholeMs) >= microsExactWithinMs ? wholeMs : exactMs;
}
