/**
 * One partition of a simulated topic: its records, and the fetches that found nothing to read and
 * wait at the broker for the next append, so that an idle consumer takes no steps.
 */
import type { LogRecord, NewRecord } from '../../../processor/kafka/log.ts';

export class SimulatedPartition {
  readonly topic: string;
  readonly number: number;
  readonly records: LogRecord[] = [];
  readonly fetchLabel: string;
  readonly appendLabel: string;
  /** Each fetch of it begins so much later, at most. */
  fetchDelayMsMax = 0;
  #parked: (() => void)[] = [];

  constructor(topic: string, number: number) {
    this.topic = topic;
    this.number = number;
    this.fetchLabel = `fetch ${shortName(topic)}`;
    this.appendLabel = `append to ${shortName(topic)} ${number}`;
  }

  /** All of them, in order, as one happening. */
  append(
    records: readonly NewRecord[],
    timestampMs: number,
    each: (record: LogRecord) => void,
  ): void {
    for (const { key, value, headers = {} } of records) {
      const record = { offset: this.records.length, timestampMs, key, value, headers };
      this.records.push(record);
      each(record);
    }
    const parked = this.#parked;
    this.#parked = [];
    for (const look of parked) look();
  }

  /** Looks again after the next append. */
  park(look: () => void): void {
    this.#parked.push(look);
  }
}

/** 'turnstream.events' is 'events' in labels. */
export function shortName(topic: string): string {
  return topic.slice(topic.lastIndexOf('.') + 1);
}
