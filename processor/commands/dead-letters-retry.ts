/**
 * Asks the log for retries: finds the letters' bytes in their topic, and appends to `changes` what asks
 * for each of them (source/retry.ts; the sequencer's own go there once more as they came). Refuses, with
 * a sentence, what could not be brought in right. Nothing is written here but to the log: who takes part
 * in it decides (engine/lane-letters.ts, sequencer/dead-letter.ts).
 */
import { type DeadLetterStore, fateOf, type StoredLetter } from '../engine/dead-letter-store.ts';
import type { Log, LogProducer, LogRecord, NewRecord } from '../kafka/log.ts';
import { repetitionOf } from '../sequencer/dead-letter.ts';
import { encodeRetry } from '../source/retry.ts';
import type { FoundLetter, RetryResult } from './dead-letters-report.ts';
import { type LetterChoice, letterId } from './letter-id.ts';
import { readTopic } from './read-topic.ts';

export type RetryPorts = {
  readonly log: Log;
  readonly letters: DeadLetterStore;
  readonly clock: {
    readonly nowMs: () => number;
    readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  };
  readonly signal: AbortSignal;
};

export type RetrySettings = {
  readonly changesTopic: string;
  readonly deadLettersTopic: string;
  /** For reading the letters' topic. */
  readonly group: string;
  readonly recordBytesMax: number;
  /** Of a map's letters, and of the sequencer's. */
  readonly mapAgeMsMax: number;
  readonly sequencerAgeMsMax: number;
  /** How long to wait for what becomes of them. */
  readonly waitMsMax: number;
};

/** For what a retry says beside the original bytes. */
const retryBytes = 4096;
const pollMs = 250;
const msPerDay = 86_400_000;

export async function findLetters(
  letters: DeadLetterStore,
  { sources, ids }: LetterChoice,
): Promise<readonly FoundLetter[]> {
  const found: FoundLetter[] = [];
  for (const source of sources) {
    for await (const page of letters.pages(source.origin)) {
      for (const letter of page) {
        if (ids === null || ids.has(letterId(source, letter))) found.push({ source, letter });
      }
    }
  }
  return found;
}

export async function retryLetters(
  ports: RetryPorts,
  settings: RetrySettings,
  waiting: readonly FoundLetter[],
): Promise<readonly RetryResult[]> {
  const results = new Map<string, RetryResult>();
  const wanted = new Map<string, FoundLetter>();
  for (const found of waiting) {
    const id = letterId(found.source, found.letter);
    const reason = refusalOf(found, settings, ports.clock.nowMs());
    if (reason === null) wanted.set(id, found);
    else results.set(id, { id, outcome: 'refused', reason });
  }
  await appendRetries(ports, settings, wanted, results);
  await awaitOutcomes(ports, settings, wanted, results, outcomeOf);
  return [...results.values()];
}

/** Why a letter can't come in by a retry any more. */
function refusalOf(
  { source: { projection }, letter }: FoundLetter,
  { mapAgeMsMax, sequencerAgeMsMax }: RetrySettings,
  nowMs: number,
): string | null {
  const ageMs = nowMs - letter.atMs;
  if (projection === null) {
    if (ageMs <= sequencerAgeMsMax) return null;
    return `it is older than the ${days(sequencerAgeMsMax)} for which the LSN of a deleted row is kept (TURNSTREAM_SEQUENCER_TOMBSTONE_DAYS_MAX): it could bring back what was deleted since; write the row once more in Postgres, or let the connector snapshot again`;
  }
  if (projection.kind === 'map' && ageMs > mapAgeMsMax) {
    return `it is older than ${days(mapAgeMsMax)}: tombstones of later deletes may be purged, and its rows would come back for good; replay the read model`;
  }
  if (projection.kind === 'aggregate' && letter.position === null) {
    return 'it did not decode, and whether the same event came once more cannot be told: totals could count it twice; replay the read model';
  }
  return null;
}

const days = (ms: number) => `${Math.floor(ms / msPerDay)} days`;

