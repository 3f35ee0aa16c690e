/**
 * The inside of a history: the product's own sequencer and workers with all that belongs to them, on
 * the outside of outside.ts. Wired as processor/commands/ wires them, with the ports simulated.
 */
import { CqlCheckpointStore } from '../../processor/cql/checkpoint-store.ts';
import { CqlDeadLetterStore } from '../../processor/cql/letter-store.ts';
import { CqlReadModelStore, readModelStoreDefaults } from '../../processor/cql/read-model-store.ts';
import type { ReadModelSession } from '../../processor/cql/session.ts';
import { CqlStateStore, stateStoreDefaults } from '../../processor/cql/state-store.ts';
import type { Clock } from '../../processor/engine/clock.ts';
import type { WorkerObserver } from '../../processor/engine/observer.ts';
import { runWorker } from '../../processor/engine/worker.ts';
import { TurnstreamError } from '../../processor/error.ts';
import { eventCodec } from '../../processor/event/codec.ts';
import type { Logger } from '../../processor/logger.ts';
import type { Projection } from '../../processor/projection/projection.ts';
import type { SequencerObserver } from '../../processor/sequencer/observer.ts';
import { runSequencer } from '../../processor/sequencer/run.ts';
import type { ChangeDecoder } from '../../processor/sequencer/settings.ts';
import { encodeSweep } from '../../processor/source/sweep.ts';
import type { Dice } from './dice.ts';
import { type Knobs, sequencerSettings, workerSettings } from './knobs.ts';
import type { Network } from './network.ts';
import { watchedLog } from './observers.ts';
import { changeDecoder, type Outside, poisonHeader, registry, schema } from './outside.ts';
import type { Process } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import type { Watch } from './watch.ts';

export type InsideParts = {
  readonly outside: Outside;
  readonly knobs: Knobs;
  readonly dice: Dice;
  readonly watch: Watch;
  readonly logger: (process: Process) => Logger;
  /** Whether the schemas are back that some records need. */
  readonly isReadable: () => boolean;
  /** Sees every statement that goes to the cluster. */
  readonly session: (process: Process) => ReadModelSession;
};

/** Every record of the events topic is of the present schema: nothing is asked of a registry. */
export const codec = eventCodec(registry, 1);

export function batchLimits(knobs: Knobs) {
  return { batchBytesMax: 30 * 1024, batchRowsMax: knobs.cqlBatchRowsMax };
}

function lettersOptions(knobs: Knobs) {
  return { ...batchLimits(knobs), keyspace: schema.keyspace };
}

export async function runSimulatedSequencer(
  { outside, knobs, dice, session, watch, logger, isReadable }: InsideParts,
  process: Process,
  observer: SequencerObserver,
  signal: AbortSignal,
): Promise<void> {
  const { network, scheduler, kafka } = outside;
  const store = new CqlStateStore(session(process), {
    ...stateStoreDefaults,
    ...batchLimits(knobs),
    keyspace: schema.keyspace,
    expiresAfterSeconds: 1000,
    contentInlineBytesMax: knobs.contentInlineBytesMax,
    chunkBytesMax: 500,
    knownTextsMax: knobs.knownTextsMax,
    pageRowsMax: knobs.pageRowsMax,
    callsInFlightMax: 8,
  });
  const deps = {
    log: watchedLog(kafka.log(process), process, watch),
    store: watch.stateStore(store),
    decoder: decoderOf(process, network, isReadable),
    letters: new CqlDeadLetterStore(session(process), lettersOptions(knobs)),
    encodeSweep,
    encode: codec.encode,
    clock: clockOf(process, scheduler),
    random: () => dice.fraction(),
    observer,
    logger: logger(process),
  };
  await runSequencer(deps, sequencerSettings(knobs), signal);
}

export async function runSimulatedWorker(
  { outside, knobs, dice, session, watch, logger }: InsideParts,
  process: Process,
  work: {
    readonly group: string;
    readonly projections: readonly Projection[];
    readonly observer: WorkerObserver;
  },
  signal: AbortSignal,
): Promise<void> {
  const { scheduler, kafka } = outside;
  const own = session(process);
  const deps = {
    log: watchedLog(kafka.log(process), process, watch),
    store: new CqlReadModelStore(own, {
      ...readModelStoreDefaults,
      ...batchLimits(knobs),
      schema,
      callsInFlightMax: 8,
    }),
    checkpoints: new CqlCheckpointStore(own, schema.keyspace),
    letters: new CqlDeadLetterStore(own, lettersOptions(knobs)),
    decoder: codec,
    clock: clockOf(process, scheduler),
    random: () => dice.fraction(),
    observer: work.observer,
    logger: logger(process),
  };
  await runWorker(deps, workerSettings(knobs, work.group, work.projections), signal);
}

function clockOf(process: Process, scheduler: Scheduler): Clock {
  return {
    nowMs: scheduler.nowMs,
    yield: () => new Promise((resolve) => scheduler.step(process, 'yield', resolve)),
    delay: (ms, signal) => {
      if (signal?.aborted === true) return Promise.resolve();
      return new Promise((resolve) => {
        const end = () => {
          cancel();
          signal?.removeEventListener('abort', end);
          resolve();
        };
        const cancel = scheduler.after(process, ms, 'delay', end);
        signal?.addEventListener('abort', end);
      });
    },
  };
}

/**
 * The product's decoder, whose schemas are compiled once for all histories; a process that has none of
 * them yet must ask the registry, which may not answer.
 */
function decoderOf(process: Process, network: Network, isReadable: () => boolean): ChangeDecoder {
  let isLoaded = false;
  return {
    load: async () => {
      if (isLoaded) return;
      await network.call(process, {
        label: 'read schemas',
        serve: () => undefined,
        timedOut: () =>
          new TurnstreamError('REGISTRY', 'the registry did not answer', { retriable: true }),
      });
      isLoaded = true;
    },
    decode: (record) => {
      if (record.headers[poisonHeader] !== undefined && !isReadable()) {
        throw new TurnstreamError('DECODE', `record ${record.offset} needs a schema that is away`);
      }
      return changeDecoder.decode(record);
    },
  };
}
