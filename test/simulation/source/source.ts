/**
 * The simulated source: model Postgres and model Debezium together. Actions come in, records of
 * `changes` go out, and for each of their offsets it is known which rows a reader then holds.
 */
import type { FinalRows } from '../../../processor/conversation/final-facts.ts';
import type { SourceAction } from './action.ts';
import { wordsOfRecord } from './delivered.ts';
import type { ChangeEncoder, NewChange } from './encoder.ts';
import { ModelDebezium } from './model-debezium.ts';
import { ModelPostgres } from './model-postgres.ts';

export type SourceParts = {
  /** From changeEncoder(registry); good for all histories. */
  readonly encode: ChangeEncoder;
  readonly nowMs: () => number;
  /** Appends to `changes`, atomically; answers the offset of the first. */
  readonly append: (records: readonly NewChange[]) => number;
  readonly count?: (name: string) => void;
  /** From which length on an UPDATE leaves a text unsaid that it leaves alone. */
  readonly inlineCharsMax?: number;
};

/** Short, so that histories meet it; all but the texts that are meant to be large stay below. */
export const inlineCharsMax = 39;

const inlineOf = ({ inlineCharsMax: chars }: SourceParts) =>
  chars === undefined ? {} : { inlineCharsMax: chars };

export class SimulatedSource {
  readonly postgres: ModelPostgres;
  readonly debezium: ModelDebezium;
  readonly #append: SourceParts['append'];
  readonly #count: (name: string) => void;
  #lastHeartbeatLsn = 0;

  constructor(parts: SourceParts) {
    const { encode, nowMs, append, count = () => undefined } = parts;
    this.#append = append;
    this.#count = (name) => count(`source: ${name}`);
    this.postgres = new ModelPostgres({
      nowMs,
      inlineCharsMax,
      count: this.#count,
      ...inlineOf(parts),
    });
    const { postgres } = this;
    this.debezium = new ModelDebezium({ postgres, encode, nowMs, append, count: this.#count });
  }

  /** Whether it did anything. */
  act(action: SourceAction): boolean {
    const { postgres, debezium } = this;
    switch (action.kind) {
      case 'begin':
        return postgres.begin(action.tx);
      case 'commit':
        return postgres.commit(action.tx);
      case 'rollback':
        return postgres.rollback(action.tx);
      case 'heartbeat':
        this.#heartbeat();
        return true;
      case 'garbage': {
        const value = action.bytes === null ? null : Buffer.from(action.bytes, 'latin1');
        this.#append([{ key: null, value, headers: {} }]);
        this.#count('garbage was appended');
        return true;
      }
      case 'connector-crash':
        return debezium.crash(action.back);
      case 'slot-lost':
        return debezium.loseSlot();
      case 'snapshot':
        debezium.beginSnapshot();
        return true;
      case 'snapshot-cut':
        debezium.cutSnapshot(action.after);
        return true;
      default:
        return postgres.run(action) !== null;
    }
  }

  /** Appends up to so many records to `changes` and answers how many. */
  poll(recordsMax: number): number {
    return this.debezium.poll(recordsMax);
  }

  /** Whether a poll would give nothing. */
  get isIdle(): boolean {
    return this.debezium.isIdle;
  }

  /**
   * The end of the script: open transactions commit, a lost slot is made good by a snapshot, nothing
   * more goes wrong, and a heartbeat follows all that. Then poll until idle.
   */
  settle(): void {
    this.postgres.commitAll();
    this.debezium.calm();
    this.#heartbeat();
  }

  /** What a watermark at this LSN or above says that all is delivered. */
  get lastHeartbeatLsn(): number {
    return this.#lastHeartbeatLsn;
  }

  /**
   * For an offset at which the connector appended a heartbeat: the rows that a reader holds who has
   * folded all before it. At least all that was committed at or before its LSN, and exactly that if
   * it is not delivered again. Null for other offsets.
   */
  promisedAt(offset: number): FinalRows | null {
    const held = this.debezium.delivered.at(offset);
    return held?.record.kind === 'heartbeat' ? this.rowsAfter(offset) : null;
  }

  /** The same for any offset of the connector's, once the sequencer's own deletions are done. */
  rowsAfter(offset: number): FinalRows | null {
    return this.debezium.delivered.rowsAfter(offset);
  }

  /** Whether the connector had delivered the record before it stood at this offset. */
  isAgain(offset: number): boolean {
    return this.debezium.delivered.at(offset)?.isAgain ?? false;
  }

  /** Null for a record that is not the connector's. */
  wordsAt(offset: number): string | null {
    const held = this.debezium.delivered.at(offset);
    return held === undefined ? null : wordsOfRecord(held.record);
  }

  #heartbeat(): void {
    this.#lastHeartbeatLsn = this.postgres.emitMessage();
  }
}
