/** The dead letters' rows on CQL (engine/dead-letter-store.ts). */
import type {
  DeadLetterStore,
  Decision,
  LetterOrigin,
  NewLetter,
  StoredLetter,
} from '../engine/dead-letter-store.ts';
import { type BatchLimits, cutBatches } from './batches.ts';
import { type LetterStatements, letterOf, letterStatements } from './letter-statements.ts';
import { controlTables } from './names.ts';
import type { CqlSession } from './session.ts';

const pageRowsMax = 1_000;

export class CqlDeadLetterStore implements DeadLetterStore {
  readonly #session: CqlSession;
  readonly #limits: BatchLimits;
  readonly #statements: LetterStatements;

  constructor(session: CqlSession, options: BatchLimits & { readonly keyspace: string }) {
    this.#session = session;
    this.#limits = options;
    this.#statements = letterStatements(options.keyspace);
  }

  async add(origin: LetterOrigin, letters: readonly NewLetter[]): Promise<void> {
    const statements = letters.map((letter) => this.#statements.add(origin, letter));
    for (const batch of cutBatches([statements], this.#limits)) {
      await this.#session.write(`writing ${controlTables.deadLetters}`, batch);
    }
  }

  decide(origin: LetterOrigin, offset: number, decision: Decision): Promise<void> {
    const statement = this.#statements.decide(origin, offset, decision);
    return this.#session.write(`writing ${controlTables.deadLetters}`, [statement]);
  }

  async read(origin: LetterOrigin, offset: number): Promise<StoredLetter | null> {
    const statement = this.#statements.read(origin, offset);
    const [row] = await this.#session.read(`reading ${controlTables.deadLetters}`, statement);
    return row === undefined ? null : letterOf(row);
  }

  async *pages(origin: LetterOrigin): AsyncIterable<readonly StoredLetter[]> {
    const statement = this.#statements.all(origin);
    const doing = `reading ${controlTables.deadLetters}`;
    for await (const page of this.#session.pages(doing, statement, pageRowsMax)) {
      yield page.map(letterOf).filter((letter) => letter !== null);
    }
  }
}
