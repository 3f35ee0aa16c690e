/** The simulated cluster keeps the contracts that the product's stores and the real cluster keep. */
import { afterAll, describe } from 'vitest';
import { CqlCheckpointStore } from '../../../processor/cql/checkpoint-store.ts';
import { controlDdl, type SchemaOptions } from '../../../processor/cql/ddl.ts';
import { CqlDeadLetterStore } from '../../../processor/cql/letter-store.ts';
import { readAll, readAllTotals } from '../../../processor/cql/read.ts';
import {
  CqlReadModelStore,
  readModelStoreDefaults,
} from '../../../processor/cql/read-model-store.ts';
import { describeCqlContract } from '../../../processor/cql/session.contract.ts';
import { CqlStateStore, stateStoreDefaults } from '../../../processor/cql/state-store.ts';
import { describeDeadLetterStoreContract } from '../../../processor/engine/dead-letter-store.contract.ts';
import { describeStoreContract } from '../../../processor/engine/store.contract.ts';
import { describeStateStoreContract } from '../../../processor/sequencer/state-store.contract.ts';
import { openCalm } from '../calm.ts';
import { SimulatedCluster } from './cluster.ts';

const schema: SchemaOptions = {
  keyspace: 'contract',
  dialect: 'cassandra',
  replication: { datacenter1: 3 },
};

describe.each([1, 3] as const)('with %d replicas', (replicas) => {
  const world = openCalm(replicas);
  const { network, scheduler, dice } = world;
  const cluster = new SimulatedCluster({ network, scheduler, dice: dice.forked('cql'), replicas });
  for (const ddl of controlDdl(schema)) cluster.createTable(ddl);
  const session = cluster.session(world.process);
  afterAll(() => world.close());

  describeCqlContract('simulated', async () => ({ session, keyspace: schema.keyspace }));

  // So that what is one batch elsewhere is several here.
  const limits = { batchRowsMax: 7, batchBytesMax: 4_000 };

  describeStoreContract('CQL, simulated', async () => ({
    store: new CqlReadModelStore(session, { ...readModelStoreDefaults, ...limits, schema }),
    checkpoints: new CqlCheckpointStore(session, schema.keyspace),
    rows: (model) => readAll(session, schema.keyspace, model),
    totals: (model) => readAllTotals(session, schema.keyspace, model),
  }));

  describeDeadLetterStoreContract(
    'CQL, simulated',
    async () => new CqlDeadLetterStore(session, { ...limits, keyspace: schema.keyspace }),
  );

  describeStateStoreContract(
    'CQL, simulated',
    async () =>
      new CqlStateStore(session, { ...stateStoreDefaults, ...limits, keyspace: schema.keyspace }),
  );
});
