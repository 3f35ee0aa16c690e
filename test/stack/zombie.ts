/**
 * A process that is stopped with writes in hand for longer than its session, while another takes
 * over and writes the same rows; then its writes arrive, and it goes on. The rows are one session's,
 * each changed at every stage, so that a late write that counted would be seen by the judge.
 */

import { CqlProxy } from './cql-proxy.ts';
import { until } from './faults.ts';
import type { Spine } from './spine.ts';
import type { TurnstreamProcess } from './turnstream-process.ts';

export type Role = 'sequencer' | 'worker';

export type Outlived = {
  /** From the stop until the read models have passed what was changed meanwhile. */
  readonly takeoverSeconds: number;
  /** Writes of the stopped one that the CQL database took after the new owner's. */
  readonly lateApplied: number;
  /** What it wrote by itself after it was continued. */
  readonly batchesAfter: number;
  /** Once with the late writes, once after it went on, once when it works again: null each. */
  readonly judged: readonly (string | null)[];
};

const argumentsOf = { sequencer: ['sequence'], worker: ['run', '--all'] } as const;

const sessionTimeoutMs = 2_000;

/** Whoever falls silent loses its place soon. */
export const impatient = {
  TURNSTREAM_KAFKA_SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
  TURNSTREAM_KAFKA_HEARTBEAT_INTERVAL_MS: '300',
};

const stepCount = 400;

/** No other process of the role may run. `prefix` names the rows. */
export async function outlive(spine: Spine, role: Role, prefix: string): Promise<Outlived> {
  const proxy = new CqlProxy(spine.addresses.cql.port);
  const throughProxy = { TURNSTREAM_CQL_PORT: String(await proxy.listen()) };
  const rows = new Rows(spine, prefix);
  const args = argumentsOf[role];
  const zombie = spine.startWith({ ...impatient, ...throughProxy }, ...args);
  await rows.insert();
  await spine.caughtUp();

  proxy.holdBatches();
  await rows.change(2);
  await until(() => proxy.heldBatches > 0);
  zombie.kill('SIGSTOP');
  const stoppedAt = performance.now();
  const heir = spine.startWith(impatient, ...args);
  await rows.change(3);
  await spine.caughtUp();
  const takeoverSeconds = (performance.now() - stoppedAt) / 1000;

  const late = proxy.releaseBatches();
  await until(() => proxy.lateApplied + proxy.lateRefused === late);
  const judged = [await spine.judged()];
  const passed = proxy.batchesPassed;
  await backInTheGroup(zombie, () => zombie.kill('SIGCONT'));
  const batchesAfter = proxy.batchesPassed - passed;
  await rows.change(4);
  judged.push(await spine.judged());

  // What the heir remembers says nothing about what is stored: the next owner reads that.
  heir.kill('SIGKILL');
  await heir.exited;
  await rows.change(5);
  await rows.deleteSome();
  judged.push(await spine.judged());
  await zombie.stop();
  await proxy.close();
  return { takeoverSeconds, lateApplied: proxy.lateApplied, batchesAfter, judged };
}

/** Resolves when it has a place in the group that it had not before. */
async function backInTheGroup(zombie: TurnstreamProcess, doing: () => void): Promise<void> {
  const places = () => zombie.lines.filter(({ msg }) => hasPlace(msg ?? '')).length;
  const before = places();
  doing();
  await until(() => places() > before);
}

function hasPlace(msg: string): boolean {
  return msg === 'active' || msg === 'partitions assigned' || msg.startsWith('standing by');
}

/** One session of one agent turn with steps. */
class Rows {
  readonly #spine: Spine;
  readonly #uid: string;

  constructor(spine: Spine, uid: string) {
    this.#spine = spine;
    this.#uid = uid;
  }

  async #query(text: string): Promise<void> {
    await this.#spine.pool.query(text.replaceAll('$', this.#uid));
  }

  insert(): Promise<void> {
    return this.#query(`
      INSERT INTO sessions VALUES ('$', '$ account 1', 'zombie');
      INSERT INTO human_turns VALUES ('$ h', '$', NULL, '$ a', 'hm', '2026-03-01 10:00:00Z');
      INSERT INTO agent_turns VALUES ('$ a', '$', '$ h', NULL, '2026-03-01 10:00:01Z');
      INSERT INTO steps SELECT '$ a', i, 1, 'stage 1', timestamptz '2026-03-01 10:00:02Z' + i * interval '1 s'
        FROM generate_series(1, ${stepCount}) i`);
  }

  /** Every step to another type, so another row; the turn to another account, so other totals. */
  change(stage: number): Promise<void> {
    return this.#query(`
      UPDATE steps SET tpe = ${stage}, content = 'stage ${stage}',
        created_at = created_at + interval '1 ms' WHERE agent_turn_uid = '$ a';
      UPDATE sessions SET account_uid = '$ account ' || ${stage % 2} WHERE uid = '$'`);
  }

  deleteSome(): Promise<void> {
    return this.#query(`DELETE FROM steps WHERE agent_turn_uid = '$ a' AND idx % 2 = 0`);
  }
}
