/**
 * The dead letters of a lane: what its function throws on is set aside, and retries and discards that the
 * log asks for are decided. Both are durable before anything is written that goes by them, so that whoever takes
 * the lane over comes to the same rows, even with a function that was mended meanwhile (I1, I2).
 */
import { TurnstreamError } from '../error.ts';
import type { Retry } from '../event/event.ts';
import { deadLetterRecord } from './dead-letter.ts';
import { type Decision, type LetterOrigin, letterOriginOf } from './dead-letter-store.ts';
import type { LaneContext } from './lane.ts';
import type { LaneBatch } from './lane-batch.ts';
import { type Evaluated, evaluate, planOf } from './letter-retry.ts';
import type { Outcome } from './retry.ts';
import { type WaitingLetter, type WaitingLetters, waitingLetterOf } from './waiting-letters.ts';
import { type Hosted, readModelOf } from './worker-settings.ts';

export type Insist = {
  /** Repeats what failed for a passing reason, until the epoch is over. */
  readonly insist: <T>(operation: string, call: () => Promise<T>) => Promise<Outcome<T>>;
};

export class LaneLetters {
  readonly waiting: WaitingLetters;
  readonly #context: LaneContext;
  readonly #hosted: Hosted;
  readonly #origin: LetterOrigin;
  readonly #insist: Insist['insist'];

  constructor(
    context: LaneContext,
    hosted: Hosted,
    partition: number,
    waiting: WaitingLetters,
    { insist }: Insist,
  ) {
    this.#context = context;
    this.#hosted = hosted;
    this.#origin = letterOriginOf(readModelOf(hosted), partition);
    this.waiting = waiting;
    this.#insist = insist;
  }

