/**
 * A member's dealings with its group that kafkajs' consumer does not offer exactly: commits under
 * the generation of a given epoch, and committed offsets with their metadata.
 *
 * kafkajs' own commit uses whatever generation the member has by then, repeats a refused commit
 * across a rejoin, and answers in silence when the consumer no longer runs: none of that is a
 * fence. So the request is made here, with the epoch's generation, over a connection of its own,
 * where it does not wait behind a fetch. kafkajs hands the cluster to a consumer's assigner, and
 * tells the generation to nobody: the coordinator's `joinGroup` is watched for it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Broker,
  type Cluster,
  type Consumer,
  type Kafka,
  type PartitionAssigner,
  PartitionAssigners,
} from 'kafkajs';
import { TurnstreamError } from '../error.ts';
import { isFencing, logError } from './kafkajs-errors.ts';
import type { KafkaOptions } from './kafkajs-options.ts';
import type { CommitOutcome, OffsetCommit } from './log.ts';

export type Membership = { readonly generationId: number; readonly memberId: string };

export type JoinObserver = {
  /** The member asks to join: whatever it owned, it may lose. */
  readonly joining: () => void;
  readonly joined: (membership: Membership) => void;
};

type JoiningBroker = { joinGroup: (request: unknown) => Promise<Membership> };

/** kafkajs' round robin, which also reports every joining of this member. */
export function watchedAssigner(observer: JoinObserver): PartitionAssigner {
  return (config) => {
    const watched = new WeakSet<Broker>();
    const find = config.cluster.findGroupCoordinator.bind(config.cluster);
    config.cluster.findGroupCoordinator = async (group) => {
      const broker = await find(group);
      if (!watched.has(broker)) watch(broker as unknown as JoiningBroker, observer);
      watched.add(broker);
      return broker;
    };
    return PartitionAssigners.roundRobin(config);
  };
}

function watch(broker: JoiningBroker, observer: JoinObserver): void {
  const join = broker.joinGroup.bind(broker);
  broker.joinGroup = async (request) => {
    observer.joining();
    const joined = await join(request);
    observer.joined({ generationId: joined.generationId, memberId: joined.memberId });
    return joined;
  };
}

type Bounds = { readonly first: number; readonly end: number };

export class GroupLink {
  private readonly group: string;
  private readonly topic: string;
  private readonly options: KafkaOptions;
  /** Never joins: it lends its cluster, with connections of its own. */
  private readonly lender: Consumer;
  private cluster: Cluster | undefined;
  private coordinator: Broker | undefined;
  /** The last question about offsets failed: who leads which partition is asked anew before the next. */
  private isOutdated = false;

  constructor(kafka: Kafka, group: string, topic: string, options: KafkaOptions) {
    this.group = group;
    this.topic = topic;
    this.options = options;
    this.lender = kafka.consumer({
      groupId: group,
      allowAutoTopicCreation: false,
      partitionAssigners: [
        (config) => {
          this.cluster = config.cluster;
          return PartitionAssigners.roundRobin(config);
        },
      ],
    });
  }

  async connect(): Promise<void> {
    await this.lender.connect();
    await this.clusterOf().addMultipleTargetTopics([this.topic]);
  }

  disconnect(): Promise<void> {
    return this.lender.disconnect();
  }

  /** The committed offsets of the partitions; null where there is none. */
  async committed(partitions: readonly number[]): Promise<Map<number, OffsetCommit | null>> {
    const found = new Map<number, OffsetCommit | null>(partitions.map((each) => [each, null]));
    if (partitions.length === 0) return found;
    const topics = [
      {
        topic: this.topic,
        partitions: partitions.map((partition) => ({ partition, offset: '0' })),
      },
    ];
    const { responses } = await this.ask(`reading the offsets of group ${this.group}`, (broker) =>
      broker.offsetFetch({ groupId: this.group, topics }),
    );
    for (const committed of responses.flatMap((response) => response.partitions)) {
      const { partition, offset, metadata } = committed as typeof committed & {
        readonly metadata?: string | null;
      };
      if (Number(offset) < 0) continue;
      const commit: OffsetCommit = { offset: Number(offset) };
      found.set(partition, metadata ? { ...commit, metadata } : commit);
    }
    return found;
  }

