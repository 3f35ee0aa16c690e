/**
 * Small transactions at short intervals, each with a step in every partition, whose moment of commit
 * is known; and a reader that asks the CQL database itself which of them can be read. So the true
 * staleness of a read model is known at any time, within the interval, from nothing that Turnstream
 * says of itself.
 */
import type { Pool } from 'pg';
import { connectCql, cqlDefaults, type DriverSession } from '../../../processor/cql/cluster.ts';
import { tableName } from '../../../processor/cql/names.ts';
import { partitionOf } from '../../../processor/kafka/partition.ts';
import { bucketOf } from '../../../processor/projection/hash.ts';
import { bucketsPerTypeDay } from '../../../projections/steps-by-type-day.ts';
import { pause } from '../../support/wait.ts';
import { type Spine, spinePartitions } from './spine.ts';

const intervalMs = 200;
const tpe = 1;
const dayMs = Date.parse('2001-01-01T00:00:00Z');

type Beat = { readonly beforeMs: number; readonly afterMs: number };
type Miss = { readonly beat: number; readonly askedAtMs: number };

/** Beats that are looked for together. */
const windowBeats = 16;

export class Beacons {
  readonly #pool: Pool;
  readonly #table: string;
  readonly #cql: DriverSession;
  /** One agent turn in each partition. */
  readonly #turns: readonly string[];
  /** The first beat that could not be read yet, by turn. */
  readonly #unread: number[];
  /** By turn: when a beat was looked for and was not there, the latest last. */
  readonly #misses: Miss[][];
  readonly #beats: Beat[] = [];
  readonly #abort = new AbortController();
  #writing: Promise<void> = Promise.resolve();
  #reading: Promise<void> = Promise.resolve();
  /** How often the database could not be asked. */
  unanswered = 0;

  private constructor(pool: Pool, table: string, cql: DriverSession, turns: readonly string[]) {
    this.#pool = pool;
    this.#table = table;
    this.#cql = cql;
    this.#turns = turns;
    this.#unread = turns.map(() => 0);
    this.#misses = turns.map(() => []);
  }

  static async open(spine: Spine): Promise<Beacons> {
    const { contactPoints, port, datacenter } = spine.addresses.cql;
    const options = { ...cqlDefaults, contactPoints, port, localDataCenter: datacenter };
    const cql = await connectCql({ ...options, requestTimeoutMs: 1_000 });
    const turns = Array.from({ length: spinePartitions }, (_, partition) => {
      const number = Array.from({ length: 1000 }, (_, each) => each).find(
        (each) => partitionOf(`beacon-s${each}`, spinePartitions) === partition,
      );
      return `beacon-a${number}`;
    });
    for (const turn of turns) {
      const session = turn.replace('-a', '-s');
      await spine.pool.query(`INSERT INTO sessions VALUES ($1, 'beacons', NULL)`, [session]);
      await spine.pool.query(`INSERT INTO agent_turns VALUES ($1, $2, NULL, NULL, now())`, [
        turn,
        session,
      ]);
    }
    const table = `"${spine.name}".${tableName(spine.model('steps_by_type_day'))}`;
    const beacons = new Beacons(spine.pool, table, cql, turns);
    beacons.#writing = beacons.#write();
    beacons.#reading = beacons.#read();
    // Both are awaited in `close`.
    for (const running of [beacons.#writing, beacons.#reading]) running.catch(() => undefined);
    return beacons;
  }

  get beats(): number {
    return this.#beats.length;
  }

  /** Everything before was readable when this was asked: so stale it is at most. */
  staleMsMax(nowMs: number): number {
    const oldest = this.#beats[Math.min(...this.#unread)];
    return oldest === undefined ? 0 : Math.max(0, nowMs - oldest.beforeMs);
  }

  /**
   * So stale it was at least, known afterwards: what was looked for after the moment and was not
   * there, was not there at the moment. `frozenSinceMs`: from then to the moment nothing could
   * become readable, so what was missed in between was still missing.
   */
  staleMsMin(atMs: number, frozenSinceMs: number | null): number {
    const fromMs = frozenSinceMs ?? atMs;
    const missed = this.#misses
      .flat()
      .filter(({ askedAtMs }) => askedAtMs >= fromMs)
      .map(({ beat }) => beat);
    const oldest = this.#beats[Math.min(...missed)];
    return oldest === undefined ? 0 : Math.max(0, atMs - oldest.afterMs);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all([this.#writing, this.#reading]);
    await this.#cql.close();
  }

  async #write(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const number = this.#beats.length;
      const createdAt = new Date(dayMs + number).toISOString();
      const values = this.#turns.map(
        (turn) => `('${turn}', ${number}, ${tpe}, '{}', '${createdAt}')`,
      );
      const beforeMs = Date.now();
      await this.#pool.query(`INSERT INTO steps VALUES ${values.join(', ')}`);
      this.#beats.push({ beforeMs, afterMs: Date.now() });
      await pause(intervalMs);
    }
  }

  async #read(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      try {
        await Promise.all(this.#turns.map((turn, at) => this.#readOn(turn, at)));
      } catch {
        // Away on purpose: then nothing becomes readable either.
        this.unanswered += 1;
      }
      await pause(50);
    }
  }

  async #readOn(turn: string, at: number): Promise<void> {
    for (;;) {
      const first = this.#unread[at] ?? 0;
      const count = Math.min(windowBeats, this.#beats.length - first);
      if (count <= 0) return;
      const askedAtMs = Date.now();
      const beats = Array.from({ length: count }, (_, each) => first + each);
      const found = await Promise.all(beats.map((beat) => this.#isReadable(turn, beat)));
      const missing = found.indexOf(false);
      this.#unread[at] = missing < 0 ? first + count : first + missing;
      if (missing < 0) continue;
      this.#misses[at]?.push({ beat: first + missing, askedAtMs });
      return;
    }
  }

  async #isReadable(turn: string, beat: number): Promise<boolean> {
    const { rows } = await this.#cql.client.execute(
      `SELECT "idx" FROM ${this.#table} WHERE "tpe" = ${tpe} AND "day" = '2001-01-01' AND ` +
        `"bucket" = ${bucketOf(`${turn}:${beat}`, bucketsPerTypeDay)} AND ` +
        `"created_at" = ${dayMs + beat} AND "agent_turn_uid" = '${turn}' AND "idx" = ${beat}`,
    );
    return rows.length > 0;
  }
}
