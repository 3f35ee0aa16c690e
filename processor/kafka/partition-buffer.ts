/**
 * What was fetched of one partition and waits for its handler: one batch is with the handler at a
 * time, further records queue up, and are handed over together. When more than a bound of bytes
 * waits, the fetching of this partition pauses, and goes on once half of that is gone (I10). The
 * fetch loop itself never waits, so heartbeats and other partitions go on. No more bytes than that
 * bound are handed over at a time: one fetch may be many times as large once it is decompressed.
 */
import type { FetchedBatch, LogRecord } from './log.ts';

export type BufferPorts = {
  readonly deliver: (batch: FetchedBatch) => Promise<void>;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly fail: (error: unknown) => void;
};

export type BufferLimits = { readonly queueBytesMax: number; readonly batchRecordsMax: number };

/** Buffers, offsets and an object around the bytes of a record. */
const recordOverheadBytes = 200;

export class PartitionBuffer {
  /** The offset that the next fetch must have been made at. */
  next: number;
  private readonly ports: BufferPorts;
  private readonly limits: BufferLimits;
  private queue: LogRecord[] = [];
  private queuedBytes = 0;
  private endOffset = 0;
  private delivering = false;
  private paused = false;
  private closed = false;

  constructor(start: number, ports: BufferPorts, limits: BufferLimits) {
    this.next = start;
    this.ports = ports;
    this.limits = limits;
  }

  /** Fetching pauses until the handler has taken some of what waits. */
  get heldBack(): boolean {
    return this.paused;
  }

  /** Takes what a fetch brought; the next one must begin at `next`. */
  offer(records: readonly LogRecord[], next: number, endOffset: number): void {
    if (this.closed) return;
    this.next = next;
    // The broker may have looked at the end before it read the records.
    this.endOffset = Math.max(endOffset, next);
    for (const record of records) {
      this.queue.push(record);
      this.queuedBytes += sizeOf(record);
    }
    if (!this.paused && this.queuedBytes >= this.limits.queueBytesMax) {
      this.paused = true;
      this.ports.pause();
    }
    if (!this.delivering) {
      this.deliverAll().catch((error: unknown) => this.ports.fail(error));
    }
  }

  /** The epoch is over: nothing more is handed over. */
  close(): void {
    this.closed = true;
    this.queue = [];
    this.queuedBytes = 0;
  }

  private async deliverAll(): Promise<void> {
    this.delivering = true;
    try {
      while (this.queue.length > 0) {
        const records = this.take();
        await this.ports.deliver({ records, endOffset: this.endOffset });
      }
    } finally {
      this.delivering = false;
    }
  }

  private take(): readonly LogRecord[] {
    const { batchRecordsMax, queueBytesMax } = this.limits;
    let count = 0;
    let bytes = 0;
    for (const record of this.queue) {
      const size = sizeOf(record);
      if (count > 0 && (count === batchRecordsMax || bytes + size > queueBytesMax)) break;
      count += 1;
      bytes += size;
    }
    const records = this.queue.slice(0, count);
    this.queue = this.queue.slice(count);
    this.queuedBytes -= bytes;
    if (this.paused && this.queuedBytes <= this.limits.queueBytesMax / 2) {
      this.paused = false;
      this.ports.resume();
    }
    return records;
  }
}

function sizeOf({ key, value }: LogRecord): number {
  return recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0);
}
