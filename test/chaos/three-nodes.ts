/**
 * Three Cassandra nodes in the place of the stack's one, for one test file: the same ports on three
 * addresses, data of their own. The one node comes back afterwards, with its data. Import it before
 * anything that asks for addresses.
 */
import { Client, type ClientOptions, policies, types } from 'cassandra-driver';
import { type Environment, readSettings } from '../../local/settings.ts';
import { stackAddresses, startServer, stopServer } from '../../local/stack.ts';
import { pause } from '../support/wait.ts';

export const nodes = ['cassandra', 'cassandra-2', 'cassandra-3'] as const;
export type Node = (typeof nodes)[number];

const oneNode: Environment = { ...process.env };

/** Three heaps and the rest of the stack on one machine: small ones. */
export const threeNodes: Environment = {
  ...oneNode,
  TURNSTREAM_LOCAL_CASSANDRA_NODES: '3',
  TURNSTREAM_LOCAL_CASSANDRA_HEAP_MIB: '512',
};

export async function startThreeNodes(): Promise<void> {
  Object.assign(process.env, threeNodes);
  await stopServer('cassandra', oneNode);
  await Promise.all(nodes.map((node) => startServer(node, threeNodes)));
  await untilAllMet();
  await makeProbeTable();
  await untilAllAnswer();
}

export async function backToOneNode(): Promise<void> {
  await Promise.all(nodes.map((node) => stopServer(node, threeNodes)));
  await startServer('cassandra', oneNode);
}

/** A client that speaks to one node alone; for several, whichever answers. */
export async function clientOf(
  some: readonly Node[],
  more: ClientOptions['encoding'] = {},
): Promise<Client> {
  const { contactPoints, port, datacenter } = stackAddresses(threeNodes).cql;
  const wanted = contactPoints.filter((_, at) => some.includes(nodes[at] as Node));
  const { DCAwareRoundRobinPolicy, AllowListPolicy } = policies.loadBalancing;
  const client = new Client({
    contactPoints: wanted,
    localDataCenter: datacenter,
    protocolOptions: { port },
    encoding: more,
    policies: {
      loadBalancing: new AllowListPolicy(
        new DCAwareRoundRobinPolicy(datacenter),
        wanted.map((address) => `${address}:${port}`),
      ),
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(200),
      retry: new policies.retry.FallthroughRetryPolicy(),
    },
  });
  await client.connect();
  return client;
}

/**
 * Resolves when each node, asked by itself, takes a write at ALL: it sees all three alive. A rolling
 * restart must not go on to the next node before.
 */
export async function untilAllAnswer(): Promise<void> {
  const all = { consistency: types.consistencies.all };
  const insert = "INSERT INTO nodes_probe.probe (node) VALUES ('x')";
  await Promise.all(nodes.map((node) => insist(node, (client) => client.execute(insert, [], all))));
}

/**
 * Each node knows both others, at one schema: a table that is made before may stay unknown to a node
 * that had not met its maker yet.
 */
async function untilAllMet(): Promise<void> {
  const select = 'SELECT schema_version FROM system.peers_v2';
  const own = 'SELECT schema_version FROM system.local';
  const versionsAt = async (client: Client) => {
    const rows = [...(await client.execute(select)).rows, ...(await client.execute(own)).rows];
    return rows.map((row) => String(row['schema_version']));
  };
  await Promise.all(
    nodes.map((node) =>
      insist(node, async (client) => {
        const versions = await versionsAt(client);
        if (versions.length === nodes.length && new Set(versions).size === 1) return;
        throw new Error(`${node} knows ${versions.length} nodes, schemas ${versions.join(', ')}`);
      }),
    ),
  );
}

/** By one node alone: two that make one table at the same time can split the schema. */
function makeProbeTable(): Promise<void> {
  return insist('cassandra', async (client) => {
    await client.execute(
      "CREATE KEYSPACE IF NOT EXISTS nodes_probe WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}",
    );
    await client.execute('CREATE TABLE IF NOT EXISTS nodes_probe.probe (node text PRIMARY KEY)');
  });
}

/** Again and again, with a client of its own each time, as long as a server may take to answer. */
async function insist(node: Node, run: (client: Client) => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + readSettings(threeNodes).readySeconds * 1000;
  for (;;) {
    let client: Client | undefined;
    try {
      client = await clientOf([node]);
      await run(client);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    } finally {
      await client?.shutdown();
    }
    await pause(200);
  }
}
