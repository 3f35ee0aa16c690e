/**
 * Large texts of the sequencer's state, in chunks under the position of the write that brought
 * them. They are written before the row that refers to them and removed after the row that
 * replaced them: a row that can be seen has its text. A reader that finds chunks gone has read the
 * row just before it was replaced, and reads it again.
 */
import { TurnstreamError } from '../error.ts';
import { stateKeyText } from '../sequencer/state-key.ts';
import type { StateKey, StateRow, StateSegment } from '../sequencer/state-store.ts';
import type { Position } from '../source/position.ts';
import { hashOf, KnownTexts, type RowsRead } from './known-texts.ts';
import type { CqlSession } from './session.ts';
import type { PlannedSegment } from './state-segments.ts';
import type { StateStatements, StoredText } from './state-statements.ts';
import type { Statement } from './statements.ts';

export type TextLimits = {
  /** A longer text is kept apart from its row. */
  readonly contentInlineBytesMax: number;
  readonly chunkBytesMax: number;
  /** Large texts that are remembered as written, by their hash. */
  readonly knownTextsMax: number;
};

export type WritePlan = {
  readonly segments: readonly PlannedSegment[];
  /** To be written before the segments. */
  readonly chunks: readonly Statement[];
  /** To be executed after them. */
  readonly removals: readonly Statement[];
};

const nullText: StoredText = { inline: '', position: 0, chunks: -1 };

export class StateTexts {
  private readonly session: CqlSession;
  private readonly statements: StateStatements;
  private readonly limits: TextLimits;
  readonly known: KnownTexts;

  constructor(session: CqlSession, statements: StateStatements, limits: TextLimits) {
    this.session = session;
    this.statements = statements;
    this.limits = limits;
    this.known = new KnownTexts(limits.knownTextsMax);
  }

  /** Decides where each text goes. What it assumes as written holds only once all of it is. */
  plan(container: string, segments: readonly StateSegment[]): WritePlan {
    const chunks: Statement[] = [];
    const removals: Statement[] = [];
    const planned = segments.map(({ position, rows }) => ({
      position: position as Position,
      rows: rows.map((row) => ({
        row,
        text: this.place(container, row, position as Position, chunks, removals),
      })),
    }));
    return { segments: planned, chunks, removals };
  }

  /** The text of a row; undefined when its chunks are gone. */
  async load(
    read: RowsRead,
    key: StateKey,
    stored: StoredText,
    containerPosition: number,
  ): Promise<string | null | undefined> {
    if (stored.chunks <= 0) return stored.chunks < 0 ? null : stored.inline;
    const { container } = read;
    const rows = await this.session.read(
      `reading a text of ${container}`,
      this.statements.selectChunks(container, key, stored.position),
    );
    if (rows.length < stored.chunks) return undefined;
    const bytes = Buffer.concat(
      rows.slice(0, stored.chunks).map((row) => row['content'] as Buffer),
    );
    const known = { hash: hashOf(bytes), text: stored };
    this.known.putRead(read, stateKeyText(key), known, containerPosition);
    return bytes.toString('utf8');
  }

  private place(
    container: string,
    row: StateRow,
    position: Position,
    chunks: Statement[],
    removals: Statement[],
  ): StoredText {
    const key = stateKeyText(row);
    const before = this.known.get(container, key);
    const bytes = row.text === null ? null : Buffer.from(row.text, 'utf8');
    if (bytes === null || bytes.length <= this.limits.contentInlineBytesMax) {
      if (before !== undefined)
        removals.push(this.statements.removeChunks(container, row, position));
      this.known.remove(container, key);
      return bytes === null ? nullText : { inline: row.text ?? '', position: 0, chunks: 0 };
    }
    const hash = hashOf(bytes);
    if (before?.hash === hash && before.text.position <= position) return before.text;
    if (before !== undefined) removals.push(this.statements.removeChunks(container, row, position));
    const pieces = cut(bytes, this.limits.chunkBytesMax);
    for (const [chunk, piece] of pieces.entries()) {
      chunks.push(this.statements.upsertChunk(container, row, chunk, piece, position));
    }
    const text = { inline: '', position, chunks: pieces.length };
    this.known.put(container, key, { hash, text }, position);
    return text;
  }
}

export function textGone(container: string): TurnstreamError {
  return new TurnstreamError(
    'STORE',
    `a text of ${container} is gone though its row refers to it; another writer may be replacing it, it is worth another try`,
    { retriable: true },
  );
}

function cut(bytes: Buffer, chunkBytesMax: number): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += chunkBytesMax) {
    pieces.push(bytes.subarray(start, start + chunkBytesMax));
  }
  return pieces;
}
