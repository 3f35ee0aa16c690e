/**
 * Kafka in a simulated history: topics, consumer groups and, for each process, a log that keeps the
 * port's contract (processor/kafka/log.contract.ts) however its calls fare. What the broker does by
 * itself is asked of it here by whoever runs the history: expiry, rebalances, slow partitions. What
 * it knows is open to the checks.
 */
import { TurnstreamError } from '../../../processor/error.ts';
import type {
  Log,
  LogAdmin,
  LogRecord,
  NewRecord,
  OffsetCommit,
  TopicSpec,
} from '../../../processor/kafka/log.ts';
import { partitionCountError } from '../../../processor/kafka/log-errors.ts';
import type { Dice } from '../dice.ts';
import type { Network } from '../network.ts';
import type { Process } from '../process.ts';
import type { Scheduler } from '../scheduler.ts';
import { SimulatedConsumer } from './consumer.ts';
import { type Member, SimulatedGroup } from './group.ts';
import { SimulatedPartition } from './partition.ts';
import {
  type KafkaOptions,
  type KafkaPorts,
  type KafkaProbes,
  kafkaDefaults,
  timedOut,
} from './ports.ts';
import { appendTo, openProducer } from './producer.ts';

export type SimulatedKafkaDeps = {
  readonly network: Network;
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly options?: Partial<KafkaOptions>;
  readonly count?: (name: string) => void;
  readonly probes?: KafkaProbes;
};

export class SimulatedKafka {
  readonly #ports: KafkaPorts;
  readonly #topics = new Map<string, readonly SimulatedPartition[]>();
  readonly #groups = new Map<string, SimulatedGroup>();
  /** Of all processes that are not known to be dead. */
  #consumers: (readonly [SimulatedGroup, SimulatedConsumer])[] = [];

