/** A record of `changes` that can't be decoded, as it is set aside: as it came, with the reason. */
import type { TurnstreamError } from '../error.ts';
import type { LogRecord, NewRecord } from '../kafka/log.ts';
import { positionOf } from '../source/position.ts';
import type { SequencerSettings } from './settings.ts';

export function deadLetterOf(
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
    },
  };
}
