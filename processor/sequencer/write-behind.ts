/**
 * State is written behind the events: while one write is under way, the next batches are read, folded and
 * published, and join the write after it, up to about a batch's worth. So an event never waits for the
 * state of those before it, and a container that changes often is written less often.
 *
 * State is taken between batches alone, when all that is folded is published: it is never ahead of the
 * events (flush.ts). One write at a time: a container's segments are stored in their order.
 */
import type { SequencerSettings } from './settings.ts';

/** Batches whose state is to be written; `offset`: of the next record. */
export type Due = { readonly offset: number; readonly records: number; readonly bytes: number };

export type WriteBehindPorts = {
  /** Takes what has changed before it returns; resolves when that and the offset are durable. */
  readonly write: (offset: number) => Promise<void>;
  /** Nothing is written any more. */
  readonly over: AbortSignal;
  readonly settings: Pick<SequencerSettings, 'batchRecordsMax' | 'batchBytesMax'>;
};

export class WriteBehind {
  readonly #ports: WriteBehindPorts;
  #due: Due | null = null;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #isBetween = true;

  constructor(ports: WriteBehindPorts) {
    this.#ports = ports;
  }

  /** Something is folded from now on that is not published. */
  begin(): void {
    this.#isBetween = false;
  }

  /** All that is folded is published. Waits while too much is due: memory is bounded by the batches' limits. */
  async end(batch: Due, failed: (error: unknown) => void): Promise<void> {
    const due = joined(this.#due, batch);
    this.#due = due;
    this.#isBetween = true;
    if (!this.#isWriting) this.#write(failed);
    else if (isFull(due, this.#ports.settings)) await this.#writing;
  }

  /** Resolves when the write under way has ended, and rejects when it failed. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Resolves when nothing is due and nothing under way. */
  async drained(): Promise<void> {
    do await this.#writing;
    while (this.#isWriting);
  }

  #write(failed: (error: unknown) => void): void {
    const due = this.#due;
    if (due === null || this.#ports.over.aborted) return;
    this.#due = null;
    this.#isWriting = true;
    this.#writing = this.#ports.write(due.offset).then(() => {
      this.#isWriting = false;
      // Within a batch its end comes next.
      if (this.#isBetween) this.#write(failed);
    });
    this.#writing.catch(failed);
  }
}

function joined(former: Due | null, { offset, records, bytes }: Due): Due {
  return {
    offset,
    records: (former?.records ?? 0) + records,
    bytes: (former?.bytes ?? 0) + bytes,
  };
}

function isFull(due: Due, { batchRecordsMax, batchBytesMax }: WriteBehindPorts['settings']) {
  return due.records >= batchRecordsMax || due.bytes >= batchBytesMax;
}