  /** The first and the next offset of each partition. */
  async bounds(partitions: readonly number[]): Promise<Map<number, Bounds>> {
    if (partitions.length === 0) return new Map();
    const [first, end] = await this.insist(`reading the bounds of ${this.topic}`, () =>
      Promise.all([this.offsets(partitions, true), this.offsets(partitions, false)]),
    );
    return new Map(
      partitions.map((each) => [each, { first: first.get(each) ?? 0, end: end.get(each) ?? 0 }]),
    );
  }

  /** The next offset of each partition, asked once. */
  async ends(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    try {
      return await this.offsets(partitions, false);
    } catch (error) {
      throw logError(`reading the end of ${this.topic}`, error);
    }
  }

  /** Rejects when a partition has no leader that could say it. */
  private async offsets(
    partitions: readonly number[],
    fromBeginning: boolean,
  ): Promise<ReadonlyMap<number, number>> {
    const wanted = partitions.map((partition) => ({ partition }));
    const cluster = this.clusterOf();
    // The lender does not fetch, so nothing else tells it that a leader or an address has changed.
    if (this.isOutdated) await cluster.refreshMetadata();
    this.isOutdated = true;
    const [found] = await cluster.fetchTopicsOffset([
      { topic: this.topic, partitions: wanted, fromBeginning },
    ]);
    const offsets = new Map(
      found?.partitions.map(({ partition, offset }) => [partition, Number(offset)] as const),
    );
    const missing = partitions.filter((partition) => !offsets.has(partition));
    if (missing.length === 0) {
      this.isOutdated = false;
      return offsets;
    }
    throw new TurnstreamError(
      'LOG',
      `partition ${missing.join(', ')} of ${this.topic} has no leader at present; it comes back with its broker`,
      { retriable: true },
    );
  }

  /** Commits as that member of that generation; `over` tells that trying again has no point. */
  async commit(
    membership: Membership,
    offsets: ReadonlyMap<number, OffsetCommit>,
    over: () => boolean,
  ): Promise<CommitOutcome> {
    const partitions = Array.from(offsets, ([partition, { offset, metadata }]) => {
      return { partition, offset: String(offset), metadata: metadata ?? null };
    });
    if (partitions.length === 0) return over() ? 'fenced' : 'committed';
    const request = {
      groupId: this.group,
      groupGenerationId: membership.generationId,
      memberId: membership.memberId,
      topics: [{ topic: this.topic, partitions }],
    };
    try {
      await this.ask(
        `committing offsets of group ${this.group}`,
        (broker) => broker.offsetCommit(request),
        over,
      );
    } catch (error) {
      if (isFencing(error) || over()) return 'fenced';
      throw error;
    }
    return over() ? 'fenced' : 'committed';
  }

  /** Asks the coordinator; it may have become another one. */
  private ask<Answer>(
    doing: string,
    request: (broker: Broker) => Promise<Answer>,
    over: () => boolean = () => false,
  ): Promise<Answer> {
    const attempt = async (): Promise<Answer> => {
      try {
        if (this.coordinator?.isConnected() !== true) {
          this.coordinator = await this.clusterOf().findGroupCoordinator({ groupId: this.group });
        }
        return await request(this.coordinator);
      } catch (error) {
        if (!isFencing(error)) this.coordinator = undefined;
        throw error;
      }
    };
    return this.insist(doing, attempt, over);
  }

  /** Again after a pause while it is worth it; a bounded number of times. */
  private async insist<Answer>(
    doing: string,
    attempt: () => Promise<Answer>,
    over: () => boolean = () => false,
  ): Promise<Answer> {
    let delayMs = this.options.retryDelayMsMin;
    for (let retries = 0; ; retries++) {
      try {
        return await attempt();
      } catch (error) {
        if (isFencing(error)) throw error;
        const failure = logError(doing, error);
        if (!failure.retriable || retries >= this.options.retriesMax || over()) throw failure;
        await pause(delayMs);
        delayMs = Math.min(delayMs * 2, this.options.retryDelayMsMax);
      }
    }
  }

  private clusterOf(): Cluster {
    if (this.cluster !== undefined) return this.cluster;
    throw new Error('kafkajs did not hand its cluster to the assigner');
  }
}
