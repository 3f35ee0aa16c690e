/** Where large texts of the state are kept on a real CQL server, and that two owners never mix them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stackAddresses } from '../../local/stack.ts';
import { connectCql, cqlDefaults, type DriverSession } from '../../processor/cql/cluster.ts';
import { applySchema } from '../../processor/cql/schema.ts';
import { CqlStateStore, stateStoreDefaults } from '../../processor/cql/state-store.ts';
import type { StateKey, StateRow } from '../../processor/sequencer/state-store.ts';

const { contactPoints, port, datacenter } = stackAddresses().cql;
const keyspace = `texts_${randomUUID().replaceAll('-', '')}`;
/** Nothing is looked at again: all that is written here is acknowledged. */
const settled = Number.MAX_SAFE_INTEGER;
const key: StateKey = { kind: 'step', uid: 't', idx: 1, other: '' };
let session: DriverSession;

beforeAll(async () => {
  session = await connectCql({ ...cqlDefaults, contactPoints, port, localDataCenter: datacenter });
  const replication = { [datacenter]: 1 };
  await applySchema(session, { keyspace, dialect: 'cassandra', replication }, []);
});

afterAll(async () => {
  await session.client.execute(`DROP KEYSPACE IF EXISTS "${keyspace}"`);
  await session.close();
});

const open = () => new CqlStateStore(session, { ...stateStoreDefaults, keyspace });
const write = (store: CqlStateStore, container: string, position: number, text: string | null) => {
  const row: StateRow = {
    ...key,
    lsn: position,
    seen: 0,
    present: true,
    body: '{}',
    text,
    expires: false,
  };
  return store.write(container, [{ position, rows: [row] }]);
};
const read = async (store: CqlStateStore, container: string) =>
  (await store.rows([{ container, key }]))[0]?.text;
/** Positions of the texts that are kept for the row. */
const kept = async (container: string) => {
  const query = `SELECT position FROM "${keyspace}".conversation_content WHERE container = ? AND kind = 'step' AND uid = 't' AND idx = 1 AND other = ''`;
  const { rows } = await session.client.execute(query, [container], { prepare: true });
  return [...new Set(rows.map((row) => Number(row['position'])))];
};

test('a text that does not change is written once', async () => {
  const store = open();
  const text = 'x'.repeat(300_000);
  for (const position of [1, 2, 3]) await write(store, 's:once', position, text);
  expect(await kept('s:once')).toEqual([1]);
  expect((await read(store, 's:once')) === text).toBe(true);
});

test('a text that was replaced is removed, also when the new one is small or none', async () => {
  const store = open();
  await write(store, 's:gone', 1, 'a'.repeat(9_000));
  await write(store, 's:gone', 2, 'b'.repeat(9_000));
  expect(await kept('s:gone')).toEqual([2]);
  await write(store, 's:gone', 3, 'small');
  expect(await kept('s:gone')).toEqual([]);
});

test('a store that read a text knows it as well as the one that wrote it', async () => {
  await write(open(), 's:read', 1, 'a'.repeat(9_000));
  const store = open();
  expect(await store.positions(['s:read'], settled)).toEqual([1]);
  await read(store, 's:read');
  await write(store, 's:read', 2, 'a'.repeat(9_000));
  expect(await kept('s:read')).toEqual([1]);
  await write(store, 's:read', 3, null);
  expect(await kept('s:read')).toEqual([]);
});

test('an owner that comes back does not rely on a text that another one removed', async () => {
  const [one, two] = [open(), open()];
  const text = 'a'.repeat(9_000);
  await write(one, 's:back', 1, text);
  await two.positions(['s:back'], settled);
  await read(two, 's:back');
  await write(two, 's:back', 2, 'short');
  expect(await kept('s:back')).toEqual([]);
  expect(await one.positions(['s:back'], settled)).toEqual([2]);
  await write(one, 's:back', 3, text);
  expect((await read(two, 's:back')) === text).toBe(true);
});

test('a reader that meets a row whose text is gone says so, and that it may pass', async () => {
  await write(open(), 's:lost', 1, 'a'.repeat(9_000));
  const remove = `DELETE FROM "${keyspace}".conversation_content WHERE container = 's:lost' AND kind = 'step' AND uid = 't' AND idx = 1 AND other = ''`;
  await session.client.execute(remove);
  await expect(read(open(), 's:lost')).rejects.toMatchObject({ code: 'STORE', retriable: true });
});

test('a row that expires does, and its container keeps its position', async () => {
  const store = new CqlStateStore(session, {
    ...stateStoreDefaults,
    keyspace,
    expiresAfterSeconds: 3,
  });
  const row: StateRow = {
    ...key,
    lsn: 1,
    seen: 0,
    present: false,
    body: '{}',
    text: null,
    expires: true,
  };
  await store.write('s:expiring', [{ position: 5, rows: [row] }]);
  expect(await read(store, 's:expiring')).toBeNull();
  await expect
    .poll(async () => (await store.rows([{ container: 's:expiring', key }]))[0], {
      timeout: 10_000,
    })
    .toBeNull();
  expect(await store.positions(['s:expiring'], settled)).toEqual([5]);
});