async function appendRetries(
  { log, clock, signal }: RetryPorts,
  settings: RetrySettings,
  wanted: ReadonlyMap<string, FoundLetter>,
  results: Map<string, RetryResult>,
): Promise<void> {
  if (wanted.size === 0) return;
  const producer = await log.producer();
  const { deadLettersTopic: topic, group } = settings;
  const missing = new Set(wanted.keys());
  const places = new Map([...wanted].map(([id, found]) => [placeOfLetter(found), id]));
  const take = async (record: LogRecord) => {
    const id = places.get(placeOfRecord(record)) ?? '';
    const found = wanted.get(id);
    // A letter may stand there twice: a crash between its record and its row.
    if (found !== undefined && missing.has(id)) {
      results.set(id, await append(producer, found, record, settings, clock.nowMs()));
      missing.delete(id);
    }
    return missing.size > 0;
  };
  try {
    await readTopic(log, { topic, group }, take, signal);
  } finally {
    await producer.close();
  }
  for (const id of missing) {
    const reason = `its record is no longer in ${topic}; replay the read model`;
    results.set(id, { id, outcome: 'refused', reason });
  }
}

async function append(
  producer: LogProducer,
  found: FoundLetter,
  record: LogRecord,
  settings: RetrySettings,
  nowMs: number,
): Promise<RetryResult> {
  const id = letterId(found.source, found.letter);
  const refused = (reason: string) => ({ id, outcome: 'refused', reason }) as const;
  const { value } = record;
  if (value === null) return refused('the record has no value: there is nothing to take');
  const { recordBytesMax } = settings;
  if (value.length + retryBytes > recordBytesMax) {
    return refused(
      `its record of ${value.length} bytes is too large to be appended once more ` +
        `(TURNSTREAM_KAFKA_RECORD_BYTES_MAX is ${recordBytesMax}): raise that and the topics' max.message.bytes, or replay the read model`,
    );
  }
  await producer.append([recordOf(found, record, value, settings, nowMs)]);
  return { id, outcome: 'asked', reason: null };
}

function recordOf(
  { source, letter }: FoundLetter,
  record: LogRecord,
  value: Buffer,
  { changesTopic }: RetrySettings,
  requestedAt: number,
): NewRecord {
  if (source.projection === null) return repetitionOf(record, changesTopic);
  const { origin: projection, version, generation, partition } = source.origin;
  const { offset } = letter;
  const place = { projection, version, generation, partition, offset };
  const retry = encodeRetry({ ...place, requestedAt, value, discard: false });
  return { topic: changesTopic, partition: 0, key: null, value: retry };
}

/** Waits until each that was asked for is decided, or the time is over. */
export async function awaitOutcomes(
  { letters, clock, signal }: Pick<RetryPorts, 'letters' | 'clock' | 'signal'>,
  { waitMsMax }: Pick<RetrySettings, 'waitMsMax'>,
  wanted: ReadonlyMap<string, FoundLetter>,
  results: Map<string, RetryResult>,
  decided: (before: StoredLetter, now: StoredLetter) => Decided | null,
): Promise<void> {
  const untilMs = clock.nowMs() + waitMsMax;
  for (;;) {
    const asked = [...results.values()].filter(({ outcome }) => outcome === 'asked');
    if (asked.length === 0 || signal.aborted || clock.nowMs() >= untilMs) return;
    for (const { id } of asked) {
      const found = wanted.get(id);
      if (found === undefined) continue;
      const now = await letters.read(found.source.origin, found.letter.offset);
      const outcome = now && decided(found.letter, now);
      if (outcome !== null) results.set(id, { id, ...outcome });
    }
    await clock.delay(pollMs, signal);
  }
}

export type Decided = Omit<RetryResult, 'id'>;

function outcomeOf(before: StoredLetter, now: StoredLetter): Decided | null {
  const fate = fateOf(now);
  if (fate === 'retried') return { outcome: 'retried', reason: null };
  if (fate === 'discarded') return { outcome: 'discarded', reason: 'somebody was faster' };
  if (now.tries > before.tries) return { outcome: 'failed', reason: now.triedError };
  return null;
}

/** The letters' topic holds every generation's, whatever people call them: the same of a letter and its record. */
export function placeOfRecord({ headers }: LogRecord): string {
  const { projection, partition, offset } = headers;
  const build = [headers['version'] ?? 0, headers['generation'] ?? 0].map(Number);
  return [projection, ...build, partition, offset].join('/');
}

export function placeOfLetter({ source: { origin }, letter }: FoundLetter): string {
  const { origin: name, version, generation, partition } = origin;
  return [name, version, generation, partition, letter.offset].join('/');
}
