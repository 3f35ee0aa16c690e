/** Dead letters as people and programs are shown them. Pure. */
import type { StoredLetter } from '../engine/dead-letter-store.ts';
import { type LetterSource, letterId } from './letter-id.ts';
import { textTable } from './text-table.ts';

export type FoundLetter = { readonly source: LetterSource; readonly letter: StoredLetter };

export type RetryResult = {
  readonly id: string;
  /** `asked`: it is in the log, and nobody has come to it yet. */
  readonly outcome: 'retried' | 'failed' | 'refused' | 'asked';
  readonly reason: string | null;
};

const errorCharsShown = 80;

export function letterJson({ source, letter }: FoundLetter) {
  const { origin, version, generation, partition } = source.origin;
  const { atMs, ...rest } = letter;
  const at = new Date(atMs).toISOString();
  return { id: letterId(source, letter), origin, version, generation, partition, ...rest, at };
}

export function listText(letters: readonly FoundLetter[]): string {
  if (letters.length === 0) return 'No dead letter waits.';
  const rows = letters.map(({ source, letter }) => [
    letterId(source, letter),
    new Date(letter.atMs).toISOString(),
    letter.eventType ?? '-',
    clipped(letter.sessionUid ?? '-', 36),
    stateOf(letter),
    clipped(letter.triedError ?? letter.error, errorCharsShown),
  ]);
  const waiting = letters.filter(({ letter }) => letter.retriedAt === null).length;
  const end =
    waiting === 0
      ? 'None of them waits.'
      : `${waiting} wait: mend what they failed on, start the mended code, then \`turnstream dead-letters retry --all\`.`;
  return `${textTable(['letter', 'set aside at', 'event', 'session', 'state', 'error'], rows)}\n\n${end}`;
}

export function showText(found: FoundLetter, original: string): string {
  const { id, ...fields } = letterJson(found);
  const lines = Object.entries(fields).map(([name, value]) => [name, String(value ?? '-')]);
  return `${textTable(['letter', id], lines)}\n\n${original}`;
}

export function retryText(results: readonly RetryResult[]): string {
  if (results.length === 0) return 'No dead letter waits.';
  const rows = results.map(({ id, outcome, reason }) => [id, outcome, reason ?? '']);
  const asked = results.some(({ outcome }) => outcome === 'asked');
  const end = asked
    ? '\n\nWhat is asked for is in the log: it is tried when the sequencer and the workers come to it; `turnstream dead-letters list` says what became of it.'
    : '';
  return `${textTable(['letter', 'outcome', ''], rows)}${end}`;
}

function stateOf({ tries, retriedAt }: StoredLetter): string {
  if (retriedAt !== null) return 'retried';
  return tries === 0 ? 'waits' : `waits, ${tries} ${tries === 1 ? 'try' : 'tries'}`;
}

function clipped(text: string, charsMax: number): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= charsMax ? line : `${line.slice(0, charsMax - 1)}…`;
}
