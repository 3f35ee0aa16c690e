/** What the sequencer tells whoever measures it. Calls never decide anything and must not throw. */
import type { EventType } from '../event/event.ts';
import type { Instant } from '../source/instant.ts';
import type { Lsn } from '../source/lsn.ts';
import type { Parked } from './parked.ts';

/** What became of a consumed record (I7). */
export type RecordOutcome = 'applied' | 'irrelevant' | 'parked' | 'dead-lettered';

export type SequencerObserver = {
  /** With each assignment, and when a tenure ends; false also for who stands by. */
  readonly active: (active: boolean) => void;
  /** The partition is held from the offset on, respectively durably folded up to it. */
  readonly held: (offset: number) => void;
  readonly advanced: (
    offset: number,
    watermark: { readonly lsn: Lsn; readonly committedAt: Instant } | null,
  ) => void;
  readonly ended: (endOffset: number) => void;
  readonly record: (outcome: RecordOutcome) => void;
  readonly event: (type: EventType) => void;
  readonly batch: (records: number, seconds: number) => void;
  /** Dead letters that wait, of this tenure and of those before. */
  readonly lettersWaiting: (count: number) => void;
  readonly parked: (parked: Parked) => void;
  readonly cache: (containers: number, bytes: number) => void;
  /** Turns of which it is known where they may be. */
  readonly hints: (turns: number) => void;
  readonly bytesInFlight: (bytes: number) => void;
  readonly retried: (operation: string) => void;
};

const nothing = () => undefined;

export const silentObserver: SequencerObserver = {
  active: nothing,
  held: nothing,
  advanced: nothing,
  ended: nothing,
  record: nothing,
  event: nothing,
  batch: nothing,
  lettersWaiting: nothing,
  parked: nothing,
  cache: nothing,
  hints: nothing,
  bytesInFlight: nothing,
  retried: nothing,
};
