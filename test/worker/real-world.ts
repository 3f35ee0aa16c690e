/** What a worker on the local stack needs: a topic, a keyspace and a group of its own. */
import { randomUUID } from 'node:crypto';
import { stackAddresses } from '../../local/stack.ts';
import { systemClock } from '../../processor/commands/system-clock.ts';
import { batchDefaults } from '../../processor/cql/batches.ts';
import { CqlCheckpointStore } from '../../processor/cql/checkpoint-store.ts';
import { connectCql, cqlDefaults } from '../../processor/cql/cluster.ts';
import type { SchemaOptions } from '../../processor/cql/ddl.ts';
import { CqlGenerationStore } from '../../processor/cql/generation-store.ts';
import { CqlDeadLetterStore } from '../../processor/cql/letter-store.ts';
import { readAll, readAllTotals } from '../../processor/cql/read.ts';
import { CqlReadModelStore, readModelStoreDefaults } from '../../processor/cql/read-model-store.ts';
import { applySchema } from '../../processor/cql/schema.ts';
import { silentObserver, type WorkerObserver } from '../../processor/engine/observer.ts';
import type { StoredRow } from '../../processor/engine/read-out.ts';
import type { ReadModel } from '../../processor/engine/store.ts';
import type { WorkerDeps } from '../../processor/engine/worker.ts';
import {
  readModelOf,
  type WorkerSettings,
  workerDefaults,
} from '../../processor/engine/worker-settings.ts';
import { eventCodec } from '../../processor/event/codec.ts';
import type { LogEntry } from '../../processor/event/event.ts';
import { createKafkaLog } from '../../processor/kafka/kafkajs-log.ts';
import { kafkaDefaults } from '../../processor/kafka/kafkajs-options.ts';
import { type Logger, silentLogger } from '../../processor/logger.ts';
import type { Projection } from '../../processor/projection/projection.ts';
import { sortedByKey, summed } from './history.ts';

/** Nobody registers here: every record is of the present schema. */
const codec = eventCodec(
  {
    schema: () => Promise.resolve(undefined),
    register: () => Promise.resolve(1),
    setCompatibility: () => Promise.resolve(),
  },
  1,
);

export type RealWorld = Awaited<ReturnType<typeof openRealWorld>>;

export async function openRealWorld(
  projections: readonly Projection[],
  partitions: number,
  more: {
    readonly observer?: Partial<WorkerObserver>;
    readonly logger?: Logger;
    /** Of a world that another process has opened. */
    readonly id?: string;
  } = {},
) {
  const { kafka, cql } = stackAddresses();
  const id = more.id ?? randomUUID().replaceAll('-', '').slice(0, 12);
  const log = createKafkaLog({
    ...kafkaDefaults,
    brokers: kafka.brokers,
    clientId: 'worker-test',
    logger: () => undefined,
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 6_000,
    heartbeatIntervalMs: 300,
  });
  const schema: SchemaOptions = {
    keyspace: `worker_${id}`,
    dialect: 'cassandra',
    replication: { [cql.datacenter]: 1 },
  };
  const session = await connectCql({ ...cqlDefaults, ...cql, localDataCenter: cql.datacenter });
  const settings: WorkerSettings = {
    ...workerDefaults,
    group: `worker-${id}`,
    eventsTopic: `worker-${id}.events`,
    deadLettersTopic: `worker-${id}.dead-letters`,
    partitions,
    hosted: projections.map((projection) => ({ projection, generation: 1 })),
  };
  await applySchema(session, schema, settings.hosted.map(readModelOf));
  const admin = await log.admin();
  const topic = (name: string, count: number) => {
    return { topic: name, partitions: count, replicationFactor: 1, config: {} };
  };
  await admin.ensureTopics([
    topic(settings.eventsTopic, partitions),
    topic(settings.deadLettersTopic, 1),
    topic(`worker-${id}.changes`, 1),
  ]);
  const producer = await log.producer();
  const checkpoints = new CqlCheckpointStore(session, schema.keyspace);
  const letters = new CqlDeadLetterStore(session, { ...batchDefaults, keyspace: schema.keyspace });
  const deps: WorkerDeps = {
    log,
    store: new CqlReadModelStore(session, { ...readModelStoreDefaults, schema }),
    checkpoints,
    letters,
    decoder: codec,
    clock: systemClock,
    random: Math.random,
    observer: { ...silentObserver, ...more.observer },
    logger: more.logger ?? silentLogger,
  };
  const release = async () => {
    await producer.close();
    await admin.close();
    await session.close();
  };
  return {
    id,
    deps,
    settings,
    generations: new CqlGenerationStore(session, schema.keyspace, systemClock),
    /** For whoever writes past the store. */
    cql: { session, keyspace: schema.keyspace },
    /** For whoever runs a sequencer beside the worker. */
    changesTopic: `worker-${id}.changes`,
    append: (entries: readonly { readonly partition: number; readonly entry: LogEntry }[]) =>
      producer.append(
        entries.map(({ partition, entry }) => {
          const value = codec.encode(entry);
          return { topic: settings.eventsTopic, partition, key: null, value };
        }),
      ),
    encode: codec.encode,
    /** Whether every projection is checkpointed to the end of every partition. */
    async caughtUp(): Promise<boolean> {
      return (await this.laggards()).length === 0;
    },
    /** The projections that are not. */
    async laggards(): Promise<readonly string[]> {
      const ends = await admin.endOffsets(settings.eventsTopic);
      const behind: string[] = [];
      for (const hosted of settings.hosted) {
        const found = await checkpoints.load(readModelOf(hosted));
        if (ends.some((end, partition) => (found.get(partition)?.offset ?? 0) < end)) {
          behind.push(hosted.projection.name);
        }
      }
      return behind;
    },
    async readModel(projection: Projection, generation = 1): Promise<readonly StoredRow[]> {
      const model: ReadModel = { shape: projection.shape, generation };
      if (projection.kind === 'map') {
        return sortedByKey(await readAll(session, schema.keyspace, model));
      }
      return summed(await readAllTotals(session, schema.keyspace, model));
    },
    /** What is stored stays, for others that have the id. */
    release,
    async close(): Promise<void> {
      await session.client.execute(`DROP KEYSPACE IF EXISTS ${schema.keyspace}`);
      await release();
    },
  };
}