  constructor(deps: SimulatedKafkaDeps) {
    this.#ports = {
      network: deps.network,
      scheduler: deps.scheduler,
      dice: deps.dice.forked('kafka'),
      options: { ...kafkaDefaults, ...deps.options },
      count: deps.count ?? (() => undefined),
      probes: deps.probes ?? {},
      partitions: (topic) => this.#partitions(topic),
    };
  }

  /** The log as one process uses it. */
  log(process: Process): Log {
    return {
      producer: async () => openProducer(this.#ports, process),
      consumer: async (name, topic) => {
        const group = this.#group(name);
        const consumer = new SimulatedConsumer(this.#ports, process, group, topic);
        this.#consumers.push([group, consumer]);
        return consumer;
      },
      admin: async () => this.#admin(process),
    };
  }

  /** At once, by nobody's call. */
  createTopic(topic: string, partitions: number): void {
    this.#ensureTopic({ topic, partitions, replicationFactor: 1, config: {} });
  }

  /** At once, for what writes to the log without being a process of ours. */
  appendNow(
    topic: string,
    partition: number,
    records: readonly Omit<NewRecord, 'topic' | 'partition'>[],
  ): void {
    const target = this.#partition(topic, partition);
    const whole = records.map((record) => ({ ...record, topic, partition }));
    appendTo(this.#ports, target, whole, Math.floor(this.#ports.scheduler.nowMs()), null);
  }

  /**
   * The broker gives up on the process's members, though it goes on, until a refused commit or a
   * heartbeat tells it. Answers whether there was any.
   */
  expire(process: Process): boolean {
    const members = this.#members(process);
    for (const [group, member] of members) group.expire(member);
    return members.length > 0;
  }

  /** The process's consumers send a heartbeat, each in a step of its own, and so hear of any loss. */
  notice(process: Process): void {
    for (const [group, consumer] of this.#consumers) {
      if (consumer.process === process) group.heartbeatSoon(consumer);
    }
  }

  /** The process's consumers fetch no more, and end as stalled once there is something to fetch. */
  silence(process: Process): void {
    for (const [, consumer] of this.#consumers) {
      if (consumer.process === process) consumer.silence();
    }
  }

  /** The process is dead: its members expire when their sessions end. */
  died(process: Process): void {
    this.#consumers = this.#consumers.filter(([, consumer]) => consumer.process !== process);
    for (const [group, member] of this.#members(process)) group.giveUpSoon(member);
  }

  /** A rebalance without reason; a group that nobody has joined has none. */
  rebalance(group: string): void {
    const found = this.#group(group);
    if (found.members.length > 0) found.rebalance();
  }

  /** A rebalance without reason of the groups that the process is in. */
  rebalanceOf(process: Process): void {
    for (const group of new Set(this.#members(process).map(([each]) => each))) group.rebalance();
  }

  /** From now on each fetch of the partition begins up to so much later; 0 ends it. */
  slow(topic: string, partition: number, fetchDelayMsMax: number): void {
    this.#partition(topic, partition).fetchDelayMsMax = fetchDelayMsMax;
  }

  /** What stands in each partition of the topic, by its number. */
  partitions(topic: string): readonly (readonly LogRecord[])[] {
    return this.#partitions(topic).map(({ records }) => records);
  }

  committedOffset(group: string, topic: string, partition: number): OffsetCommit | null {
    return this.#group(group).committed(topic, partition);
  }

  /** Whether the group has committed the end of every partition. */
  caughtUp(group: string, topic: string): boolean {
    const coordinator = this.#group(group);
    return this.#partitions(topic).every(
      ({ number, records }) =>
        (coordinator.committed(topic, number)?.offset ?? 0) === records.length,
    );
  }

  /** Whom the coordinator holds for the owner; others may still be at work. */
  owner(group: string, topic: string, partition: number): Process | null {
    return this.#group(group).owner(topic, partition)?.process ?? null;
  }

  #members(process: Process): readonly (readonly [SimulatedGroup, Member])[] {
    return [...this.#groups.values()].flatMap((group) =>
      group.members
        .filter((member) => member.process === process)
        .map((member) => [group, member] as const),
    );
  }

  #admin(process: Process): LogAdmin {
    const { network } = this.#ports;
    const call = <T>(label: string, serve: () => T) =>
      network.call(process, { label, serve, timedOut: () => timedOut(label) });
    return {
      ensureTopics: (specs) =>
        call('create topics', () => {
          for (const spec of specs) this.#ensureTopic(spec);
        }),
      partitionCount: (topic) =>
        call('read partition count', () => this.#topics.get(topic)?.length),
      endOffsets: (topic) =>
        call('read end offsets', () =>
          this.#partitions(topic).map(({ records }) => records.length),
        ),
      committedOffsets: (group, topic) =>
        call('read offsets of a group', () =>
          this.#partitions(topic).map(
            ({ number }) => this.#group(group).committed(topic, number)?.offset ?? null,
          ),
        ),
      close: async () => undefined,
    };
  }

  #ensureTopic(spec: TopicSpec): void {
    const { topic, partitions } = spec;
    const existing = this.#topics.get(topic);
    if (existing === undefined) {
      this.#topics.set(
        topic,
        Array.from({ length: partitions }, (_, number) => new SimulatedPartition(topic, number)),
      );
    } else if (existing.length !== partitions) {
      throw partitionCountError(spec, existing.length);
    }
  }

  #partitions(topic: string): readonly SimulatedPartition[] {
    const partitions = this.#topics.get(topic);
    if (partitions !== undefined) return partitions;
    throw new TurnstreamError('LOG', `topic ${topic} does not exist; create it first`);
  }

  #partition(topic: string, number: number): SimulatedPartition {
    const partition = this.#partitions(topic)[number];
    if (partition !== undefined) return partition;
    throw new TurnstreamError('LOG', `topic ${topic} has no partition ${number}`);
  }

  #group(name: string): SimulatedGroup {
    const existing = this.#groups.get(name);
    if (existing !== undefined) return existing;
    const group = new SimulatedGroup(this.#ports, name);
    this.#groups.set(name, group);
    return group;
  }
}
