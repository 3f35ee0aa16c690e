/**
 * The whole of Turnstream on the real stack, with names of its own (schema, slot, topics, groups,
 * keyspace): capture, sequencers and workers as processes, and the judge over what they made.
 */
import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { serviceEnvironment } from '../../../local/services.ts';
import { readSettings } from '../../../local/settings.ts';
import { stackAddresses } from '../../../local/stack.ts';
import { systemClock } from '../../../processor/commands/system-clock.ts';
import { CqlCheckpointStore } from '../../../processor/cql/checkpoint-store.ts';
import { connectCql, cqlDefaults, type DriverSession } from '../../../processor/cql/cluster.ts';
import { CqlGenerationStore } from '../../../processor/cql/generation-store.ts';
import { readAll, readAllTotals } from '../../../processor/cql/read.ts';
import type { ReadModel } from '../../../processor/engine/store.ts';
import { messageOf } from '../../../processor/error.ts';
import { formatLsn, type Lsn, parseLsn } from '../../../processor/source/lsn.ts';
import { projections } from '../../../projections/index.ts';
import { parsePrometheusText, samplesOf } from '../../support/prometheus-text.ts';
import { pause } from '../../support/wait.ts';
import { dropSlot, tables } from './capture-sandbox.ts';
import { collect, expectedRows, type JudgedRows } from './judge.ts';
import { describeDifference, difference, isEqual, summedOverShards } from './judge-difference.ts';
import { TurnstreamProcess } from './turnstream-process.ts';

export const spinePartitions = 4;

/** A watermark moves with each heartbeat: one that rests for so long will not move by waiting. */
const answerMs = 2_000;
/** Looked at twice. */
const stalledMsMax = 50_000;

type Watermark = { readonly name: string; readonly lsn: Lsn | null };

export class Spine {
  readonly name = `spine_${randomBytes(4).toString('hex')}`;
  readonly addresses = stackAddresses();
  readonly pool: pg.Pool;
  readonly env: Readonly<Record<string, string>>;
  readonly processes: TurnstreamProcess[] = [];
  /** What is judged and waited for: the first generations, until `followLive`. */
  #models: readonly ReadModel[] = projections.map(({ shape }) => ({ shape, generation: 1 }));
  #cql: DriverSession | undefined;

  constructor(more: Readonly<Record<string, string>> = {}) {
    const { postgres } = this.addresses;
    this.pool = new pg.Pool({ ...postgres, max: 40, options: `-c search_path=${this.name}` });
    // A server that is stopped on purpose ends idle connections.
    this.pool.on('error', () => undefined);
    this.env = { ...this.#environment(), ...more };
  }

  #environment(): Record<string, string> {
    const { name } = this;
    return {
      ...serviceEnvironment(readSettings(process.env)),
      TURNSTREAM_POSTGRES_SCHEMA: name,
      TURNSTREAM_KAFKA_CHANGES_TOPIC: `${name}.changes`,
      TURNSTREAM_KAFKA_EVENTS_TOPIC: `${name}.events`,
      TURNSTREAM_KAFKA_DEAD_LETTERS_TOPIC: `${name}.dead-letters`,
      TURNSTREAM_KAFKA_SEQUENCER_GROUP: `${name}.sequencer`,
      TURNSTREAM_KAFKA_PROJECTIONS_GROUP: `${name}.projections`,
      TURNSTREAM_EVENTS_PARTITIONS: String(spinePartitions),
      TURNSTREAM_CONNECT_CONNECTOR_NAME: name,
      TURNSTREAM_CONNECT_SLOT_NAME: name,
      TURNSTREAM_CONNECT_PUBLICATION_NAME: name,
      TURNSTREAM_CONNECT_TOPIC_PREFIX: name,
      TURNSTREAM_CQL_KEYSPACE: name,
      TURNSTREAM_METRICS_PORT: '0',
      TURNSTREAM_METRICS_POLL_INTERVAL_MS: '500',
      TURNSTREAM_LOG_FORMAT: 'json',
    };
  }

