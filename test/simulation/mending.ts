/**
 * The people of a history: they see dead letters, mend the code, start all workers anew with it, and
 * ask for retries, often more than once, and discard some. Records of `changes` that nobody can decode come
 * to be readable in the course of it. Builds of one version do not work side by side: the old ones
 * are stopped, and what they had under way has arrived, before the mended ones start (DESIGN 3.5).
 */
import { controlTables } from '../../processor/cql/names.ts';
import type { NewRecord } from '../../processor/kafka/log.ts';
import type { Actor } from './actor.ts';
import type { Dice } from './dice.ts';
import { type Knobs, topics } from './knobs.ts';
import {
  discardOf,
  idOf,
  isOfTheSource,
  isWaiting,
  type ListedLetter,
  listedLetters,
  recordsOfLetters,
  retryOf,
  sequencer,
} from './letters.ts';
import type { Outside } from './outside.ts';
import { lettersOf, mendables } from './projections.ts';
import { theWorld } from './scheduler.ts';

export type MendingParts = {
  readonly outside: Outside;
  readonly dice: Dice;
  readonly knobs: Knobs;
  readonly workers: () => readonly Actor[];
  readonly say: (line: string) => void;
  readonly count: (name: string) => void;
};

/** Longer than any call of a killed process is under way. */
const settledMs = 10_000;
const deployMsMax = 600;
const roundMsMax = 400;
const readableMsMax = 800;
const discardChance = 0.4;
const earlyRounds = 2;

export class Mending {
  readonly #parts: MendingParts;
  #isMended = false;
  #isReadable = false;

  constructor(parts: MendingParts) {
    this.#parts = parts;
  }

  /** What a worker that starts now is made of. */
  build() {
    return this.#isMended ? mendables.mended : mendables.broken;
  }

  /** Whether the schemas are back that some records of `changes` need. */
  get isReadable(): boolean {
    return this.#isReadable;
  }

  start(): void {
    const { outside, dice } = this.#parts;
    const { scheduler } = outside;
    for (let round = 0; round < earlyRounds; round += 1) {
      const atMs = dice.int(0, deployMsMax);
      scheduler.after(theWorld, atMs, 'ask for retries', () => this.ask());
    }
    scheduler.after(theWorld, dice.int(0, deployMsMax), 'deploy', () => this.#deploy());
    scheduler.after(theWorld, dice.int(0, readableMsMax), 'schemas', () => {
      this.#isReadable = true;
    });
  }

  #deploy(): void {
    const { outside, dice, workers, say, count } = this.#parts;
    const { scheduler, cluster } = outside;
    say('all workers are killed: the code is mended');
    for (const worker of workers()) worker.down();
    scheduler.after(theWorld, settledMs, 'start the mended code', () => {
      cluster.repairTable(controlTables.deadLetters);
      this.#isMended = true;
      count('mending: workers began again with mended code');
      for (const worker of workers()) worker.start();
      for (let round = 0; round < earlyRounds; round += 1) {
        const atMs = dice.int(0, roundMsMax);
        scheduler.after(theWorld, atMs, 'ask for retries', () => this.ask());
      }
    });
  }

  /** Letters that wait and may be taken; of bytes that were never ours only where they are discarded. */
  waiting(): readonly ListedLetter[] {
    const { outside, knobs } = this.#parts;
    const records = recordsOfLetters(outside);
    return listedLetters(outside).filter((listed) => {
      if (!isWaiting(listed)) return false;
      const isOurs = listed.origin !== sequencer || isOfTheSource(records.get(idOf(listed)));
      return isOurs || lettersOf(knobs).discards;
    });
  }

  /** Appends what `turnstream dead-letters retry --all` and `discard` do, in any order, some twice. */
  ask(
    chanceOfDiscard: number | undefined = lettersOf(this.#parts.knobs).discards ? discardChance : 0,
  ): void {
    const { outside, dice, say } = this.#parts;
    const waiting = this.waiting();
    const found = recordsOfLetters(outside);
    const records: Omit<NewRecord, 'topic' | 'partition'>[] = [];
    for (const listed of waiting) {
      const record = found.get(idOf(listed));
      for (let times = dice.int(1, 2); times > 0; times -= 1) {
        const isDiscard = chanceOfDiscard > 0 && dice.chance(chanceOfDiscard);
        const request = isDiscard ? discardOf(listed) : record && retryOf(listed, record);
        if (request) records.splice(dice.int(0, records.length), 0, request);
      }
    }
    if (records.length === 0) return;
    say(`somebody asks for retries or discards of ${waiting.length} dead letters`);
    outside.kafka.appendNow(topics.changes, 0, records);
  }

  /** Whether a row may lack what was said of it: only the source can say it again. */
  get isHealingNeeded(): boolean {
    return listedLetters(this.#parts.outside).some(
      ({ origin }) => origin === sequencer && lettersOf(this.#parts.knobs).discards,
    );
  }
}
