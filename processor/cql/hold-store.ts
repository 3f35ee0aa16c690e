/**
 * Holds of totals on CQL (engine/totals-holds.ts): a row a projection, written by conditional writes
 * alone (until-decided.ts), so of two who ask at once one has it. A table of its own, not a column beside
 * the lease: workers ask for it twice a second, and a lease is of whoever builds, a hold of whoever mends.
 */
import type { Clock } from '../engine/clock.ts';
import type { Hold, HoldStore } from '../engine/totals-holds.ts';
import { controlTables, listed, qualified } from './names.ts';
import type { DecidingSession, DecodedRow } from './session.ts';
import { mayTake, untilDecided } from './until-decided.ts';
import { bigintValue, textValue } from './values.ts';

const columns = ['hold_owner', 'hold_until'];

export class CqlHoldStore implements HoldStore {
  readonly #session: DecidingSession;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #select: string;
  readonly #update: string;

  constructor(session: DecidingSession, keyspace: string, clock: Pick<Clock, 'nowMs'>) {
    this.#session = session;
    this.#clock = clock;
    const table = qualified(keyspace, controlTables.holds);
    this.#select = `SELECT ${listed(columns)} FROM ${table} WHERE "projection" = ?`;
    this.#update = `UPDATE ${table} SET "hold_owner" = ?, "hold_until" = ? WHERE "projection" = ? IF`;
  }

  async held(projections: readonly string[]): Promise<ReadonlyMap<string, Hold>> {
    const found = new Map<string, Hold>();
    await Promise.all(
      projections.map(async (projection) => {
        const statement = { query: this.#select, params: [textValue(projection)] };
        const doing = `reading whether the totals of ${projection} are held`;
        const [row] = await this.#session.read(doing, statement);
        const hold = holdOf(row);
        if (hold !== null) found.set(projection, hold);
      }),
    );
    return found;
  }

  async hold(projection: string, { owner, untilMs }: Hold): Promise<Hold | null> {
    const doing = `holding the totals of ${projection}`;
    const name = textValue(projection);
    const wanted = [textValue(owner), timestamp(untilMs), name];
    return await untilDecided(doing, async () => {
      const statement = { query: this.#select, params: [name] };
      const [row] = await this.#session.readDecided(doing, statement);
      const held = holdOf(row);
      if (!mayTake(held, owner, this.#clock.nowMs())) return held;
      // What is null is asked for in words: not every database takes a marker for it in a condition.
      const decided =
        held === null
          ? { query: `${this.#update} "hold_owner" = null AND "hold_until" = null`, params: wanted }
          : {
              query: `${this.#update} "hold_owner" = ? AND "hold_until" = ?`,
              params: [...wanted, textValue(held.owner), timestamp(held.untilMs)],
            };
      return (await this.#session.decide(doing, decided)) ? null : undefined;
    });
  }

  async release(projection: string, owner: string): Promise<void> {
    const params = [null, null, textValue(projection), textValue(owner)];
    const statement = { query: `${this.#update} "hold_owner" = ?`, params };
    await this.#session.decide(`giving back the hold on ${projection}`, statement);
  }
}

function holdOf(row: DecodedRow | undefined): Hold | null {
  const owner = row?.['hold_owner'];
  if (owner === null || owner === undefined) return null;
  return { owner: String(owner), untilMs: Number(row?.['hold_until']) };
}

function timestamp(ms: number) {
  return bigintValue(Math.floor(ms), 'timestamp');
}
