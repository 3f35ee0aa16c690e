import { describe, expect, test } from 'vitest';
import type { Dialect } from './ddl.ts';
import { durabilityWarning } from './durability.ts';
import type { CqlSession, DecodedRow } from './session.ts';

const simple = 'org.apache.cassandra.locator.SimpleStrategy';
const network = 'org.apache.cassandra.locator.NetworkTopologyStrategy';

function asked(replication: Record<string, string>, sync: string | null, dialect: Dialect) {
  const read = async (_: string, { query }: { readonly query: string }) => {
    if (query.includes('system_schema.keyspaces')) return [{ replication }];
    const table = dialect === 'cassandra' ? 'system_views.settings' : 'system.config';
    if (!query.includes(table)) throw new Error(`${query} is not of ${dialect}`);
    return sync === null ? [] : ([{ value: sync }] satisfies DecodedRow[]);
  };
  return durabilityWarning({ read } as unknown as CqlSession, 'turnstream', dialect);
}

describe('a crash of one node', () => {
  test.each([
    [{ class: network, dc1: '3' }, 'periodic', 'cassandra'],
    [{ class: network, dc1: '1', dc2: '3' }, 'periodic', 'cassandra'],
    [{ class: simple, replication_factor: '1' }, 'batch', 'cassandra'],
    [{ class: simple, replication_factor: '1' }, 'group', 'cassandra'],
    [{ class: network, dc1: '1' }, '"batch"', 'scylladb'],
  ] as const)(
    'with replicas %o and commitlog_sync %s (%s) loses nothing',
    async (replication, sync, dialect) => {
      expect(await asked(replication, sync, dialect)).toBeNull();
    },
  );

  test.each([
    [{ class: simple, replication_factor: '1' }, 'periodic', 'cassandra'],
    [{ class: network, dc1: '1' }, '"periodic"', 'scylladb'],
    [{ class: network, dc1: '1' }, null, 'scylladb'],
  ] as const)(
    'with replicas %o and commitlog_sync %s (%s) may: it says so',
    async (replication, sync, dialect) => {
      const warning = await asked(replication, sync, dialect);
      expect(warning).toContain('keyspace turnstream has one replica');
      expect(warning).toContain(sync === null ? 'is unknown' : 'is periodic');
      expect(warning).toContain('set commitlog_sync to batch');
    },
  );
});
