/**
 * A process that is stopped with writes in hand for longer than its session, while another takes
 * over and writes the same rows; then its writes arrive, and it goes on. The rows are one session's,
 * each changed at every stage, so that a late write that counted would be seen by the judge.
 */

import { until } from '../../support/wait.ts';
import { CqlProxy } from './cql-proxy.ts';
import { KafkaProxy } from './kafka-proxy.ts';
import type { Spine } from './spine.ts';
import type { TurnstreamProcess } from './turnstream-process.ts';

export type Role = 'sequencer' | 'worker';

/** What is in hand when it is stopped: rows or state on their way to CQL, or events to the log. */
export type InHand = 'writes' | 'events';

export type Outlived = {
  /** From the stop until the read models have passed what was changed meanwhile. */
  readonly takeoverSeconds: number;
  /** Requests of the stopped one that the server took after those of the new owner. */
  readonly late: number;
  /** Batches that it wrote by itself after it was continued. */
  readonly batchesAfter: number;
  /** Once with the late writes, once after it went on, once when it works again: null each. */
  readonly judged: readonly (string | null)[];
};

const argumentsOf = { sequencer: ['sequence'], worker: ['run', '--all'] } as const;

const sessionTimeoutMs = 3_000;

/** Whoever falls silent loses its place soon. */
export const impatient = {
  TURNSTREAM_KAFKA_SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
  TURNSTREAM_KAFKA_HEARTBEAT_INTERVAL_MS: '300',
};

const stepCount = 400;

/** More than watermarks, less than the events of a stage. */
const eventsBytesMin = 4096;

/** A proxy that holds back what the process has in hand. */
type Hold = {
  readonly env: Readonly<Record<string, string>>;
  readonly hold: () => void;
  readonly held: () => number;
  /** Sends what was held; resolves with how many requests the server has then answered. */
  readonly release: () => Promise<number>;
  readonly batchesPassed: () => number;
  readonly close: () => Promise<void>;
};

async function holdWrites(spine: Spine): Promise<Hold> {
  const proxy = new CqlProxy(spine.addresses.cql.port);
  const port = await proxy.listen();
  return {
    env: { TURNSTREAM_CQL_PORT: String(port) },
    hold: () => proxy.holdBatches(),
    held: () => proxy.heldBatches,
    release: async () => {
      const late = proxy.releaseBatches();
      await until(() => proxy.lateApplied + proxy.lateRefused === late);
      return proxy.lateApplied;
    },
    batchesPassed: () => proxy.batchesPassed,
    close: () => proxy.close(),
  };
}

async function holdEvents(spine: Spine): Promise<Hold> {
  const [broker = ''] = spine.addresses.kafka.brokers;
  const proxy = new KafkaProxy(Number(broker.split(':')[1]));
  const port = await proxy.listen();
  return {
    env: { TURNSTREAM_KAFKA_BROKERS: `127.0.0.1:${port}` },
    hold: () => proxy.holdAppends(eventsBytesMin),
    held: () => proxy.heldAppends,
    release: async () => {
      const late = proxy.releaseAppends();
      await until(() => proxy.lateAppends === late);
      return late;
    },
    batchesPassed: () => 0,
    close: () => proxy.close(),
  };
}

/** No other process of the role may run. The rows are named after role and hand. */
export async function outlive(spine: Spine, role: Role, inHand: InHand): Promise<Outlived> {
  const hold = await (inHand === 'writes' ? holdWrites(spine) : holdEvents(spine));
  const rows = new Rows(spine, `${role} ${inHand}`);
  const args = argumentsOf[role];
  const zombie = spine.startWith({ ...impatient, ...hold.env }, ...args);
  await rows.insert();
  await spine.caughtUp();

  hold.hold();
  await rows.change(2);
  await until(() => hold.held() > 0);
  zombie.kill('SIGSTOP');
  const stoppedAt = performance.now();
  const heir = spine.startWith(impatient, ...args);
  await rows.change(3);
  await spine.caughtUp();
  const takeoverSeconds = (performance.now() - stoppedAt) / 1000;

  const late = await hold.release();
  const judged = [await spine.judged()];
  const passed = hold.batchesPassed();
  await backInTheGroup(zombie, () => zombie.kill('SIGCONT'));
  const batchesAfter = hold.batchesPassed() - passed;
  await rows.change(4);
  judged.push(await spine.judged());

  // What the heir remembers says nothing about what is stored: the next owner reads that.
  heir.kill('SIGKILL');
  await heir.exited;
  await rows.change(5);
  await rows.deleteSome();
  judged.push(await spine.judged());
  await zombie.stop();
  await hold.close();
  return { takeoverSeconds, late, batchesAfter, judged };
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
