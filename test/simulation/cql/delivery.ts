/**
 * How mutations come to the replicas. Those of an acknowledged write come to a majority before its
 * answer, in any order with everything else; of what nobody hears of, perhaps to some alone.
 */
import type { Dice } from '../dice.ts';
import { type Fate, isHeard } from '../network.ts';
import type { Process } from '../process.ts';
import { type Scheduler, theWorld } from '../scheduler.ts';
import { apply, type Copy, type Meetings, type Tie } from './copy.ts';
import type { CqlHappening, CqlProbes } from './probes.ts';
import type { Partition } from './table.ts';
import type { Write } from './write.ts';

export type WriteRequest = {
  readonly process: Process;
  readonly label: string;
  /** Its caller was told that no answer came. */
  isGivenUp: boolean;
  /** A replica has some of it. */
  isApplied: boolean;
};

export type DeliveryOptions = {
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly replicas: 1 | 3;
  readonly laggards: { readonly late: number; readonly never: number };
  readonly count: (name: CqlHappening) => void;
  readonly probes: CqlProbes;
};

type Mutation = {
  readonly request: WriteRequest;
  readonly partition: Partition;
  readonly writes: readonly Write[];
  /** Replicas that have it. */
  reached: number;
  /** Called once a majority has it. */
  readonly durable: () => void;
};

const lateMsMax = 3_000;
/** Of a batch over several CQL partitions that nobody hears of: how probably each is applied. */
const partApplied = 0.7;

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #majority: number;
  #landing: Write | null = null;
  #olderMet = false;
  readonly #meetings: Meetings = {
    older: () => {
      this.#olderMet = true;
    },
    tie: (tie) => this.#tie(tie),
  };

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#majority = options.replicas === 1 ? 1 : 2;
  }

  deliver(
    request: WriteRequest,
    writes: ReadonlyMap<Partition, readonly Write[]>,
    fate: Fate,
    answer: () => void,
  ): void {
    const { dice } = this.#options;
    let left = writes.size;
    const durable = () => {
      left -= 1;
      if (left === 0) answer();
    };
    const isAlone = writes.size === 1;
    for (const [partition, of] of writes) {
      if (!isHeard(fate) && !isAlone && !dice.chance(partApplied)) continue;
      const mutation = { request, partition, writes: of, reached: 0, durable };
      if (this.#options.replicas === 1) this.#toOne(mutation, isAlone);
      else if (isHeard(fate)) this.#toMajority(mutation);
      else this.#toSome(mutation);
    }
  }

  #toOne(mutation: Mutation, isAlone: boolean): void {
    if (isAlone) this.#land(mutation, 0);
    else this.#soon(mutation, 0);
  }

  /** To all, but perhaps one. */
  #toMajority(mutation: Mutation): void {
    const { dice, laggards } = this.#options;
    const chance = dice.fraction();
    const laggard = chance < laggards.late + laggards.never ? dice.below(3) : -1;
    for (const replica of [0, 1, 2]) {
      if (replica !== laggard) this.#soon(mutation, replica);
      else if (chance < laggards.late) this.#late(mutation, replica);
      else this.#options.count('cql: a replica never got a write');
    }
  }

  /** To one, two or three. */
  #toSome(mutation: Mutation): void {
    const { dice } = this.#options;
    const first = dice.below(3);
    const count = dice.int(1, 3);
    if (count === 1) this.#options.count('cql: a write reached a minority alone');
    for (let more = 0; more < count; more += 1) {
      const replica = (first + more) % 3;
      if (more === 0 || dice.chance(0.7)) this.#soon(mutation, replica);
      else this.#late(mutation, replica);
    }
  }

  #soon(mutation: Mutation, replica: number): void {
    const label = `${mutation.request.label}: at replica ${replica}`;
    this.#options.scheduler.step(theWorld, label, () => this.#land(mutation, replica));
  }

  #late(mutation: Mutation, replica: number): void {
    const { scheduler, dice, count } = this.#options;
    const label = `${mutation.request.label}: late at replica ${replica}`;
    scheduler.after(theWorld, dice.int(1, lateMsMax), label, () => {
      count('cql: a replica got a write late');
      this.#land(mutation, replica);
    });
  }

  #land(mutation: Mutation, replica: number): void {
    const { partition, writes } = mutation;
    const copy = partition.copies[replica] as Copy;
    this.#olderMet = false;
    for (const write of writes) {
      this.#landing = write;
      apply(copy, write.effect, this.#meetings);
    }
    if (this.#olderMet) this.#options.count('cql: an older write met a newer row');
    const { replicas, probes } = this.#options;
    mutation.reached += 1;
    if (mutation.reached === 1) this.#applied(mutation);
    if (replicas > 1) {
      if (mutation.reached === 1) partition.uneven += 1;
      if (mutation.reached === replicas) partition.uneven -= 1;
    }
    if (mutation.reached === this.#majority) {
      if (probes.durable !== undefined) for (const write of writes) probes.durable(write);
      mutation.durable();
    }
  }

  #applied({ request, writes }: Mutation): void {
    const { count, probes } = this.#options;
    request.isApplied = true;
    if (request.isGivenUp) count('cql: a write applied long after its time-out');
    if (request.process.state === 'dead') count('cql: a write applied after its writer had died');
    for (const write of writes) {
      probes.applied?.(write);
      if (write.hasPosition) continue;
      count('cql: a write without a timestamp');
      probes.serverTime?.(write);
    }
  }

  #tie(tie: Tie): void {
    const { count, probes } = this.#options;
    const write = this.#landing;
    count('cql: equal timestamps');
    if (write === null || probes.tie === undefined) return;
    probes.tie({ ...tie, table: write.table, key: write.key, by: write.by });
  }
}