  /** False when the epoch is over. Throws LIMIT when too many wait. */
  async setAside(batch: LaneBatch): Promise<boolean> {
    const { deadLetters, letters, settings, clock } = this.#context;
    if (batch.deadLetters.length === 0) return true;
    if (batch.reached.deadLetters > settings.deadLetterRecordsMax) throw this.#tooMany();
    const { partition } = this.#origin;
    const atMs = clock.nowMs();
    const model = readModelOf(this.#hosted);
    const records = batch.deadLetters.map((letter) =>
      deadLetterRecord(settings.deadLettersTopic, model, partition, letter, atMs),
    );
    const outcome = await this.#insist('dead-letters', () => deadLetters.append(records));
    if (outcome.kind === 'over') return false;
    const rows = batch.deadLetters.map((letter) => ({ ...letter, atMs }));
    const listed = await this.#insist('letters', () => letters.add(this.#origin, rows));
    if (listed.kind === 'over') return false;
    for (const letter of batch.deadLetters) {
      this.waiting.put(waitingLetterOf(letter, atMs));
      this.#tell(letter);
    }
    return true;
  }

  /** Evaluates, or discards, the letter that the batch is to retry, if it is one of this lane's. */
  async retry(batch: LaneBatch): Promise<boolean> {
    const { retry } = batch;
    if (retry === null || !this.#concerns(retry)) return true;
    const plan = planOf(retry, this.waiting.get(retry.offset));
    if (plan.kind === 'skip') return true;
    if (plan.kind === 'discard') return await this.#discard(batch, retry, plan.isDecided);
    const { decoder, settings, clock } = this.#context;
    const loaded = await this.#insist('schema', () => decoder.load([retry.value]));
    if (loaded.kind === 'over') return false;
    const { letter, isDecided } = plan;
    const { offset, deadLetters } = batch.reached;
    const evaluated = evaluate(this.#hosted.projection, retry, letter, {
      decode: (value) => decoder.decode(value),
      nowMs: isDecided ? letter.atMs : clock.nowMs(),
      retryAgeMsMax: settings.retryAgeMsMax,
      isBeyond: !isDecided && this.waiting.countBelow(offset) > deadLetters,
    });
    if (isDecided && evaluated.kind === 'failed') throw this.#undone(retry, evaluated.error);
    if (!isDecided && !(await this.#decide(retry, letter, evaluated))) return false;
    if (evaluated.kind === 'failed') return true;
    this.waiting.forget(retry.offset);
    const left = Math.min(deadLetters, this.waiting.countBelow(offset));
    batch.reached = { ...batch.reached, deadLetters: left };
    if (evaluated.kind === 'rows') {
      for (const [text, row] of evaluated.rows) batch.rows.set(text, row);
    } else {
      for (const [text, deltas] of evaluated.deltas) batch.deltas.set(text, [deltas]);
    }
    return true;
  }

  async #decide(retry: Retry, letter: WaitingLetter, evaluated: Evaluated): Promise<boolean> {
    const { logger } = this.#context;
    const { position, offset } = retry;
    const tries = letter.tries + 1;
    const decision: Decision =
      evaluated.kind === 'failed'
        ? { kind: 'failed', position, tries, error: evaluated.error }
        : { kind: 'retried', position };
    if (!(await this.#note(offset, decision))) return false;
    const fields = { ...this.#origin, offset, position };
    if (decision.kind === 'failed') {
      this.waiting.put({ ...letter, tries, triedAt: position });
      const reason = decision.error;
      logger.warn(
        { ...fields, reason },
        `a dead letter of ${fields.origin} could not be taken yet`,
      );
    } else {
      logger.info(fields, `a dead letter of ${fields.origin} is taken`);
    }
    return true;
  }

  /**
   * The read model does without the letter, from this place on. Where the list says more than the
   * checkpoint has counted it goes on saying so: which of them is in the totals is not known now either.
   */
  async #discard(batch: LaneBatch, retry: Retry, isDecided: boolean): Promise<boolean> {
    const { offset, position } = retry;
    if (!isDecided && !(await this.#note(offset, { kind: 'discarded', position }))) return false;
    this.waiting.forget(offset);
    const { deadLetters } = batch.reached;
    const counted = batch.projection.kind === 'map' ? deadLetters : Math.max(0, deadLetters - 1);
    const left = Math.min(counted, this.waiting.countBelow(batch.reached.offset));
    batch.reached = { ...batch.reached, deadLetters: left };
    if (isDecided) return true;
    const fields = { ...this.#origin, offset, position };
    this.#context.logger.warn(fields, `a dead letter of ${this.#origin.origin} is discarded`);
    return true;
  }

  /** Durable before anything goes by it. False when the epoch is over. */
  async #note(offset: number, decision: Decision): Promise<boolean> {
    const { letters, observer } = this.#context;
    const outcome = await this.#insist('letters', () =>
      letters.decide(this.#origin, offset, decision),
    );
    if (outcome.kind === 'over') return false;
    observer.letterRetried(this.#origin.origin, decision.kind);
    return true;
  }

  #concerns({ projection, version, generation, partition }: Retry): boolean {
    const own = this.#origin;
    return (
      projection === own.origin &&
      version === own.version &&
      generation === own.generation &&
      partition === own.partition
    );
  }

  #tell(letter: LaneBatch['deadLetters'][number]): void {
    const { observer, logger, settings } = this.#context;
    const { origin, partition } = this.#origin;
    const { position, offset, eventType, sessionUid, error: reason } = letter;
    observer.deadLettered(origin);
    logger.error(
      { projection: origin, partition, position, offset, eventType, sessionUid, reason },
      `projection ${origin} could not take an event; it is in ${settings.deadLettersTopic}`,
    );
  }

  #tooMany(): TurnstreamError {
    const { origin, partition } = this.#origin;
    const max = this.#context.settings.deadLetterRecordsMax;
    return new TurnstreamError(
      'LIMIT',
      `projection ${origin}, partition ${partition}: more than ${max} events would be set aside, so it is ` +
        'not some events but the function that is wrong: mend it and start again, it goes on from here ' +
        '(TURNSTREAM_WORKER_DEAD_LETTER_RECORDS_MAX is the limit)',
    );
  }

  #undone(retry: Retry, error: string): TurnstreamError {
    const { origin, partition } = this.#origin;
    return new TurnstreamError(
      'PROJECTION',
      `projection ${origin}, partition ${partition}: the dead letter of offset ${retry.offset} was taken ` +
        `at position ${retry.position} by a function that could, and this one can't (${error}): start the ` +
        'code that was mended, or replay the read model',
    );
  }
}
