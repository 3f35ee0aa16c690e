/** The contracts of both stores on a real CQL server, in a keyspace of their own. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stackAddresses } from '../../local/stack.ts';
import { batchDefaults } from '../../processor/cql/batches.ts';
import { CqlCheckpointStore } from '../../processor/cql/checkpoint-store.ts';
import { connectCql, cqlDefaults, type DriverSession } from '../../processor/cql/cluster.ts';
import type { SchemaOptions } from '../../processor/cql/ddl.ts';
import { CqlGenerationStore } from '../../processor/cql/generation-store.ts';
import { CqlHoldStore } from '../../processor/cql/hold-store.ts';
import { CqlDeadLetterStore } from '../../processor/cql/letter-store.ts';
import { readAll, readAllTotals, readPartition } from '../../processor/cql/read.ts';
import { CqlReadModelStore, readModelStoreDefaults } from '../../processor/cql/read-model-store.ts';
import { applySchema } from '../../processor/cql/schema.ts';
import { CqlStateStore, stateStoreDefaults } from '../../processor/cql/state-store.ts';
import { describeDeadLetterStoreContract } from '../../processor/engine/dead-letter-store.contract.ts';
import { describeGenerationStoreContract } from '../../processor/engine/generations.contract.ts';
import { describeStoreContract } from '../../processor/engine/store.contract.ts';
import { describeHoldStoreContract } from '../../processor/engine/totals-holds.contract.ts';
import type { TableShape } from '../../processor/projection/projection.ts';
import { describeStateStoreContract } from '../../processor/sequencer/state-store.contract.ts';
import type { Position } from '../../processor/source/position.ts';

const { contactPoints, port, datacenter: localDataCenter } = stackAddresses().cql;
const schema: SchemaOptions = {
  keyspace: `contract_${randomUUID().replaceAll('-', '')}`,
  dialect: 'cassandra',
  replication: { [localDataCenter]: 1 },
};
let session: DriverSession;

beforeAll(async () => {
  session = await connectCql({ ...cqlDefaults, contactPoints, port, localDataCenter });
  await applySchema(session, schema, []);
});

afterAll(async () => {
  await session.client.execute(`DROP KEYSPACE IF EXISTS "${schema.keyspace}"`);
  await session.close();
});

describeStoreContract('CQL', async () => ({
  store: new CqlReadModelStore(session, { ...readModelStoreDefaults, schema }),
  checkpoints: new CqlCheckpointStore(session, schema.keyspace),
  rows: (model) => readAll(session, schema.keyspace, model),
  totals: (model) => readAllTotals(session, schema.keyspace, model),
}));

describeDeadLetterStoreContract(
  'CQL',
  async () => new CqlDeadLetterStore(session, { ...batchDefaults, keyspace: schema.keyspace }),
);

describeGenerationStoreContract('CQL', {
  open: async (nowMs) => new CqlGenerationStore(session, schema.keyspace, { nowMs }),
  runs: 3,
});

describeHoldStoreContract(
  'CQL',
  async (nowMs) => new CqlHoldStore(session, schema.keyspace, { nowMs }),
);

describeStateStoreContract(
  'CQL',
  async () => new CqlStateStore(session, { ...stateStoreDefaults, keyspace: schema.keyspace }),
);

test('applying the schema again changes nothing', async () => {
  await applySchema(session, schema, []);
});

const shape: TableShape = {
  projection: 'reads',
  version: 3,
  kind: 'map',
  partition: [{ name: 'order', cqlName: 'order', cql: 'text', nullable: false }],
  clustering: [{ name: 'n', cqlName: 'n', cql: 'int', nullable: false, order: 'desc' }],
  values: [{ name: 'token', cqlName: 'token', cql: 'text', nullable: true }],
};

test('one CQL partition is read in clustering order up to a limit, keywords as names', async () => {
  const model = { shape, generation: 1 };
  const store = new CqlReadModelStore(session, { ...readModelStoreDefaults, schema });
  await store.ensure([model]);
  await store.writeRows(
    model,
    [1, 2, 3].map((n) => ({
      op: 'upsert' as const,
      key: ['a', n],
      values: [`${n}`],
      position: n as Position,
    })),
  );
  const rows = await readPartition(session, schema.keyspace, model, ['a'], 2);
  expect(rows).toEqual([
    { key: ['a', 3], values: ['3'] },
    { key: ['a', 2], values: ['2'] },
  ]);
});

test('a definition that changed without its version is refused', async () => {
  const model = { shape: { ...shape, projection: 'changed' }, generation: 1 };
  const store = new CqlReadModelStore(session, { ...readModelStoreDefaults, schema });
  await store.ensure([model]);
  const values = [{ name: 'token', cqlName: 'token', cql: 'bigint', nullable: true }] as const;
  const changed = { shape: { ...model.shape, values }, generation: 1 };
  await expect(store.ensure([changed])).rejects.toMatchObject({
    code: 'SCHEMA',
    message: expect.stringContaining('token'),
  });
});

test('a write to a table that is not there is an error that does not pass', async () => {
  const store = new CqlReadModelStore(session, { ...readModelStoreDefaults, schema });
  const model = { shape, generation: 99 };
  const write = { op: 'delete' as const, key: ['a', 1], position: 1 as Position };
  await expect(store.writeRows(model, [write])).rejects.toMatchObject({
    code: 'STORE',
    retriable: false,
  });
});

test('with no node there, connecting says where it looked', async () => {
  const options = { ...cqlDefaults, contactPoints: ['127.0.0.1:1'], port, localDataCenter };
  await expect(connectCql(options)).rejects.toMatchObject({
    code: 'CONNECT',
    retriable: true,
    message: expect.stringContaining('127.0.0.1:1'),
  });
});
