/**
 * Records of `changes` that can't be decoded: each is set aside as it came, with the reason, before the
 * offset passes it (I1, I7), and may be appended once more by whoever has mended the cause
 * (`turnstream dead-letters retry`). Such a record names the one that it repeats; what becomes of it is
 * noted with that one, before anything goes by it. Its place among later changes is the LSN guard's matter:
 * it is a redelivery.
 */
import {
  type DeadLetterStore,
  type Decision,
  fateOf,
  type NewLetter,
  sequencerOrigin,
  settledAt,
} from '../engine/dead-letter-store.ts';
import type { TurnstreamError } from '../error.ts';
import type { LogProducer, LogRecord, NewRecord } from '../kafka/log.ts';
import { positionOf } from '../source/position.ts';
import type { LetterRetry } from '../source/retry.ts';
import type { SourceRecord } from '../source/row-change.ts';
import { coveredUpTo, type Ledger, withCovered } from './ledger.ts';
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
  /**
   * Offsets of records that former owners set aside beyond the committed offset: they come again, and stay
   * aside. Taken now, their events would stand behind later ones, and nobody would read them (I2). Null
   * until the tenure has looked.
   */
  readonly aside: { offsets: ReadonlySet<number> | null };
};

/** What is set aside, and why. */
export type Failure = {
  readonly record: LogRecord;
  readonly error: TurnstreamError;
  /** A row that is folded with what there is of its text. */
  readonly isCut?: boolean;
};

/** In the place of an event's type, of such a row. */
const cutText = 'text cut';

/** Once a tenure, with its first record: it reads all there are. */
export async function readAside(from: number, ports: LetterPorts): Promise<ReadonlySet<number>> {
  const offsets = await readLetters(ports, from);
  ports.aside.offsets = offsets;
  return offsets;
}

/** How many wait. Once a batch at most, for the same reason. */
export async function tellWaiting(ports: LetterPorts): Promise<void> {
  await readLetters(ports, Number.POSITIVE_INFINITY);
}

async function readLetters(
  { letters, insist, observer }: LetterPorts,
  asideFrom: number,
): Promise<ReadonlySet<number>> {
  const { waiting, offsets } = await insist('read dead letters', async () => {
    const offsets = new Set<number>();
    let waiting = 0;
    for await (const page of letters.pages(sequencerOrigin)) {
      for (const letter of page) {
        if (settledAt(letter) === null) waiting += 1;
        if (letter.offset >= asideFrom && letter.eventType !== cutText) offsets.add(letter.offset);
      }
    }
    return { waiting, offsets };
  });
  observer.lettersWaiting(waiting);
  return offsets;
}

/** All of a batch at once: the letters, then their rows. */
export async function setAside(failures: readonly Failure[], ports: LetterPorts): Promise<void> {
  const { letters, producer, settings, nowMs, insist } = ports;
  const atMs = nowMs();
  const records = failures.map(({ record, error }) => deadLetterOf(record, error, settings, atMs));
  await insist('append dead letter', () => producer.append(records));
  const rows = failures.map(({ record, error, isCut = false }): NewLetter => {
    const position = positionOf(settings.positionBase, record.offset);
    const unknown = { eventType: isCut ? cutText : null, sessionUid: null };
    return {
      offset: record.offset,
      position,
      after: position,
      ...unknown,
      error: error.message,
      atMs,
    };
  });
  await insist('list dead letter', () => letters.add(sequencerOrigin, rows));
}

/** What becomes of a letter that the record repeats: `error` says why it can't be taken now either. */
export async function noteRepeated(
  record: LogRecord,
  former: number,
  error: TurnstreamError | null,
  ports: LetterPorts,
): Promise<'discarded' | 'failed' | 'taken'> {
  const { letters, settings, insist } = ports;
  const letter = await insist('read dead letter', () => letters.read(sequencerOrigin, former));
  if (letter !== null && fateOf(letter) === 'discarded') return 'discarded';
  const position = positionOf(settings.positionBase, record.offset);
  const decide = (decision: Decision) =>
    insist('mark dead letter', () => letters.decide(sequencerOrigin, former, decision));
  // What failed here is not taken by whoever comes here again, even if it could by now (I2).
  const hasFailed = letter?.retriedAt !== position && (letter?.triedAt ?? -1) >= position;
  if (hasFailed) return 'failed';
  if (error === null) {
    await decide({ kind: 'retried', position });
    return 'taken';
  }
  if (letter === null) await setAside([{ record, error }], ports);
  else {
    const tries = letter.tries + 1;
    await decide({ kind: 'failed', position, tries, error: error.message });
  }
  return 'failed';
}

/** From here on nobody waits for it; one that is unknown or was taken is passed over. */
export async function discardLetter(
  record: LogRecord,
  { offset }: LetterRetry,
  ports: LetterPorts,
): Promise<void> {
  const { letters, settings, insist } = ports;
  const letter = await insist('read dead letter', () => letters.read(sequencerOrigin, offset));
  if (letter === null || settledAt(letter) !== null) return;
  const position = positionOf(settings.positionBase, record.offset);
  const decision = { kind: 'discarded', position } as const;
  await insist('mark dead letter', () => letters.decide(sequencerOrigin, offset, decision));
}

/**
 * Whether a record that is repeated says what was overtaken since it first came: by a snapshot, which
 * tells of all rows, or by a TRUNCATE of its table. Neither leaves an LSN on a row that it does not know.
 */
export function isOvertaken(
  record: LogRecord,
  source: SourceRecord,
  ledger: Ledger,
  positionBase: number,
): boolean {
  const former = repeatedBy(record);
  if (former === null) return false;
  if (source.kind === 'heartbeat') return true;
  if (source.kind !== 'row' && source.kind !== 'truncate') return false;
  const position = positionOf(positionBase, former);
  const tables = source.kind === 'row' ? [source.change.table] : source.tables;
  return tables.every((table) => position < coveredUpTo(ledger, table));
}

/** A TRUNCATE that is repeated overtakes what came before it first stood in the log, and no more. */
export function withTruncated(
  ledger: Ledger,
  record: LogRecord,
  { tables }: Extract<SourceRecord, { kind: 'truncate' }>,
  { positionBase }: Pick<SequencerSettings, 'positionBase'>,
): Ledger {
  const first = repeatedBy(record) ?? record.offset;
  return withCovered(ledger, tables, positionOf(positionBase, first));
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

/** The offset of the letter that the record repeats; null for all others. */
export function repeatedBy({ headers }: LogRecord): number | null {
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