  /** Schema, tables, capture and read models; no process of ours runs yet. */
  async prepare(
    createTables: (pool: pg.Pool) => Promise<unknown> = createPlainTables,
  ): Promise<void> {
    await this.pool.query(`CREATE SCHEMA ${this.name}`);
    await createTables(this.pool);
    await this.command('connect');
    await this.command('schema', 'apply');
  }

  /** Runs a command to its end; rejects unless it exits with 0. Answers its stdout. */
  async command(...args: readonly string[]): Promise<string> {
    const run = new TurnstreamProcess(args, this.env);
    const code = await run.exited;
    if (code !== 0)
      throw new Error(`turnstream ${args.join(' ')} exited with ${code}:\n${run.log()}`);
    return run.stdout;
  }

  start(...args: readonly string[]): TurnstreamProcess {
    return this.startWith({}, ...args);
  }

  /** One process with settings of its own. */
  startWith(more: Readonly<Record<string, string>>, ...args: readonly string[]): TurnstreamProcess {
    const started = new TurnstreamProcess(args, { ...this.env, ...more });
    this.processes.push(started);
    return started;
  }

  startBoth(): { readonly sequencer: TurnstreamProcess; readonly worker: TurnstreamProcess } {
    return { sequencer: this.start('sequence'), worker: this.start('run', '--all') };
  }

  async currentLsn(): Promise<Lsn> {
    const { rows } = await this.pool.query<{ lsn: string }>(
      'SELECT pg_current_wal_insert_lsn() AS lsn',
    );
    return parseLsn(rows[0]!.lsn)!;
  }

  /**
   * Resolves when every read model's watermark has passed what is committed now. Rejects with what
   * every part says of itself when nothing moves for `stalledMs`.
   */
  async caughtUp(stalledMs: number = stalledMsMax): Promise<void> {
    await this.passed(await this.currentLsn(), stalledMs);
  }

  /** The same for an LSN. The CQL database may be away meanwhile: then nothing moves. */
  async passed(lsn: Lsn, stalledMs: number = stalledMsMax): Promise<void> {
    let seen = '';
    let consumed = '';
    let movedAt = performance.now();
    for (;;) {
      const marks = await this.#watermarks().catch((error: unknown) => this.#noneFor(error));
      const behind = marks.filter((mark) => mark.lsn === null || mark.lsn < lsn);
      if (behind.length === 0) return;
      this.#mindTheDead();
      const now = marks.map((mark) => mark.lsn).join();
      if (now !== seen) movedAt = performance.now();
      seen = now;
      if (performance.now() - movedAt > stalledMs) {
        // Among very many changes that tell nothing there is no watermark.
        const before = consumed;
        consumed = await this.#consumed();
        if (consumed === before) throw new Error(await this.#whatStalls(lsn, behind));
        movedAt = performance.now();
      }
      await pause(50);
    }
  }

  /** Records that sequencers have taken so far. */
  async #consumed(): Promise<string> {
    // One that hangs or is gone has taken nothing.
    const metricsOf = (one: TurnstreamProcess) =>
      Promise.race([one.metrics().catch(() => ''), pause(answerMs).then(() => '')]);
    const texts = await Promise.all(this.processes.map(metricsOf));
    return texts
      .flatMap((text) => samplesOf(parsePrometheusText(text), 'turnstream_changes_total'))
      .map(({ value }) => value)
      .join();
  }

