/**
 * Decision 14 on real nodes: a batch of state that one replica of three has, whose position read
 * repair copies to a second one without its rows. Two nodes crash; the third takes the batch, and its
 * writer hears of a time-out; they come back. Hints would bring the batch to them sooner or later, so
 * they are off here, as for a node that was lost for longer than its neighbours keep hints.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killServer, stackAddresses, startServer, stopServer } from '../../local/stack.ts';
import { connectCql, cqlDefaults, DriverSession } from '../../processor/cql/cluster.ts';
import { applySchema } from '../../processor/cql/schema.ts';
import { CqlStateStore, stateStoreDefaults } from '../../processor/cql/state-store.ts';
import type { StateRow } from '../../processor/sequencer/state-store.ts';
import type { Position } from '../../processor/source/position.ts';
import { pause } from '../support/wait.ts';
import {
  backToOneNode,
  clientOf,
  type Node,
  nodes,
  startThreeNodes,
  threeNodes,
} from './three-nodes.ts';

const keyspace = 'tail_nodes';
const container = 's:s1';
const key = { kind: 'session', uid: 's1', idx: 0, other: '' } as const;
const noHints =
  '-Dcassandra.config.allow_system_properties=true -Dcassandra.settings.hinted_handoff_enabled=false';
const [formerPosition, position] = [1024 as Position, 2048 as Position];
/** Believes every position: what a store without the rule would do. */
const allSettled = Number.POSITIVE_INFINITY;

const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  process.env['JAVA_TOOL_OPTIONS'] = noHints;
  await startThreeNodes();
}, 300_000);

afterAll(async () => {
  // One that was left hanging does not heed an orderly stop.
  for (const node of nodes) {
    await killServer(node, 'SIGCONT', threeNodes).catch(() => undefined);
  }
  for (const close of closing) await close();
  delete process.env['JAVA_TOOL_OPTIONS'];
  await backToOneNode();
}, 300_000);

function row(title: string, lsn: number): StateRow {
  return { ...key, lsn, seen: -1, present: true, expires: false, body: '{}', text: title };
}

function write(store: CqlStateStore, at: Position, title: string): Promise<void> {
  return store.write(container, [{ position: at, rows: [row(title, at)] }]);
}

async function titleBy(store: CqlStateStore): Promise<string | null | undefined> {
  const [found] = await store.rows([{ container, key }]);
  return found?.text;
}

/** All requests go to that node; the others answer it, or do not. */
async function storeOn(node: Node): Promise<CqlStateStore> {
  const encoding = { useUndefinedAsUnset: false, useBigIntAsLong: true };
  const client = await clientOf([node], encoding);
  const options = { ...cqlDefaults, contactPoints: [], localDataCenter: '' };
  const session = new DriverSession(client, options);
  closing.push(() => session.close());
  return new CqlStateStore(session, { ...stateStoreDefaults, keyspace });
}

/** As the product opens it: whichever node. */
async function openAll() {
  const { contactPoints, port, datacenter } = stackAddresses(threeNodes).cql;
  const options = { ...cqlDefaults, contactPoints, port, localDataCenter: datacenter };
  const session = await connectCql(options);
  closing.push(() => session.close());
  return session;
}

/** Again while nodes are still finding each other. */
async function insist<T>(run: () => Promise<T>): Promise<{ value: T; tries: number }> {
  for (let tries = 1; ; tries += 1) {
    try {
      return { value: await run(), tries };
    } catch (error) {
      if (tries === 100) throw error;
      await pause(200);
    }
  }
}

test('a position that two replicas have and one has rows for is not believed until a majority has them', async () => {
  const session = await openAll();
  const replication = { datacenter1: 3 };
  await applySchema(session, { keyspace, dialect: 'cassandra', replication }, []);
  const first = await storeOn('cassandra');
  await write(first, formerPosition, 'old');

  await Promise.all([
    killServer('cassandra-2', 'SIGKILL', threeNodes),
    killServer('cassandra-3', 'SIGKILL', threeNodes),
  ]);
  await expect(write(first, position, 'new')).rejects.toMatchObject({
    code: 'STORE',
    retriable: true,
  });
  await Promise.all([
    startServer('cassandra-2', threeNodes),
    startServer('cassandra-3', threeNodes),
  ]);

  // Read by the first two: read repair copies the position, which was read, and not the row.
  await killServer('cassandra-3', 'SIGSTOP', threeNodes);
  const repaired = await insist(() => first.positions([container], allSettled));
  expect(repaired.value).toEqual([position]);

  // The one with the rows hangs: the other two are a quorum.
  await killServer('cassandra', 'SIGSTOP', threeNodes);
  await killServer('cassandra-3', 'SIGCONT', threeNodes);
  const second = await storeOn('cassandra-2');
  const believed = await insist(() => second.positions([container], allSettled));
  expect(believed.value, 'both say that they are there').toEqual([position]);
  const title = await insist(() => titleBy(second));
  expect(title.value, 'and neither is').toBe('old');
  const refusal = await second
    .positions([container], position)
    .catch((error: unknown) => error as Error);
  expect(refusal).toMatchObject({ code: 'STORE', retriable: true });
  expect(String(refusal)).toContain(
    'is at 2048, but the replicas that answered do not have its session row',
  );

  // It comes back: whoever tries again finds it, and leaves it with a majority.
  await killServer('cassandra', 'SIGCONT', threeNodes);
  const store = new CqlStateStore(session, { ...stateStoreDefaults, keyspace });
  const startedAt = performance.now();
  const settled = await insist(() => store.positions([container], position));
  expect(settled.value).toEqual([position]);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`tail: believed after ${settled.tries} tries, ${seconds} s`);
  await stopServer('cassandra', threeNodes);
  const last = await insist(() => titleBy(second));
  expect(last.value, 'without the one that had it').toBe('new');
}, 400_000);
