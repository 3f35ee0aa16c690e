/**
 * Records of `changes` that can't be decoded: each is set aside as it came, with the reason, before the
 * offset passes it (I1, I7), and may be appended once more by whoever has mended the cause
 * (`turnstream dead-letters retry`). Such a record names the one that it repeats; what becomes of it is
 * noted with that one. Its place among later changes is the LSN guard's matter: it is a redelivery.
 */
import {
  type DeadLetterStore,
  type NewLetter,
  sequencerOrigin,
} from '../engine/dead-letter-store.ts';
import type { TurnstreamError } from '../error.ts';
import type { LogProducer, LogRecord, NewRecord } from '../kafka/log.ts';
import { positionOf } from '../source/position.ts';
import type { SequencerObserver } from './observer.ts';
import type { SequencerSettings } from './settings.ts';

/** Of a record that is appended once more: the offset of the one that was set aside. */
export const retryHeader = 'turnstream-retry';
/** Of a dead letter: what the value alone does not say. */
export const keyHeader = 'original-key';
export const headersHeader = 'original-headers';

export type LetterPorts = {
  readonly letters: DeadLetterStore;
  readonly producer: LogProducer;
  readonly settings: SequencerSettings;
  readonly nowMs: () => number;
  readonly insist: <T>(operation: string, run: () => Promise<T>) => Promise<T>;
  readonly observer: Pick<SequencerObserver, 'lettersWaiting'>;
  /** Whether those that wait were counted in this tenure. */
  readonly counted: { is: boolean };
};

export async function tellWaiting(ports: LetterPorts): Promise<void> {
  const { letters, insist, observer } = ports;
  const count = await insist('read dead letters', async () => {
    let count = 0;
    for await (const page of letters.pages(sequencerOrigin)) {
      for (const { retriedAt } of page) if (retriedAt === null) count += 1;
    }
    return count;
  });
  observer.lettersWaiting(count);
  ports.counted.is = true;
}

export async function setAside(
  record: LogRecord,
  error: TurnstreamError,
  ports: LetterPorts,
): Promise<void> {
  const { letters, producer, settings, nowMs, insist } = ports;
  const former = repeated(record);
  const position = positionOf(settings.positionBase, record.offset);
  if (former !== null) {
    const letter = await insist('read dead letter', () => letters.read(sequencerOrigin, former));
    if (letter !== null) {
      const tries = letter.tries + (letter.triedAt === position ? 0 : 1);
      const decision = { kind: 'failed', position, tries, error: error.message } as const;
      await insist('mark dead letter', () => letters.decide(sequencerOrigin, former, decision));
      return;
    }
  }
  const letter = deadLetterOf(record, error, settings, nowMs());
  await insist('append dead letter', () => producer.append([letter]));
  const row: NewLetter = {
    offset: record.offset,
    position,
    after: position,
    eventType: null,
    sessionUid: null,
    error: error.message,
    atMs: nowMs(),
  };
  await insist('list dead letter', () => letters.add(sequencerOrigin, [row]));
  await tellWaiting(ports);
}

/** The record decodes; if it repeats one that did not, that one waits no longer. */
export async function noteTaken(record: LogRecord, ports: LetterPorts): Promise<void> {
  const { letters, settings, insist } = ports;
  const former = repeated(record);
  if (former === null) return;
  const position = positionOf(settings.positionBase, record.offset);
  const decision = { kind: 'retried', position } as const;
  await insist('mark dead letter', () => letters.decide(sequencerOrigin, former, decision));
  await tellWaiting(ports);
}

/** The record once more, as it came. */
export function repetitionOf(letter: LogRecord, changesTopic: string): NewRecord {
  const key = letter.headers[keyHeader];
  const headers: unknown = JSON.parse(letter.headers[headersHeader] ?? '{}');
  return {
    topic: changesTopic,
    partition: 0,
    key: key === undefined ? null : Buffer.from(key, 'base64'),
    value: letter.value,
    headers: {
      ...(headers as Readonly<Record<string, string>>),
      [retryHeader]: letter.headers['offset'] ?? '',
    },
  };
}

function repeated({ headers }: LogRecord): number | null {
  const offset = headers[retryHeader];
  return offset === undefined || !/^\d{1,15}$/.test(offset) ? null : Number(offset);
}

function deadLetterOf(
  record: LogRecord,
  error: TurnstreamError,
  settings: SequencerSettings,
  nowMs: number,
): NewRecord {
  return {
    topic: settings.deadLettersTopic,
    partition: 0,
    key: Buffer.from('sequencer'),
    value: record.value,
    headers: {
      projection: 'sequencer',
      topic: settings.changesTopic,
      partition: '0',
      offset: String(record.offset),
      position: String(positionOf(settings.positionBase, record.offset)),
      error: error.message,
      at: new Date(nowMs).toISOString(),
      ...(record.key === null ? {} : { [keyHeader]: record.key.toString('base64') }),
      [headersHeader]: JSON.stringify(record.headers),
    },
  };
}
