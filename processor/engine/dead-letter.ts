/**
 * Dead letters: what a projection could not take, set aside in a topic with its error, so that the
 * read model goes on without it and nothing is lost in silence (I7). One record for each projection
 * and event, since retrying is a projection's matter: a record that does not decode gives as many
 * dead letters as projections wanted to read it.
 *
 * They are acknowledged before anything that comes after them is written, so a crash may write one
 * twice; projection, version, generation, partition and offset tell. The rows of dead-letter-store.ts
 * say which of them wait.
 */
import type { LogHeaders, LogProducer, NewRecord } from '../kafka/log.ts';
import type { ReadModel } from './store.ts';

export type DeadLetter = {
  /** Null for a record that does not decode. */
  readonly position: number | null;
  /** Of the last entry that was taken before it. */
  readonly after: number;
  readonly eventType: string | null;
  readonly sessionUid: string | null;
  readonly offset: number;
  readonly error: string;
  /** The original record's. */
  readonly value: Buffer | null;
};

const errorCharsMax = 2000;

export function deadLetterRecord(
  topic: string,
  model: ReadModel,
  partition: number,
  letter: DeadLetter,
  nowMs: number,
): NewRecord {
  const headers: LogHeaders = {
    projection: model.shape.projection,
    version: String(model.shape.version),
    generation: String(model.generation),
    partition: String(partition),
    offset: String(letter.offset),
    error: letter.error.slice(0, errorCharsMax),
    at: new Date(nowMs).toISOString(),
    ...(letter.position === null ? {} : { position: String(letter.position) }),
    ...(letter.eventType === null ? {} : { 'event-type': letter.eventType }),
  };
  return {
    topic,
    partition: 0,
    key: Buffer.from(model.shape.projection),
    value: letter.value,
    headers,
  };
}

/** Appends one call after the other, as a producer asks for within a partition. */
export class DeadLetterWriter {
  readonly #producer: LogProducer;
  #last: Promise<void> = Promise.resolve();

  constructor(producer: LogProducer) {
    this.#producer = producer;
  }

  append(records: readonly NewRecord[]): Promise<void> {
    const appended = this.#last.then(() => this.#producer.append(records));
    this.#last = appended.catch(() => undefined);
    return appended;
  }
}
