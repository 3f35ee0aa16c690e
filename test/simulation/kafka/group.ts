/**
 * The coordinator of a simulated consumer group: its members, a generation that rises with every
 * rebalance, and the committed offsets. A rebalance is one happening here; every member hears of it
 * when it does, so former owners go on while new ones begin, as after a rebalance time-out. Its
 * fence: a commit is accepted from a member, under the generation of this very moment.
 */
import type { CommitOutcome, OffsetCommit } from '../../../processor/kafka/log.ts';
import type { Process } from '../process.ts';
import { theWorld } from '../scheduler.ts';
import type { KafkaPorts } from './ports.ts';

/** What the coordinator knows of a consumer, and how it reaches it. */
export type Member = {
  readonly topic: string;
  readonly process: Process;
  /** It has stopped or failed: it will not answer any more. */
  readonly isOver: boolean;
  /** The generation that it works in, null between two. */
  readonly generation: number | null;
  /** Next offset to read, of each partition that it works on. */
  readonly reading: ReadonlyMap<number, number>;
  /** It asks the coordinator how things are. */
  readonly heartbeat: () => void;
};

export type Joined = { readonly generation: number; readonly partitions: readonly number[] };

export class SimulatedGroup {
  readonly name: string;
  readonly #ports: KafkaPorts;
  #generation = 0;
  #members: readonly Member[] = [];
  readonly #assigned = new Map<Member, readonly number[]>();
  readonly #offsets = new Map<string, OffsetCommit>();

  constructor(ports: KafkaPorts, name: string) {
    this.#ports = ports;
    this.name = name;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  committed(topic: string, partition: number): OffsetCommit | null {
    return this.#offsets.get(`${topic}/${partition}`) ?? null;
  }

  /** Whether the member may go on in that generation. */
  isCurrent(member: Member, generation: number | null): boolean {
    return generation === this.#generation && this.#members.includes(member);
  }

  /** The member that owns the partition in the coordinator's mind. */
  owner(topic: string, partition: number): Member | null {
    for (const member of this.#members) {
      if (member.topic === topic && this.#assigned.get(member)?.includes(partition)) return member;
    }
    return null;
  }

  /** A member that is in already hears how things stand; that is how a rebalance ends for it. */
  join(member: Member): Joined {
    this.#ports.partitions(member.topic);
    if (!this.#members.includes(member)) {
      this.#members = [...this.#members, member];
      this.rebalance();
    }
    // It asked, and is gone by now: nobody will work on what it is given.
    if (member.isOver || isDead(member.process)) this.giveUpSoon(member);
    return { generation: this.#generation, partitions: this.#assigned.get(member) ?? [] };
  }

  leave(member: Member): void {
    if (!this.#members.includes(member)) return;
    this.#members = this.#members.filter((other) => other !== member);
    this.#assigned.delete(member);
    this.rebalance();
  }

  /** The member is out, though it does not know. */
  expire(member: Member): void {
    if (!this.#members.includes(member)) return;
    const { count, options, scheduler } = this.#ports;
    count('kafka: a member expired');
    this.leave(member);
    if (options.expiryHeardMs !== Number.POSITIVE_INFINITY) {
      const label = `heartbeat to ${this.name}`;
      scheduler.after(member.process, options.expiryHeardMs, label, member.heartbeat);
    }
  }

  /** Its session ends within the time it lasts. */
  giveUpSoon(member: Member): void {
    const { scheduler, dice, options } = this.#ports;
    const label = `session in ${this.name} ends`;
    const expire = () => this.expire(member);
    if (dice.chance(0.25)) scheduler.step(theWorld, label, expire);
    else scheduler.after(theWorld, dice.int(1, options.sessionMs), label, expire);
  }

  rebalance(): void {
    const { dice, count, partitions } = this.#ports;
    this.#generation += 1;
    if (this.#members.some((member) => this.#hasWorkInHand(member))) {
      count('kafka: a rebalance while a batch was in hand');
    }
    this.#assigned.clear();
    for (const topic of new Set(this.#members.map((member) => member.topic))) {
      const peers = this.#members.filter((member) => member.topic === topic);
      const first = dice.below(peers.length);
      for (const [place, member] of peers.entries()) {
        const share = (place + first) % peers.length;
        const own = partitions(topic).map(({ number }) => number);
        this.#assigned.set(
          member,
          own.filter((partition) => partition % peers.length === share),
        );
      }
    }
    for (const member of this.#members) {
      // One that waits for the answer to its joining hears it from that.
      if (member.generation !== null) this.#tellOfRebalance(member);
    }
  }

  commit(
    member: Member,
    generation: number,
    offsets: ReadonlyMap<number, OffsetCommit>,
    isLate: boolean,
  ): CommitOutcome {
    const { count, probes, options } = this.#ports;
    if (!this.isCurrent(member, generation) || (isLate && !options.lateCommits)) {
      count('kafka: a commit was refused (fenced)');
      return 'fenced';
    }
    if (isLate) count('kafka: an old commit was applied late');
    for (const [partition, { offset, metadata }] of offsets) {
      const before = this.committed(member.topic, partition);
      if (before !== null && offset < before.offset) count('kafka: a committed offset went back');
      const commit = metadata ? { offset, metadata } : { offset };
      this.#offsets.set(`${member.topic}/${partition}`, commit);
      const how = { by: member.process, generation, isLate };
      probes.committed?.(this.name, member.topic, partition, commit, how);
    }
    return 'committed';
  }

  /** Soon: its next heartbeat tells the member. */
  heartbeatSoon(member: Member): void {
    this.#ports.scheduler.step(member.process, `heartbeat to ${this.name}`, member.heartbeat);
  }

  #tellOfRebalance(member: Member): void {
    const { scheduler, dice, options } = this.#ports;
    const label = `heartbeat to ${this.name}`;
    const tell = () => {
      // One that was given up meanwhile goes on until it hears of that.
      if (this.#members.includes(member)) member.heartbeat();
    };
    if (dice.chance(0.5)) scheduler.step(member.process, label, tell);
    else scheduler.after(member.process, dice.int(0, options.rebalanceHeardMsMax), label, tell);
  }

  #hasWorkInHand(member: Member): boolean {
    for (const [partition, next] of member.reading) {
      if (next > (this.committed(member.topic, partition)?.offset ?? 0)) return true;
    }
    return false;
  }
}

function isDead({ state }: Process): boolean {
  return state === 'dead';
}
