/**
 * What the checks share: where a broken promise is told, and how values are shown to the person who
 * reads of it: short, and of two things only what differs.
 */
import type { Fact } from '../../../processor/conversation/fact.ts';
import type { Cell } from '../../../processor/projection/columns.ts';
import type { Violation } from '../violation.ts';
import { sameFacts } from './same-facts.ts';

export type CheckContext = {
  /** Takes the first one as the end of the history; further ones may follow it. */
  readonly violate: (violation: Violation) => void;
  /** The scheduler's step. */
  readonly step: () => number;
};

export type Breach = (invariant: string, what: string) => void;

export function breachOf({ violate, step }: CheckContext): Breach {
  return (invariant, what) => violate({ invariant, at: step(), what });
}

const textCharsMax = 40;
const differencesMax = 4;

export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= textCharsMax
    ? text
    : `${text.slice(0, textCharsMax)}… (${text.length} characters)`;
}

export function shownCells(cells: readonly Cell[]): string {
  return `[${cells.map(shown).join(', ')}]`;
}

/** `accountUid is "a", must be "b"; …`; empty when they agree. */
export function difference(is: object, must: object): string {
  const found = is as Readonly<Record<string, unknown>>;
  const wanted = must as Readonly<Record<string, unknown>>;
  const differing: string[] = [];
  for (const name in wanted) if (found[name] !== wanted[name]) differing.push(name);
  for (const name in found) if (!(name in wanted)) differing.push(name);
  if (differing.length === 0) return '';
  const shownOnes = differing
    .slice(0, differencesMax)
    .map((name) => `${name} is ${shown(found[name])}, must be ${shown(wanted[name])}`);
  const more = differing.length - shownOnes.length;
  return [...shownOnes, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** Of one entity of the source, whatever session it is in. */
export function factKey(fact: Fact): string {
  return fact.kind === 'step'
    ? `step ${fact.agentTurnUid}/${fact.idx}`
    : `${fact.kind} ${fact.uid}`;
}

export function sessionOfFact(fact: Fact): string {
  return fact.kind === 'session' ? fact.uid : fact.sessionUid;
}

/** Both sides where they differ, else null: names what is missing, too much or different. */
export function factDifference(key: string, is: Fact | null, must: Fact | null): string | null {
  if (is === must) return null;
  if (is === null) return must && `${key} is missing, must be ${shownFact(must)}`;
  if (must === null) return `${key} is ${shownFact(is)}, must not be there`;
  return sameFacts(is, must) ? null : `${key}: ${difference(is, must)}`;
}

function shownFact(fact: Fact): string {
  const { kind: _, ...rest } = fact;
  const text = Object.entries(rest)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${shown(value)}`);
  return `{${text.slice(0, 6).join(', ')}${text.length > 6 ? ', …' : ''}}`;
}

export function factsByKey(facts: readonly Fact[]): Map<string, Fact> {
  return new Map(facts.map((fact) => [factKey(fact), fact]));
}

export function sameCells(one: readonly unknown[], other: readonly unknown[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index += 1) {
    if (one[index] !== other[index]) return false;
  }
  return true;
}
