/**
 * Whether a crash of one node loses writes that the cluster has acknowledged: where a keyspace has one
 * replica, and its node writes the commit log to disk some time after the acknowledgement, which is the
 * default of ScyllaDB and Cassandra. Checkpoints and offsets would then be ahead of the rows (I1, decision
 * 24). With more replicas a quorum has them elsewhere.
 */
import type { Dialect } from './ddl.ts';
import type { CqlSession } from './session.ts';
import { textValue } from './values.ts';

/** What is wrong and what to do; null when nothing is. Rejects with STORE. */
export async function durabilityWarning(
  session: CqlSession,
  keyspace: string,
  dialect: Dialect,
): Promise<string | null> {
  const [described] = await session.read(`looking up the replicas of ${keyspace}`, {
    query: 'SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?',
    params: [textValue(keyspace)],
  });
  if (!hasOneReplica(described?.['replication'])) return null;
  const { query, safe } = syncOf[dialect];
  const params = [textValue('commitlog_sync')];
  const [setting] = await session.read('asking how the commit log is synced', { query, params });
  // ScyllaDB gives its settings in JSON.
  const sync = String(setting?.['value'] ?? 'unknown').replaceAll('"', '');
  return safe.includes(sync) ? null : sentence(keyspace, sync);
}

const syncOf: Readonly<
  Record<Dialect, { readonly query: string; readonly safe: readonly string[] }>
> = {
  cassandra: {
    query: 'SELECT value FROM system_views.settings WHERE name = ?',
    safe: ['batch', 'group'],
  },
  scylladb: { query: 'SELECT value FROM system.config WHERE name = ?', safe: ['batch'] },
};

/** The column as the driver decodes it: a map of texts, its class among them. */
function hasOneReplica(replication: unknown): boolean {
  const { class: _, ...factors } = (replication ?? {}) as Readonly<Record<string, string>>;
  const counts = Object.values(factors).map(Number).filter(Number.isFinite);
  return counts.length > 0 && counts.every((count) => count <= 1);
}

function sentence(keyspace: string, sync: string): string {
  return (
    `keyspace ${keyspace} has one replica, and commitlog_sync of its node is ${sync}: a crash of the node ` +
    'loses the last writes that it has acknowledged, and read models then differ until they are repaired ' +
    '(`turnstream verify --repair`) or replayed; set commitlog_sync to batch, or have three replicas'
  );
}
