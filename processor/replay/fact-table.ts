/**
 * What the last event left of each fact, as hashes in flat arrays: 16 bytes a slot, between half and three
 * quarters of the slots in use, so 22 to 32 MB for a million facts (and once more while it grows). The
 * memory is bounded (I10): when it is full, half of the sessions are forgotten and not looked at any
 * more. A session is looked at from its first event to its last, or not at all.
 */

/** Bytes of a slot: key, check and value. */
const slotBytes = 16;
const slotsMin = 1024;
const fullAt = 0.75;

/** 0 stands for "no such fact": a hash is never 0. */
export const absent = 0;

export type FactKey = {
  /** 52 bits; the lowest of the session's decide whether it is looked at. */
  readonly key: number;
  /** 32 more. */
  readonly check: number;
};

export class FactTable {
  readonly #slotsMax: number;
  #keys = new Float64Array(slotsMin);
  #checks = new Uint32Array(slotsMin);
  #values = new Uint32Array(slotsMin);
  #used = 0;
  #halvings = 0;

  constructor(bytesMax: number) {
    // It grows by doubling, with both forms in memory for a moment.
    const slots = bytesMax / slotBytes / 1.5;
    this.#slotsMax = Math.max(slotsMin, 2 ** Math.floor(Math.log2(slots)));
  }

  /** Facts that are remembered, deleted ones of the sessions that are looked at among them. */
  get size(): number {
    return this.#used;
  }

  /** From 0 to 1: which share of the sessions is looked at. */
  get share(): number {
    return 2 ** -this.#halvings;
  }

  looksAt(session: number): boolean {
    return session % 2 ** this.#halvings === 0;
  }

  /** `absent` when there is none. The session is one that is looked at. */
  get({ key, check }: FactKey): number {
    return this.#values[this.#slotOf(key, check)] ?? absent;
  }

  /** May forget half of the sessions, this one as well. */
  set(fact: FactKey, value: number): void {
    const slot = this.#slotOf(fact.key, fact.check);
    if (this.#keys[slot] === 0) {
      if (value === absent) return;
      if (this.#used + 1 > this.#keys.length * fullAt) {
        this.#makeRoom(fact, value);
        return;
      }
      this.#keys[slot] = fact.key;
      this.#checks[slot] = fact.check;
      this.#used += 1;
    }
    this.#values[slot] = value;
  }

  #slotOf(key: number, check: number): number {
    const mask = this.#keys.length - 1;
    for (let slot = check & mask; ; slot = (slot + 1) & mask) {
      const found = this.#keys[slot];
      if (found === 0 || (found === key && this.#checks[slot] === check)) return slot;
    }
  }

  #makeRoom(fact: FactKey, value: number): void {
    if (this.#keys.length < this.#slotsMax) this.#rebuild(this.#keys.length * 2);
    else {
      this.#halvings += 1;
      this.#rebuild(this.#keys.length);
    }
    if (this.looksAt(sessionOf(fact.key))) this.set(fact, value);
  }

  #rebuild(slots: number): void {
    const [keys, checks, values] = [this.#keys, this.#checks, this.#values];
    this.#keys = new Float64Array(slots);
    this.#checks = new Uint32Array(slots);
    this.#values = new Uint32Array(slots);
    this.#used = 0;
    for (let slot = 0; slot < keys.length; slot += 1) {
      const [key, check] = [keys[slot] ?? 0, checks[slot] ?? 0];
      if (key === 0 || !this.looksAt(sessionOf(key))) continue;
      const target = this.#slotOf(key, check);
      this.#keys[target] = key;
      this.#checks[target] = check;
      this.#values[target] = values[slot] ?? absent;
      this.#used += 1;
    }
  }
}

const sessionBits = 2 ** 24;

/** The session's number is in the lowest 24 bits of a key. */
export function sessionOf(key: number): number {
  return key % sessionBits;
}

/** `session`: 24 bits; `fact`: the upper 28 of its 32 bits, and 32 more. Never 0, and exact. */
export function keyOf(session: number, fact: number, check: number): FactKey {
  return { key: ((fact >>> 4) + 1) * sessionBits + session, check };
}
