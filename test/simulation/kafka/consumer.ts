/**
 * A consumer of the simulated log, as processor/kafka/kafkajs-consumer.ts: each joining is an epoch
 * with a number of its own, and commits go out under the generation that the coordinator gave for
 * it. Everything it learns of its group it learns by a call or a heartbeat; until then it reads on,
 * whatever the coordinator thinks of it.
 */
import { TurnstreamError } from '../../../processor/error.ts';
import { stalledError } from '../../../processor/kafka/fetch-watch.ts';
import type {
  CommitOutcome,
  ConsumerHandlers,
  FetchedBatch,
  LogConsumer,
  OffsetCommit,
} from '../../../processor/kafka/log.ts';
import { offsetOutsideError } from '../../../processor/kafka/log-errors.ts';
import type { Process } from '../process.ts';
import { theWorld } from '../scheduler.ts';
import type { Joined, Member, SimulatedGroup } from './group.ts';
import type { SimulatedPartition } from './partition.ts';
import { type KafkaPorts, timedOut } from './ports.ts';

type Epoch = {
  readonly number: number;
  readonly generation: number;
  readonly partitions: readonly number[];
  readonly reading: Map<number, number>;
};

type Run = {
  readonly handlers: ConsumerHandlers;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

const nothing: ReadonlyMap<number, number> = new Map();

export class SimulatedConsumer implements LogConsumer, Member {
  readonly process: Process;
  readonly topic: string;
  readonly #ports: KafkaPorts;
  readonly #group: SimulatedGroup;
  #run: Run | null = null;
  #ended: Promise<void> | null = null;
  #epoch: Epoch | null = null;
  #epochs = 0;
  #joining = false;
  #silent = false;

  constructor(ports: KafkaPorts, process: Process, group: SimulatedGroup, topic: string) {
    this.#ports = ports;
    this.process = process;
    this.#group = group;
    this.topic = topic;
  }

  get isOver(): boolean {
    return this.#ended !== null;
  }

  get generation(): number | null {
    return this.#epoch?.generation ?? null;
  }

  get reading(): ReadonlyMap<number, number> {
    return this.#epoch?.reading ?? nothing;
  }

  async run(handlers: ConsumerHandlers): Promise<void> {
    if (this.#run !== null) throw new TurnstreamError('LOG', 'the consumer runs already');
    if (this.#ended !== null) return;
    await new Promise<void>((resolve, reject) => {
      this.#run = { handlers, resolve, reject };
      this.#join();
    });
  }

  async commit(epoch: number, offsets: ReadonlyMap<number, OffsetCommit>): Promise<CommitOutcome> {
    const current = this.#epoch;
    if (current === null || current.number !== epoch) return 'fenced';
    if (offsets.size === 0) return 'committed';
    const isOver = () => this.#epoch !== current;
    try {
      const outcome = await this.#commit(current.generation, offsets);
      if (outcome === 'fenced') this.#group.heartbeatSoon(this);
      return isOver() ? 'fenced' : outcome;
    } catch (error) {
      if (isOver()) return 'fenced';
      throw error;
    }
  }

  restart(): void {
    const former = this.#epoch;
    if (former === null || this.isOver) return;
    this.#endEpoch();
    this.#ports.count('kafka: an epoch was begun anew');
    void this.#work(former.generation, former.partitions);
  }

  stop(): Promise<void> {
    return this.#end(null);
  }

  /** It fetches no more; the first record that it should have fetched is noticed. */
  silence(): void {
    this.#silent = true;
  }

  /** Asks the coordinator whether it may go on; when not, it joins again. */
  readonly heartbeat = (): void => {
    if (this.#run === null || this.isOver || this.#joining) return;
    const epoch = this.#epoch;
    if (epoch !== null && this.#group.isCurrent(this, epoch.generation)) return;
    this.#endEpoch();
    this.#join();
  };

  #commit(generation: number, offsets: ReadonlyMap<number, OffsetCommit>): Promise<CommitOutcome> {
    return this.#ports.network.request<CommitOutcome>(
      this.process,
      'commit offset',
      () => timedOut(`committing offsets of group ${this.#group.name}`),
      (answer, _fail, fate) => {
        answer(this.#group.commit(this, generation, offsets, fate === 'late'));
        if (fate === 'unheard')
          this.#ports.count('kafka: a commit was applied and not acknowledged');
      },
    );
  }

  #join(): void {
    this.#joining = true;
    this.#begin().catch((error: unknown) => void this.#end(error));
  }

  async #begin(): Promise<void> {
    const { name } = this.#group;
    const { generation, partitions } = await this.#ask<Joined>(`join ${name}`, () =>
      this.#group.join(this),
    );
    this.#joining = false;
    if (this.isOver) return;
    await this.#work(generation, partitions);
  }

  async #work(generation: number, partitions: readonly number[]): Promise<void> {
    this.#epochs += 1;
    const reading = new Map<number, number>();
    const epoch = { number: this.#epochs, generation, partitions, reading };
    this.#epoch = epoch;
    // What happened while the answer was on its way, the next heartbeat tells.
    if (!this.#group.isCurrent(this, generation)) this.#group.heartbeatSoon(this);
    try {
      await this.#assign(epoch, partitions);
    } catch (error) {
      if (this.#epoch === epoch) void this.#end(error);
    }
  }

  async #assign(epoch: Epoch, partitions: readonly number[]): Promise<void> {
    const committed = await this.#ask(
      'read committed offsets',
      () => new Map(partitions.map((each) => [each, this.#group.committed(this.topic, each)])),
    );
    if (this.#epoch !== epoch || this.#run === null) return;
    const { handlers } = this.#run;
    this.#ports.probes.assigned?.({
      group: this.#group.name,
      topic: this.topic,
      epoch: epoch.number,
      generation: epoch.generation,
      partitions: committed,
      by: this.process,
    });
    const starts = await handlers.assigned(epoch.number, committed);
    const all = this.#ports.partitions(this.topic);
    for (const number of partitions) {
      const partition = all[number];
      if (partition === undefined || this.#epoch !== epoch) return;
      const start = starts.get(number) ?? committed.get(number)?.offset ?? 0;
      const end = partition.records.length;
      if (start > end) throw offsetOutsideError(this.topic, number, start, 0, end);
      this.#read(epoch, handlers, partition, start).catch((error: unknown) => {
        if (this.#epoch === epoch) void this.#end(error);
      });
    }
  }

  async #read(
    epoch: Epoch,
    handlers: ConsumerHandlers,
    partition: SimulatedPartition,
    start: number,
  ): Promise<void> {
    let next = start;
    while (this.#epoch === epoch) {
      epoch.reading.set(partition.number, next);
      await this.#delay(partition);
      const batch = await this.#tryHard(() => this.#fetch(epoch, partition, next), epoch);
      if (batch === null || this.#epoch !== epoch) return;
      if (this.#silent) {
        const silence = { partition: partition.number, next, end: batch.endOffset, ms: 0 };
        throw stalledError(this.topic, this.#group.name, silence);
      }
      next += batch.records.length;
      epoch.reading.set(partition.number, next);
      await handlers.batch(epoch.number, partition.number, batch);
    }
  }

  #fetch(epoch: Epoch, partition: SimulatedPartition, next: number): Promise<FetchedBatch> {
    const { network, scheduler, dice, options, count } = this.#ports;
    const { records } = partition;
    return network.request<FetchedBatch>(
      this.process,
      partition.fetchLabel,
      () => timedOut(`reading ${this.topic} as ${this.#group.name}`),
      (answer) => {
        const look = () => {
          const available = Math.min(records.length - next, options.fetchRecordsMax);
          if (available <= 0) {
            // The broker answers at once, or a little later, when more has come.
            const lookLater = () => scheduler.step(theWorld, partition.fetchLabel, look);
            partition.park(dice.chance(0.3) ? lookLater : look);
            return;
          }
          const taken = dice.int(1, available);
          if (taken < records.length - next) count('kafka: a fetch was cut short');
          if (this.#isZombie(epoch, partition.number)) count('kafka: two owners read at a time');
          answer({ records: records.slice(next, next + taken), endOffset: records.length });
        };
        look();
      },
    );
  }

  /** Another member works on the partition by right, while this one still does. */
  #isZombie({ generation }: Epoch, partition: number): boolean {
    if (this.#group.isCurrent(this, generation)) return false;
    const owner = this.#group.owner(this.topic, partition);
    return owner !== null && owner !== this && owner.reading.has(partition);
  }

  #delay({ fetchDelayMsMax, fetchLabel }: SimulatedPartition): Promise<void> | undefined {
    if (fetchDelayMsMax === 0) return undefined;
    const { scheduler, dice, count } = this.#ports;
    count('kafka: a fetch of a slow partition was held up');
    return new Promise((resolve) => {
      const ms = dice.int(1, fetchDelayMsMax);
      scheduler.after(this.process, ms, `${fetchLabel}: slow`, resolve);
    });
  }

  async #ask<Answer>(label: string, serve: () => Answer): Promise<Answer> {
    const { network } = this.#ports;
    const call = { label, serve, timedOut: () => timedOut(label) };
    const answer = await this.#tryHard(() => network.call(this.process, call), null);
    if (answer === null) throw timedOut(label);
    return answer;
  }

  /** Again after each time-out, so many times; null when the epoch ends meanwhile. */
  async #tryHard<T>(run: () => Promise<T>, epoch: Epoch | null): Promise<T | null> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await run();
      } catch (error) {
        if (epoch !== null && this.#epoch !== epoch) return null;
        const isWorthIt = error instanceof TurnstreamError && error.retriable && !this.isOver;
        if (!isWorthIt || failures > this.#ports.options.retriesMax) throw error;
      }
    }
  }

  #endEpoch(): void {
    const epoch = this.#epoch;
    if (epoch === null) return;
    this.#epoch = null;
    this.#run?.handlers.revoked(epoch.number);
  }

  #end(failure: unknown): Promise<void> {
    this.#ended ??= this.#close(failure);
    return this.#ended;
  }

  async #close(failure: unknown): Promise<void> {
    this.#endEpoch();
    if (this.#run !== null) await this.#leave();
    if (failure === null) this.#run?.resolve();
    else this.#run?.reject(failure);
  }

  /** A leaving that is lost is no failure: the session ends by itself. */
  async #leave(): Promise<void> {
    const { network, count } = this.#ports;
    const label = `leave ${this.#group.name}`;
    try {
      await network.call(this.process, {
        label,
        serve: () => this.#group.leave(this),
        timedOut: () => timedOut(label),
      });
    } catch {
      count('kafka: a leaving was not acknowledged');
      this.#group.giveUpSoon(this);
    }
  }
}
