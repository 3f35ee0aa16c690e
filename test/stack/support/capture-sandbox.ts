/**
 * Capture on the real stack with names of its own: a schema with the four tables, a slot, a
 * publication, a connector and topics, all dropped at the end. What arrives is read through the
 * log and the decoder, as the sequencer reads it.
 */
import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { type ConnectResult, connect } from '../../../connectors/capture.ts';
import type { ConnectSettings } from '../../../connectors/settings.ts';
import { exampleSettings } from '../../../connectors/settings-example.ts';
import { stackAddresses } from '../../../local/stack.ts';
import { createKafkaLog } from '../../../processor/kafka/kafkajs-log.ts';
import { kafkaDefaults } from '../../../processor/kafka/kafkajs-options.ts';
import type { LogConsumer } from '../../../processor/kafka/log.ts';
import { recordDecoder } from '../../../processor/source/avro.ts';
import type { Instant } from '../../../processor/source/instant.ts';
import { type Lsn, parseLsn } from '../../../processor/source/lsn.ts';
import { httpRegistry } from '../../../processor/source/registry.ts';
import type { DecodeNote } from '../../../processor/source/row.ts';
import type { SourceRecord } from '../../../processor/source/row-change.ts';
import { pause } from '../../support/wait.ts';

export const addresses = stackAddresses();

export const tables = `
  CREATE TABLE sessions (uid varchar PRIMARY KEY, account_uid varchar, title varchar);
  CREATE TABLE human_turns (uid varchar PRIMARY KEY, session_uid varchar, parent_uid varchar,
    active_child varchar, prompt varchar, created_at timestamptz);
  CREATE TABLE agent_turns (uid varchar PRIMARY KEY, session_uid varchar, parent_uid varchar,
    active_child varchar, created_at timestamptz);
  CREATE TABLE steps (agent_turn_uid varchar, idx int, tpe int, content varchar,
    created_at timestamptz, PRIMARY KEY (agent_turn_uid, idx));`;

export type RowRecord = Extract<SourceRecord, { kind: 'row' }>;

export class CaptureSandbox {
  readonly name = `capture_${randomBytes(4).toString('hex')}`;
  readonly records: SourceRecord[] = [];
  readonly notes: DecodeNote[] = [];
  readonly pool: pg.Pool;
  readonly said: string[] = [];
  #consumer: LogConsumer | undefined;
  #reading: Promise<void> | undefined;
  #arrived: () => void = () => undefined;

  constructor(more: { readonly user?: string } = {}) {
    this.pool = new pg.Pool({
      ...addresses.postgres,
      ...more,
      options: `-c search_path=${this.name}`,
    });
  }

  settings(more: Partial<ConnectSettings['connector']> = {}): ConnectSettings {
    const { postgres, connect: worker, registry } = addresses;
    return {
      postgres: {
        ...postgres,
        schema: this.name,
        tables: exampleSettings.postgres.tables,
        sslMode: 'disable',
      },
      connector: {
        url: worker.url,
        name: this.name,
        slot: this.name,
        publication: this.name,
        topicPrefix: this.name,
        heartbeatIntervalMs: 100,
        delivery: 'at-least-once',
        snapshotMode: 'when_needed',
        postgresHost: postgres.host,
        postgresPort: postgres.port,
        registryUrl: `${registry.url}/apis/registry/v2`,
        startTimeoutMs: 120_000,
        ...more,
      },
      topics: {
        changes: `${this.name}.changes`,
        events: `${this.name}.events`,
        eventsPartitions: 3,
        deadLetters: `${this.name}.dead-letters`,
        replicationFactor: 1,
        recordBytesMax: 32 * 1024 * 1024,
      },
    };
  }

  async connect(settings: ConnectSettings = this.settings()): Promise<ConnectResult> {
    const log = createKafkaLog(kafkaOptions);
    const admin = await log.admin();
    try {
      return await connect(settings, {
        postgres: this.pool,
        admin: async () => admin,
        waiting,
        say: (line) => this.said.push(line),
      });
    } finally {
      await admin.close();
    }
  }

