/**
 * What a replay needs and says (DESIGN 3.6): the worker's own ports, the generations, and the two that
 * belong to others: verification (processor/verify/) and the dropping of tables (processor/cql/).
 */

import type { FactKind } from '../conversation/fact.ts';
import type { Clock, Random } from '../engine/clock.ts';
import type { DeadLetterStore } from '../engine/dead-letter-store.ts';
import type { GenerationId, GenerationStore, Until } from '../engine/generations.ts';
import type { CheckpointStore, ReadModel, ReadModelStore } from '../engine/store.ts';
import type { EntryDecoder } from '../engine/taken-record.ts';
import type { WorkerSettings } from '../engine/worker-settings.ts';
import type { Watermark } from '../event/event.ts';
import type { Log } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';
import type { Projection } from '../projection/projection.ts';
import type { Build, BuildScope } from './build.ts';

export type Verification = {
  readonly equal: boolean;
  /** One or more lines for people. */
  readonly summary: string;
};

/** Compares a generation with the source; it goes on being kept up to date meanwhile. */
export type Verify = (
  generation: GenerationId,
  projection: Projection,
  signal: AbortSignal,
) => Promise<Verification>;

/** The codec of events, as far as a replay uses it (processor/event/codec.ts). */
export type ReplayDecoder = {
  reading(kinds: ReadonlySet<FactKind>): EntryDecoder;
  watermarkOf(value: Buffer): Watermark | null;
};

export type ReplayPorts = {
  readonly log: Log;
  readonly store: ReadModelStore;
  readonly checkpoints: CheckpointStore;
  readonly letters: DeadLetterStore;
  readonly decoder: ReplayDecoder;
  readonly generations: GenerationStore;
  /** Idempotent: what is not there is dropped. */
  readonly dropTable: (model: ReadModel) => Promise<void>;
  /** Null while nobody can: then a replay says so and needs `--no-verify`. */
  readonly verify: Verify | null;
  /** Begins the same build in other threads, which share the partitions; none where it is absent. */
  readonly helpers?: (scope: BuildScope) => readonly Build[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};

export type ReplaySettings = Omit<WorkerSettings, 'group' | 'hosted'> & {
  /** Of the consumer groups: `<prefix>.<table>`. */
  readonly groupPrefix: string;
  /** Of the build, which share the pace that is set; 1 where it is absent. */
  readonly threads?: number;
  /** Tells two processes apart, for ever. */
  readonly owner: string;
  /** What people are told of it: host, process, since when. */
  readonly about: string;
  /** A lease that is not renewed for so long is free. */
  readonly leaseMs: number;
  /** Pause between looks at how far it is. */
  readonly lookMs: number;
  /** Readers may hold a table's name for so long after another was promoted: it is not dropped before. */
  readonly dropDelayMs: number;
};

export type ReplayOptions = {
  /** As of the first watermark at or after it; null: up to now. */
  readonly until: Until | null;
  /** Former generations that are kept beside the live one. */
  readonly keep: number;
  readonly verify: boolean;
  readonly promote: boolean;
  readonly acceptDeadLetters: boolean;
  /** Over all partitions; null: as fast as it goes. */
  readonly eventsPerSecondMax: number | null;
};

export const phases = ['building', 'catching up', 'verifying', 'promoting', 'done'] as const;
export type Phase = (typeof phases)[number];

/** How far one read model is. Records count, watermarks among them. */
export type ReplayProgress = {
  readonly projection: string;
  readonly generation: GenerationId;
  readonly phase: Phase;
  readonly done: number;
  readonly total: number;
  /** From 0 to 1. */
  readonly ratio: number;
  readonly eventsPerSecond: number;
  /** Null while nobody can tell. */
  readonly etaMs: number | null;
};

export type ReplayOutcome =
  | 'promoted'
  /** Complete, and left as it is: `--no-promote`, `--until`. */
  | 'built'
  /** Complete but for events that were set aside. */
  | 'degraded'
  | 'different'
  /** The same command goes on from here. */
  | 'stopped'
  | 'failed';

export type ReplayResult = {
  readonly projection: string;
  readonly generation: GenerationId;
  readonly outcome: ReplayOutcome;
  /** It went on with a build that was left unfinished. */
  readonly resumed: boolean;
  /** Records that this process has read of it. */
  readonly records: number;
  readonly seconds: number;
  readonly deadLetters: number;
  /** Up to where it is exact: the least watermark of its partitions, in printed form. */
  readonly asOf: { readonly lsn: string; readonly committedAt: string } | null;
  /** Null when it was not verified. */
  readonly verification: Verification | null;
  readonly dropped: readonly string[];
  /** What happened and what to do, for people. */
  readonly message: string;
};

export type ReplayReporter = {
  readonly progress: (progress: readonly ReplayProgress[]) => void;
};

export const silentReporter: ReplayReporter = { progress: () => undefined };
