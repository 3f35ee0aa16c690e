/**
 * The people of a history: they see dead letters, mend the code, start all workers anew with it, and
 * ask for retries, often more than once. Builds of one version do not work side by side: the old ones
 * are stopped, and what they had under way has arrived, before the mended ones start (DESIGN 3.5).
 */
import { letterOf } from '../../processor/cql/letter-statements.ts';
import { controlTables } from '../../processor/cql/names.ts';
import type { NewRecord } from '../../processor/kafka/log.ts';
import { encodeRetry } from '../../processor/source/retry.ts';
import type { Actor } from './actor.ts';
import type { Dice } from './dice.ts';
import { topics } from './knobs.ts';
import type { Outside } from './outside.ts';
import { mendableNames, mendables } from './projections.ts';
import { theWorld } from './scheduler.ts';

export type MendingParts = {
  readonly outside: Outside;
  readonly dice: Dice;
  readonly workers: () => readonly Actor[];
  readonly say: (line: string) => void;
  readonly count: (name: string) => void;
};

/** Longer than any call of a killed process is under way. */
const settledMs = 10_000;
const deployMsMax = 600;
const roundMsMax = 400;
const earlyRounds = 2;

export class Mending {
  readonly #parts: MendingParts;
  #isMended = false;

  constructor(parts: MendingParts) {
    this.#parts = parts;
  }

  /** What a worker that starts now is made of. */
  build() {
    return this.#isMended ? mendables.mended : mendables.broken;
  }

  start(): void {
    const { outside, dice } = this.#parts;
    const { scheduler } = outside;
    for (let round = 0; round < earlyRounds; round += 1) {
      const atMs = dice.int(0, deployMsMax);
      scheduler.after(theWorld, atMs, 'ask for retries', () => this.askForRetries());
    }
    scheduler.after(theWorld, dice.int(0, deployMsMax), 'deploy', () => this.#deploy());
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
        scheduler.after(theWorld, atMs, 'ask for retries', () => this.askForRetries());
      }
    });
  }

  /** Letters of the models that are mended, as `<projection>/<partition>/<offset>`. */
  waiting(): ReadonlySet<string> {
    const waiting = new Set<string>();
    for (const { key, values } of this.#parts.outside.cluster.rows(controlTables.deadLetters)) {
      if (!mendableNames.includes(String(key['projection']))) continue;
      const letter = letterOf({ ...key, ...values });
      if (letter === null || letter.retriedAt !== null) continue;
      waiting.add(`${key['projection']}/${key['partition']}/${letter.offset}`);
    }
    return waiting;
  }

  /** Appends what `turnstream dead-letters retry --all` does, in any order, some twice. */
  askForRetries(): void {
    const { outside, dice, say } = this.#parts;
    const waiting = this.waiting();
    const records: Omit<NewRecord, 'topic' | 'partition'>[] = [];
    for (const { headers, value } of outside.kafka.partitions(topics.deadLetters)[0] ?? []) {
      const id = `${headers['projection']}/${headers['partition']}/${headers['offset']}`;
      if (!waiting.has(id) || value === null) continue;
      const letter = {
        projection: String(headers['projection']),
        version: 1,
        generation: 1,
        partition: Number(headers['partition']),
        offset: Number(headers['offset']),
        requestedAt: 0,
        value,
        discard: false,
      };
      const record = { key: null, value: encodeRetry(letter) };
      for (let times = dice.int(1, 2); times > 0; times -= 1) {
        records.splice(dice.int(0, records.length), 0, record);
      }
    }
    if (records.length === 0) return;
    say(`somebody asks for the retry of ${waiting.size} dead letters`);
    outside.kafka.appendNow(topics.changes, 0, records);
  }
}
