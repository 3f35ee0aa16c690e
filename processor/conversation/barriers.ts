/**
 * The order in which state is written where a change carries rows from one container to another
 * (carry.ts): everything before the change, then the destination, then the source. Whoever begins with
 * what a crash has left finds the source whole wherever the destination has not got it, and finds nothing
 * behind that could still take the carried rows for the source's.
 *
 * A carry is remembered by its positions alone; which round of writes a segment belongs to follows from
 * its own position, since no segment spans a barrier (`Container.advance`).
 */
import type { Segment } from './container.ts';
import { type Moment, ordinalsPerSide } from './moment.ts';

type Carried = Pick<Moment, 'removal' | 'arrival'>;

export class Barriers {
  /** The last one: containers look at it when a change closes. */
  readonly last = { position: -1 };
  #carried: Carried[] = [];
  #bytes = 0;

  /** A carry begins; `bytes`: of the rows that it leaves unwritten in memory, about. */
  begin({ removal, arrival }: Carried, bytes: number): void {
    this.last.position = Math.max(this.last.position, removal);
    this.#bytes += bytes;
    // One change may carry from several containers.
    if (this.#carried.at(-1)?.removal !== removal) this.#carried.push({ removal, arrival });
  }

  /** What follows is written after what the carry has changed. */
  end({ arrival }: Carried): void {
    this.last.position = Math.max(this.last.position, endOf(arrival));
  }

  /** About what was carried since the last take, in bytes. */
  get carriedBytes(): number {
    return this.#bytes;
  }

  /** Of all carries since the last take. */
  take(): Rounds {
    const carried = this.#carried;
    this.#carried = [];
    this.#bytes = 0;
    return new Rounds(carried);
  }
}

/**
 * The rounds of one write, each wholly stored before the next. For each carry three: what was changed
 * before it, its destination, its source. At the end what was changed after the last one.
 */
export class Rounds {
  readonly #carried: readonly Carried[];

  constructor(carried: readonly Carried[]) {
    this.#carried = carried;
  }

  get count(): number {
    return roundsOfCarry * this.#carried.length + 1;
  }

  roundOf({ position }: Pick<Segment, 'position'>): number {
    let low = 0;
    let high = this.#carried.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#carried[middle] as Carried).removal <= position) low = middle + 1;
      else high = middle;
    }
    const first = roundsOfCarry * low;
    const carry = this.#carried[low - 1];
    if (carry === undefined || position >= endOf(carry.arrival)) return first;
    return position >= carry.arrival ? first - 2 : first - 1;
  }
}

const roundsOfCarry = 3;

/** Whether the round has the destination of a carry. */
export function isDestination(round: number): boolean {
  return round % roundsOfCarry === 1;
}

function endOf(arrival: number): number {
  return arrival + ordinalsPerSide;
}
