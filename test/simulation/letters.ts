/**
 * Dead letters as they stand in the database and in their topic, for whoever asks for retries and
 * discards in a history (mending.ts) and for the checks of its end.
 */
import { letterOf } from '../../processor/cql/letter-statements.ts';
import { controlTables } from '../../processor/cql/names.ts';
import {
  fateOf,
  type StoredLetter,
  sequencerOrigin,
} from '../../processor/engine/dead-letter-store.ts';
import type { LogRecord, NewRecord } from '../../processor/kafka/log.ts';
import { repetitionOf } from '../../processor/sequencer/dead-letter.ts';
import { encodeRetry } from '../../processor/source/retry.ts';
import { topics } from './knobs.ts';
import { type Outside, poisonHeader } from './outside.ts';
import { mendableNames } from './projections.ts';

export type ListedLetter = {
  readonly origin: string;
  readonly partition: number;
  readonly letter: StoredLetter;
};

export const sequencer = sequencerOrigin.origin;

export function idOf({ origin, partition, letter }: ListedLetter): string {
  return `${origin}/${partition}/${letter.offset}`;
}

/** Of the models that are mended, and of the sequencer. */
export function listedLetters({ cluster }: Outside): readonly ListedLetter[] {
  return cluster.rows(controlTables.deadLetters).flatMap(({ key, values }) => {
    const origin = String(key['projection']);
    const letter = letterOf({ ...key, ...values });
    if (letter === null || !(origin === sequencer || mendableNames.includes(origin))) return [];
    return [{ origin, partition: Number(key['partition']), letter }];
  });
}

export function isWaiting({ letter }: ListedLetter): boolean {
  return fateOf(letter) === 'waits';
}

/** By id, the record of the letter as its topic has it. */
export function recordsOfLetters({ kafka }: Outside): ReadonlyMap<string, LogRecord> {
  const records = new Map<string, LogRecord>();
  for (const record of kafka.partitions(topics.deadLetters)[0] ?? []) {
    const { projection, partition, offset } = record.headers;
    records.set(`${projection}/${partition}/${offset}`, record);
  }
  return records;
}

/** Whether it was ever a record of the connector: bytes that are not will never decode. */
export function isOfTheSource(record: LogRecord | undefined): boolean {
  return record?.headers['original-headers']?.includes(poisonHeader) ?? false;
}

type Request = Omit<NewRecord, 'topic' | 'partition'>;

export function retryOf(listed: ListedLetter, record: LogRecord): Request | null {
  if (record.value === null) return null;
  if (listed.origin === sequencer) return repetitionOf(record, topics.changes);
  return {
    key: null,
    value: encodeRetry({ ...named(listed), value: record.value, discard: false }),
  };
}

export function discardOf(listed: ListedLetter): Request {
  const value = encodeRetry({ ...named(listed), value: Buffer.alloc(0), discard: true });
  return { key: null, value };
}

function named({ origin, partition, letter }: ListedLetter) {
  const known = origin === sequencer ? 0 : 1;
  const { offset } = letter;
  return {
    projection: origin,
    version: known,
    generation: known,
    partition,
    offset,
    requestedAt: 0,
  };
}
