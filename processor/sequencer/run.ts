/**
 * The sequencer as a service: a member of a consumer group on the one partition of `changes`. One
 * member is active, others stand by; a tenure lasts from an assignment to its loss.
 */
import { aborted } from '../engine/any-signal.ts';
import { type ErrorCode, TurnstreamError } from '../error.ts';
import type { ConsumerHandlers } from '../kafka/log.ts';
import type { SequencerDeps, SequencerSettings, TenureContext } from './settings.ts';
import { Tenure } from './tenure.ts';

/**
 * Runs until the signal aborts, then drains and leaves the group. Rejects when a topic is not as
 * configured (PARTITION_COUNT), the store refuses for good, or the consumer failed for good.
 */
export async function runSequencer(
  deps: SequencerDeps,
  settings: SequencerSettings,
  signal: AbortSignal,
): Promise<void> {
  await checkTopics(deps, settings);
  const producer = await deps.log.producer();
  try {
    while ((await runMember({ ...deps, settings, producer }, signal)) === 'again') {
      deps.logger.warn({}, 'beginning again from the committed offset');
    }
  } finally {
    await producer.close();
  }
}

/** One membership. `again`: what is in memory and what is stored are not of one prefix. */
async function runMember(
  parts: Omit<TenureContext, 'consumer'>,
  signal: AbortSignal,
): Promise<'ended' | 'again'> {
  const { group, changesTopic } = parts.settings;
  const consumer = await parts.log.consumer(group, changesTopic);
  const service = new Service({ ...parts, consumer });
  const running = consumer.run(service.handlers());
  try {
    await Promise.race([running, service.failure, aborted(signal)]);
    if (!signal.aborted) {
      throw new TurnstreamError('LOG', 'The sequencer’s consumer ended without being asked to.');
    }
    await service.drain();
    return 'ended';
  } catch (error) {
    if (!hasCode(error, 'STATE_MOVED')) throw error;
    parts.logger.warn({ err: error }, 'state moved');
    return signal.aborted ? 'ended' : 'again';
  } finally {
    service.end();
    await consumer.stop();
  }
}

class Service {
  readonly #context: TenureContext;
  readonly failure: Promise<never>;
  #fail: (error: unknown) => void = () => undefined;
  #tenure: Tenure | null = null;
  #epoch = -1;
  #draining = false;

  constructor(context: TenureContext) {
    this.#context = context;
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // It is raced; a failure after the race is none of anybody's concern.
    this.failure.catch(() => undefined);
  }

  handlers(): ConsumerHandlers {
    const { observer, logger } = this.#context;
    return {
      assigned: async (epoch, partitions) => {
        this.end();
        const committed = partitions.get(0);
        if (committed === undefined) {
          observer.active(false);
          logger.info({ epoch }, 'standing by: another sequencer is active');
          return new Map();
        }
        const tenure = new Tenure(this.#context, epoch, committed);
        this.#tenure = tenure;
        this.#epoch = epoch;
        observer.active(true);
        logger.info({ epoch, offset: tenure.startOffset }, 'active');
        return new Map([[0, tenure.startOffset]]);
      },
      revoked: (epoch) => {
        if (epoch === this.#epoch) this.end();
      },
      batch: async (epoch, _partition, batch) => {
        if (epoch !== this.#epoch || this.#draining) return;
        const tenure = this.#tenure;
        await tenure?.take(batch, (error) => this.#failed(tenure, error));
      },
    };
  }

  /** Losing the partition is the normal end of a tenure: wait for the next one. */
  #failed(tenure: Tenure, error: unknown): void {
    if (hasCode(error, 'FENCED')) {
      if (tenure !== this.#tenure) return;
      this.#context.logger.warn({ err: error }, 'fenced');
      this.end();
      return;
    }
    this.#fail(error);
  }

  end(): void {
    this.#tenure?.end();
    if (this.#tenure !== null) this.#context.observer.active(false);
    this.#tenure = null;
  }

  async drain(): Promise<void> {
    const { clock, settings, logger } = this.#context;
    this.#draining = true;
    const tenure = this.#tenure;
    if (tenure === null) return;
    const gaveUp = new AbortController();
    const late = clock.delay(settings.drainMsMax, gaveUp.signal).then(() => 'late' as const);
    const drained = tenure.drained().then(() => 'drained' as const);
    const outcome = await Promise.race([drained.catch(asLost), late]);
    gaveUp.abort();
    if (outcome === 'late') {
      logger.warn(
        { drainMsMax: settings.drainMsMax },
        'not drained in time: what is in hand is done again at the next start',
      );
    }
  }
}

/** Whoever has taken the partition over does again what was in hand: nothing is left to drain. */
function asLost(error: unknown): 'lost' {
  if (hasCode(error, 'FENCED')) return 'lost';
  throw error;
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof TurnstreamError && error.code === code;
}

async function checkTopics(deps: SequencerDeps, settings: SequencerSettings): Promise<void> {
  const admin = await deps.log.admin();
  try {
    const expected = [
      { topic: settings.changesTopic, partitions: 1 },
      { topic: settings.eventsTopic, partitions: settings.eventsPartitions },
    ];
    for (const { topic, partitions } of expected) {
      const found = await admin.partitionCount(topic);
      if (found === partitions) continue;
      if (found === undefined) {
        throw new TurnstreamError(
          'LOG',
          `topic ${topic} does not exist yet; \`turnstream connect\` creates it`,
          { retriable: true },
        );
      }
      throw new TurnstreamError(
        'PARTITION_COUNT',
        `Topic ${topic} has ${found} partitions, expected ${partitions}. The number is fixed for the ` +
          `store's life: set TURNSTREAM_EVENTS_PARTITIONS to what the topic has.`,
      );
    }
  } finally {
    await admin.close();
  }
}
