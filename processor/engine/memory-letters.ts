/** The dead letters' rows in memory, for tests (dead-letter-store.ts). */
import type {
  DeadLetterStore,
  Decision,
  LetterOrigin,
  NewLetter,
  StoredLetter,
} from './dead-letter-store.ts';

export class MemoryLetters implements DeadLetterStore {
  readonly #byOrigin = new Map<string, Map<number, StoredLetter>>();

  async add(origin: LetterOrigin, letters: readonly NewLetter[]): Promise<void> {
    const known = this.#of(origin);
    for (const { after: _, ...letter } of letters) {
      const {
        tries = 0,
        triedAt = null,
        triedError = null,
        retriedAt = null,
        discardedAt = null,
      } = known.get(letter.offset) ?? {};
      known.set(letter.offset, { ...letter, tries, triedAt, triedError, retriedAt, discardedAt });
    }
  }

  async decide(origin: LetterOrigin, offset: number, decision: Decision): Promise<void> {
    const known = this.#of(origin);
    const letter = known.get(offset);
    if (letter === undefined) return;
    const { position } = decision;
    if (decision.kind === 'failed') {
      if (position <= (letter.triedAt ?? -1)) return;
      const { tries, error: triedError } = decision;
      known.set(offset, { ...letter, tries, triedAt: position, triedError });
    } else {
      const column = decision.kind === 'retried' ? 'retriedAt' : 'discardedAt';
      if (position > (letter[column] ?? -1)) known.set(offset, { ...letter, [column]: position });
    }
  }

  async read(origin: LetterOrigin, offset: number): Promise<StoredLetter | null> {
    return this.#of(origin).get(offset) ?? null;
  }

  async *pages(origin: LetterOrigin): AsyncIterable<readonly StoredLetter[]> {
    const letters = this.all(origin);
    if (letters.length > 0) yield letters;
  }

  all(origin: LetterOrigin): readonly StoredLetter[] {
    return [...this.#of(origin).values()].sort((one, other) => one.offset - other.offset);
  }

  #of({ origin, version, generation, partition }: LetterOrigin): Map<number, StoredLetter> {
    const id = JSON.stringify([origin, version, generation, partition]);
    const known = this.#byOrigin.get(id) ?? new Map<number, StoredLetter>();
    this.#byOrigin.set(id, known);
    return known;
  }
}