  /** From now on `records` grows with what `changes` has, from its beginning. */
  async read(): Promise<void> {
    const topic = this.settings().topics.changes;
    const registry = httpRegistry({ url: `${addresses.registry.url}/apis/ccompat/v7` });
    const decoder = recordDecoder({ registry, topic, note: (note) => this.notes.push(note) });
    const consumer = await createKafkaLog(kafkaOptions).consumer(this.name, topic);
    this.#consumer = consumer;
    this.#reading = consumer.run({
      assigned: async () => new Map([[0, 0]]),
      revoked: () => undefined,
      batch: async (_epoch, _partition, { records }) => {
        await decoder.load(records);
        for (const record of records) this.records.push(decoder.decode(record));
        this.#arrived();
      },
    });
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  /** Runs it, and answers the records up to the first heartbeat after its commit, without heartbeats. */
  async captured(run: () => Promise<unknown>): Promise<readonly SourceRecord[]> {
    const from = this.records.length;
    await run();
    const lsn = await this.currentLsn();
    await this.until(() =>
      this.records.slice(from).some((record) => isHeartbeatAbove(record, lsn)),
    );
    return this.records.slice(from).filter(({ kind }) => kind !== 'heartbeat');
  }

  async currentLsn(): Promise<Lsn> {
    const { rows } = await this.pool.query<{ lsn: string }>(
      'SELECT pg_current_wal_insert_lsn() AS lsn',
    );
    return parseLsn(rows[0]!.lsn)!;
  }

  async createSchema(): Promise<void> {
    await this.pool.query(`CREATE SCHEMA ${this.name}`);
    await this.pool.query(tables);
  }

  async drop(): Promise<void> {
    await this.#consumer?.stop();
    await this.#reading;
    await fetch(`${addresses.connect.url}/connectors/${this.name}`, { method: 'DELETE' });
    await dropSlot(this.pool, this.name);
    await this.pool.query(`DROP PUBLICATION IF EXISTS ${this.name}`);
    await this.pool.query(`DROP SCHEMA IF EXISTS ${this.name} CASCADE`);
    await this.pool.end();
    const admin = new Kafka({
      brokers: [...addresses.kafka.brokers],
      logLevel: logLevel.NOTHING,
    }).admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.includes(this.name));
    await admin.deleteTopics({ topics });
    await admin.disconnect();
  }
}

/** The connector holds it for a moment after its end. */
export async function dropSlot(pool: pg.Pool, slot: string): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ active: boolean }>(
      'SELECT active FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    );
    if (rows.length === 0) return;
    if (rows[0]!.active) await waiting.delay(50);
    else await pool.query('SELECT pg_drop_replication_slot($1)', [slot]);
  }
}

export const waiting = {
  nowMs: () => Date.now(),
  delay: pause,
};

const kafkaOptions = {
  ...kafkaDefaults,
  brokers: addresses.kafka.brokers,
  clientId: 'capture-test',
  logger: () => undefined,
};

function isHeartbeatAbove(record: SourceRecord, lsn: number): boolean {
  return record.kind === 'heartbeat' && record.origin.lsn >= lsn;
}

export function rowsOf(records: readonly SourceRecord[]): readonly RowRecord[] {
  return records.filter((record) => record.kind === 'row');
}

/** `update steps t1/3`: enough to see order and completeness. */
export function brief(record: SourceRecord): string {
  switch (record.kind) {
    case 'row': {
      const { operation, table, key } = record.change;
      return `${operation} ${table} ${typeof key === 'string' ? key : `${key.agentTurnUid}/${key.idx}`}`;
    }
    case 'truncate':
      return `truncate ${record.tables.join()}`;
    case 'irrelevant':
      return `irrelevant: ${record.reason}`;
    default:
      return record.kind;
  }
}

export function at(text: string): Instant {
  return Date.parse(text);
}
