/**
 * Asks the log to discard letters: appends to `changes` what says of each of them that it will never be
 * taken (source/retry.ts). It is a place in the log, as a retry is: whoever takes part in it decides, and
 * a letter that a retry took before it is passed over (engine/lane-letters.ts, sequencer/dead-letter.ts).
 */
import { fateOf, type StoredLetter } from '../engine/dead-letter-store.ts';
import type { NewRecord } from '../kafka/log.ts';
import { encodeRetry } from '../source/retry.ts';
import type { FoundLetter, RetryResult } from './dead-letters-report.ts';
import {
  awaitOutcomes,
  type Decided,
  type RetryPorts,
  type RetrySettings,
} from './dead-letters-retry.ts';
import { letterId } from './letter-id.ts';

export async function discardLetters(
  ports: RetryPorts,
  settings: Pick<RetrySettings, 'changesTopic' | 'waitMsMax'>,
  waiting: readonly FoundLetter[],
): Promise<readonly RetryResult[]> {
  const { log, clock } = ports;
  const wanted = new Map(waiting.map((found) => [letterId(found.source, found.letter), found]));
  if (wanted.size === 0) return [];
  const requestedAt = clock.nowMs();
  const producer = await log.producer();
  try {
    const records = waiting.map((found) => recordOf(found, settings.changesTopic, requestedAt));
    await producer.append(records);
  } finally {
    await producer.close();
  }
  const results = new Map<string, RetryResult>();
  for (const id of wanted.keys()) results.set(id, { id, outcome: 'asked', reason: null });
  await awaitOutcomes(ports, settings, wanted, results, outcomeOf);
  return [...results.values()];
}

function recordOf(
  { source, letter }: FoundLetter,
  changesTopic: string,
  requestedAt: number,
): NewRecord {
  const { origin: projection, version, generation, partition } = source.origin;
  const { offset } = letter;
  const named = { projection, version, generation, partition, offset, requestedAt };
  const value = encodeRetry({ ...named, value: Buffer.alloc(0), discard: true });
  return { topic: changesTopic, partition: 0, key: null, value };
}

function outcomeOf(_before: StoredLetter, now: StoredLetter): Decided | null {
  const fate = fateOf(now);
  if (fate === 'waits') return null;
  return { outcome: fate, reason: fate === 'retried' ? 'a retry took it before' : null };
}
