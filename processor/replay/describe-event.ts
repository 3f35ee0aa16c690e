/** An event in one line for people: when, where, what, and in a few words what changed. Pure. */
import type { Fact, FactChange } from '../conversation/fact.ts';
import type { ConversationEvent } from '../event/event.ts';
import { formatLsn } from '../source/lsn.ts';

const shownMax = 60;
const fieldsMax = 4;

export function eventLine(event: ConversationEvent): string {
  const { committedAt, lsn, position, type, changes } = event;
  const time = new Date(committedAt).toISOString();
  const place = lsn === null ? 'snapshot' : formatLsn(lsn);
  const own = changes.filter(({ kind }) => kind !== 'session' || changes.length === 1);
  const words = (own.length > 0 ? own : changes).map(changeText).filter((each) => each !== '');
  return `${time}  ${place.padEnd(13)}  ${String(position).padStart(12)}  ${type.padEnd(16)}  ${words.join('; ')}`.trimEnd();
}

export function changeText({ kind, before, after }: FactChange): string {
  const fact = after ?? before;
  if (fact === null) return '';
  const name = nameOf(fact);
  if (before === null) return `${name} ${wordsOf(fact)}`.trimEnd();
  if (after === null) return `${name} is gone`;
  const fields = changedFields(before, after);
  if (fields.length === 0) return '';
  const shown = fields.slice(0, fieldsMax).map((field) => {
    const [from, to] = [before, after].map((each) => (each as Cells)[field]);
    return kind === 'step' && field === 'content'
      ? 'content changed'
      : `${field} ${shownCell(from)} → ${shownCell(to)}`;
  });
  const more = fields.length > fieldsMax ? `, and ${fields.length - fieldsMax} more` : '';
  return `${name}: ${shown.join(', ')}${more}`;
}

type Cells = Readonly<Record<string, unknown>>;

function changedFields(before: Cells, after: Cells): readonly string[] {
  return Object.keys(after).filter((field) => before[field] !== after[field]);
}

function nameOf(fact: Fact): string {
  switch (fact.kind) {
    case 'session':
      return `session ${fact.uid}`;
    case 'humanTurn':
      return `human turn ${fact.uid}`;
    case 'agentTurn':
      return `agent turn ${fact.uid}`;
    case 'step':
      return `step ${fact.idx} of ${fact.agentTurnUid}`;
  }
}

function wordsOf(fact: Fact): string {
  switch (fact.kind) {
    case 'session':
      return `of ${shownCell(fact.accountUid)}, ${shownCell(fact.title)}`;
    case 'humanTurn':
      return shownCell(fact.prompt);
    case 'agentTurn':
      return fact.parentUid === null ? '' : `answers ${fact.parentUid}`;
    case 'step':
      return `type ${fact.tpe ?? 'none'}, ${shownCell(fact.content)}`;
  }
}

/** On one line, and not longer than people read. */
function shownCell(cell: unknown): string {
  if (cell === null || cell === undefined) return 'none';
  if (typeof cell === 'number' && cell > 1e11 && cell < 1e14) return new Date(cell).toISOString();
  const text =
    typeof cell === 'string' ? JSON.stringify(cell.slice(0, shownMax + 1)) : String(cell);
  return typeof cell === 'string' && cell.length > shownMax ? `${text.slice(0, shownMax)}…"` : text;
}
