/**
 * About how large tables are, as the node that answers estimates it of its own part of them. It costs
 * nothing, and is minutes old: a table that is new or small has none yet.
 */
import type { CqlSession } from './session.ts';

export type SizeEstimate = { readonly bytes: number; readonly partitions: number };

/** Of the whole cluster, from one node's part; null when it has no estimate. */
export async function sizeEstimate(
  session: CqlSession,
  keyspace: string,
  table: string,
): Promise<SizeEstimate | null> {
  const query =
    'SELECT partitions_count, mean_partition_size FROM system.size_estimates WHERE keyspace_name = ? AND table_name = ?';
  const params = [keyspace, table].map((name) => Buffer.from(name));
  const rows = await session.read(`estimating the size of ${table}`, { query, params });
  const peers = await session.read('counting nodes', {
    query: 'SELECT peer FROM system.peers',
    params: [],
  });
  return sumOf(rows, peers.length + 1);
}

/** Each node estimates the part of which it is the first owner. */
export function sumOf(
  rows: readonly Readonly<Record<string, unknown>>[],
  nodes: number,
): SizeEstimate | null {
  let [bytes, partitions] = [0, 0];
  for (const row of rows) {
    const count = Number(row['partitions_count']);
    partitions += count;
    bytes += count * Number(row['mean_partition_size']);
  }
  if (partitions === 0) return null;
  return { bytes: bytes * nodes, partitions: partitions * nodes };
}