  async #noneFor(error: unknown): Promise<readonly Watermark[]> {
    await this.reconnect();
    return [{ name: `all, since CQL says “${messageOf(error)}”`, lsn: null }];
  }

  /** Of each read model's partitions; null where there is none yet. */
  async #watermarks(): Promise<readonly Watermark[]> {
    const checkpoints = new CqlCheckpointStore(await this.#session(), this.name);
    const ofModel = async (model: ReadModel): Promise<readonly Watermark[]> => {
      const marks = await checkpoints.load(model);
      return Array.from({ length: spinePartitions }, (_, partition) => ({
        name: `${model.shape.projection}/${partition}`,
        lsn: marks.get(partition)?.watermark?.lsn ?? null,
      }));
    };
    return (await Promise.all(this.#models.map(ofModel))).flat();
  }

  async #whatStalls(lsn: Lsn, behind: readonly Watermark[]): Promise<string> {
    const marks = behind.map(
      (mark) => `${mark.name} ${mark.lsn === null ? 'none' : formatLsn(mark.lsn)}`,
    );
    const status = await fetch(`${this.addresses.connect.url}/connectors/${this.name}/status`);
    const logs = this.processes.map((one) => `${one.name}: ${one.lastLine()}`);
    return (
      `No watermark moves. ${logs.join('; ')}; wanted ${formatLsn(lsn)}, ${marks.join(', ')}\n` +
      `connector: ${await status.text()}\n${this.processes.map((one) => one.log()).join('\n\n')}`
    );
  }

  #mindTheDead(): void {
    const dead = this.processes.find((one) => one.died);
    if (dead === undefined) return;
    throw new Error(`turnstream ${dead.name} said ${dead.lastLine()}\n${dead.log()}`);
  }

  /** What differs between the read models and SQL over Postgres, in words; null when nothing does. */
  async judged(): Promise<string | null> {
    await this.caughtUp();
    const client = await this.pool.connect();
    try {
      const expected = await expectedRows(client, this.name);
      const reports: string[] = [];
      for (const model of this.#models) {
        const name = model.shape.projection as keyof typeof expected;
        const found = difference(expected[name], await this.rowsOf(model));
        if (!isEqual(found)) reports.push(describeDifference(name, found));
      }
      return reports.length === 0 ? null : reports.join('\n');
    } finally {
      client.release();
    }
  }

  async rowsOf(model: ReadModel): Promise<JudgedRows> {
    const session = await this.#session();
    if (model.shape.kind === 'map') {
      return collect(await readAll(session, this.name, model));
    }
    const rows = await readAllTotals(session, this.name, model);
    return summedOverShards(rows.map(({ key, totals }) => ({ key, values: totals })));
  }

  /** From now on what readers use is judged. */
  async followLive(): Promise<readonly ReadModel[]> {
    const store = new CqlGenerationStore(await this.#session(), this.name, systemClock);
    const live = await store.live(projections.map(({ name }) => name));
    this.#models = projections.map(({ name, shape }) => {
      return { shape, generation: live.get(name)?.generation ?? 1 };
    });
    return this.#models;
  }

  model(name: string): ReadModel {
    return this.#models.find(({ shape }) => shape.projection === name)!;
  }

  async #session(): Promise<DriverSession> {
    const { contactPoints, port, datacenter } = this.addresses.cql;
    this.#cql ??= await connectCql({
      ...cqlDefaults,
      contactPoints,
      port,
      localDataCenter: datacenter,
    });
    return this.#cql;
  }

  /** After the servers were stopped: a session of the driver does not always survive that. */
  async reconnect(): Promise<void> {
    const session = this.#cql;
    this.#cql = undefined;
    await session?.close();
  }

  async drop(): Promise<void> {
    await Promise.all(this.processes.map((one) => one.stop()));
    const { connect, kafka } = this.addresses;
    await fetch(`${connect.url}/connectors/${this.name}`, { method: 'DELETE' });
    await dropSlot(this.pool, this.name);
    await this.pool.query(`DROP PUBLICATION IF EXISTS ${this.name}`);
    await this.pool.query(`DROP SCHEMA IF EXISTS ${this.name} CASCADE`);
    await this.pool.end();
    const session = await this.#session();
    await session.client.execute(`DROP KEYSPACE IF EXISTS ${this.name}`);
    await session.close();
    const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.includes(this.name));
    await admin.deleteTopics({ topics });
    await admin.disconnect();
  }
}

function createPlainTables(pool: pg.Pool): Promise<unknown> {
  return pool.query(tables);
}
