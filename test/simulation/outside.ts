/**
 * The outside of a history: network, Kafka, CQL cluster and source, with the tables and topics that
 * `turnstream connect` and `turnstream schema apply` would have made.
 */
import { controlDdl, readModelDdl, type SchemaOptions } from '../../processor/cql/ddl.ts';
import type { ReadModel } from '../../processor/engine/store.ts';
import { recordDecoder } from '../../processor/source/avro.ts';
import { memoryRegistry } from '../../processor/source/memory-registry.ts';
import type { SourceTable } from '../../processor/source/row-change.ts';
import { SimulatedCluster } from './cql/cluster.ts';
import type { CqlProbes } from './cql/probes.ts';
import type { Dice } from './dice.ts';
import type { KafkaProbes } from './kafka/ports.ts';
import { SimulatedKafka } from './kafka/simulated-kafka.ts';
import { type Knobs, type LetterKnobs, topics } from './knobs.ts';
import { type Fates, Network } from './network.ts';
import { lettersOf } from './projections.ts';
import { Scheduler } from './scheduler.ts';
import { changeEncoder, type NewChange } from './source/encoder.ts';
import { SimulatedSource } from './source/source.ts';

export const schema: SchemaOptions = {
  keyspace: 'turnstream',
  dialect: 'cassandra',
  replication: { simulated: 1 },
};

/** Schemas are the same in every history. */
export const registry = memoryRegistry();
const encodeChange = await changeEncoder(registry);

/** For whoever looks on: all schemas are loaded, so it answers at once. */
export const changeDecoder = recordDecoder({ registry, topic: topics.changes });
await changeDecoder.load(await wireHeaders());

export type Outside = {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly kafka: SimulatedKafka;
  readonly cluster: SimulatedCluster;
  readonly source: SimulatedSource;
};

export type OutsideParts = {
  readonly dice: Dice;
  readonly knobs: Knobs;
  readonly models: readonly ReadModel[];
  readonly fates: Fates;
  readonly count: (name: string) => void;
  readonly kafkaProbes: KafkaProbes;
  readonly cqlProbes: CqlProbes;
};

export const startMs = 1_767_323_045_000;
/** After which a broker gives up on a member that stands still. */
export const sessionMs = 150;
/** So late, at most, each fetch of a slow partition begins. */
const slowFetchMsMax = 60;

export function openOutside(parts: OutsideParts): Outside {
  const { dice, knobs, models, fates, count, kafkaProbes, cqlProbes } = parts;
  const scheduler = new Scheduler(dice.forked('steps'), startMs);
  for (const [actor, slowness] of Object.entries(knobs.slowness)) {
    if (slowness > 0) scheduler.slowness.set(actor, slowness);
  }
  const late = dice.forked('late');
  const network = new Network(scheduler, fates, (most) => late.int(0, most));
  const kafka = new SimulatedKafka({
    network,
    scheduler,
    dice: dice.forked('kafka'),
    options: { fetchRecordsMax: knobs.fetchRecordsMax, sessionMs, expiryHeardMs: 1000 },
    count,
    probes: kafkaProbes,
  });
  kafka.createTopic(topics.changes, 1);
  kafka.createTopic(topics.events, knobs.eventsPartitions);
  kafka.createTopic(topics.deadLetters, 1);
  // By chance of its own: the rest of the history is drawn as it was.
  const slow = dice.forked('slow partition');
  if (slow.chance(0.15)) {
    kafka.slow(topics.events, slow.below(knobs.eventsPartitions), slowFetchMsMax);
  }
  const cluster = new SimulatedCluster({
    network,
    scheduler,
    dice: dice.forked('cql'),
    replicas: knobs.replicas,
    count,
    probes: cqlProbes,
  });
  for (const ddl of controlDdl(schema)) cluster.createTable(ddl);
  for (const model of models) cluster.createTable(readModelDdl(schema, model));
  const letters = lettersOf(knobs);
  const poisonDice = dice.forked('poison');
  const poisoned = (record: NewChange): NewChange => {
    if (letters.poison === 0 || !poisonDice.chance(poisonOf(record, letters))) return record;
    count('source: a record that nobody can decode yet');
    return { ...record, headers: { ...record.headers, [poisonHeader]: '1' } };
  };
  const source = new SimulatedSource({
    encode: encodeChange,
    nowMs: scheduler.nowMs,
    append: (records) => {
      const base = kafka.partitions(topics.changes)[0]?.length ?? 0;
      kafka.appendNow(topics.changes, 0, records.map(poisoned));
      return base;
    },
    count,
    // A large text that a later UPDATE leaves unsaid is lost with the letter that said it.
    ...(letters.poison > 0 ? { inlineCharsMax: Number.MAX_SAFE_INTEGER } : {}),
  });
  return { scheduler, network, kafka, cluster, source };
}

/** On a record that nobody can decode until its schema is back. */
export const poisonHeader = 'poison';

/** Of others that are gone an LSN may be where no retry finds it (decision 18): a snapshot must heal them. */
const tablesWithTombstones: readonly SourceTable[] = ['sessions'];
const truncatePoison = 0.6;
const poisonInOrder = 0.5;

/**
 * How likely nobody can decode it. What a snapshot reads is never brought in by a retry: only where letters
 * are discarded. A TRUNCATE is rare and says much.
 */
function poisonOf(record: NewChange, { poison, discards }: LetterKnobs): number {
  if (record.value === null) return 0;
  try {
    const source = changeDecoder.decode({ ...record, offset: 0 });
    if (source.kind === 'truncate') return Math.max(poison, truncatePoison);
    if (source.kind !== 'row') return 0;
    if (discards) return poison;
    const isInOrder = tablesWithTombstones.includes(source.change.table);
    return source.snapshot === null && isInOrder ? Math.max(poison, poisonInOrder) : 0;
  } catch {
    return 0;
  }
}

/** A record of each schema that is registered, as far as a decoder needs it to load the schema. */
async function wireHeaders() {
  const records = [];
  for (let id = 1; (await registry.schema(id)) !== undefined; id += 1) {
    const value = Buffer.alloc(5);
    value.writeInt32BE(id, 1);
    records.push({ offset: id, key: null, value, headers: {} });
  }
  return records;
}
