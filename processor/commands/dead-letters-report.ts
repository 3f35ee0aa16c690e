/** Dead letters as people and programs are shown them. Pure. */
import { fateOf, type StoredLetter, sequencerOrigin } from '../engine/dead-letter-store.ts';
import { type LetterSource, letterId } from './letter-id.ts';
import { textTable } from './text-table.ts';

export type FoundLetter = { readonly source: LetterSource; readonly letter: StoredLetter };

export type RetryResult = {
  readonly id: string;
  /** `asked`: it is in the log, and nobody has come to it yet. */
  readonly outcome: 'retried' | 'discarded' | 'failed' | 'refused' | 'asked';
  readonly reason: string | null;
};

const errorCharsShown = 80;

export function letterJson({ source, letter }: FoundLetter) {
  const { origin, version, generation, partition } = source.origin;
  const { atMs, ...rest } = letter;
  const at = new Date(atMs).toISOString();
  const state = fateOf(letter);
  const place = { id: letterId(source, letter), origin, version, generation, partition };
  return { ...place, state, ...rest, at };
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
  const waiting = letters.filter(({ letter }) => fateOf(letter) === 'waits').length;
  const end =
    waiting === 0
      ? 'None of them waits.'
      : `${waiting} wait: mend what they failed on, start the mended code, then \`turnstream dead-letters retry --all\`; \`turnstream dead-letters discard\` what will never be taken.`;
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
  const end = isAsked(results)
    ? '\n\nWhat is asked for is in the log: it is tried when the sequencer and the workers come to it; `turnstream dead-letters list` says what became of it.'
    : '';
  return `${textTable(['letter', 'outcome', ''], rows)}${end}`;
}

export function discardText(results: readonly RetryResult[]): string {
  if (results.length === 0) return 'No dead letter waits.';
  const rows = results.map(({ id, outcome, reason }) => [id, outcome, reason ?? '']);
  const lines = [textTable(['letter', 'outcome', ''], rows), ''];
  const gone = results.filter(({ outcome }) => outcome === 'discarded');
  if (gone.some(({ id }) => !isSequencers(id))) {
    lines.push(
      'Of what is discarded: the read model does without it, and says no more that it is degraded; a replay takes it.',
    );
  }
  if (gone.some(({ id }) => isSequencers(id))) {
    lines.push(
      'Of what is discarded of the sequencer: the row stays as it is until Postgres writes it again; no replay takes it.',
    );
  }
  if (isAsked(results)) {
    lines.push(
      'What is asked for is in the log: it is discarded when the sequencer and the workers come to it; `turnstream dead-letters list` says what became of it.',
    );
  }
  return lines.join('\n').trimEnd();
}

function isAsked(results: readonly RetryResult[]): boolean {
  return results.some(({ outcome }) => outcome === 'asked');
}

function isSequencers(id: string): boolean {
  return id.startsWith(`${sequencerOrigin.origin}/`);
}

function stateOf(letter: StoredLetter): string {
  const fate = fateOf(letter);
  if (fate !== 'waits') return fate;
  const { tries } = letter;
  return tries === 0 ? 'waits' : `waits, ${tries} ${tries === 1 ? 'try' : 'tries'}`;
}

function clipped(text: string, charsMax: number): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= charsMax ? line : `${line.slice(0, charsMax - 1)}…`;
}
