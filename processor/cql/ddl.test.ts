import { expect, test } from 'vitest';
import type { ReadModel } from '../engine/store.ts';
import { controlDdl, readModelDdl, type SchemaOptions } from './ddl.ts';

const options: SchemaOptions = {
  keyspace: 'app',
  dialect: 'cassandra',
  replication: { dc1: 3, "it's": 1 },
};

const map: ReadModel = {
  generation: 1,
  shape: {
    projection: 'steps',
    version: 2,
    kind: 'map',
    partition: [
      { name: 'tpe', cqlName: 'tpe', cql: 'int', nullable: false },
      { name: 'day', cqlName: 'day', cql: 'date', nullable: false },
    ],
    clustering: [
      {
        name: 'createdAt',
        cqlName: 'created_at',
        cql: 'timestamp',
        nullable: false,
        order: 'desc',
      },
      { name: 'idx', cqlName: 'idx', cql: 'int', nullable: false, order: 'asc' },
    ],
    values: [{ name: 'preview', cqlName: 'preview', cql: 'text', nullable: true }],
  },
};

test('a map has its key, its values and nothing else', () => {
  expect(readModelDdl(options, map)).toBe(`CREATE TABLE IF NOT EXISTS "app"."steps_v2_g1" (
  "tpe" int,
  "day" date,
  "created_at" timestamp,
  "idx" int,
  "preview" text,
  PRIMARY KEY (("tpe", "day"), "created_at", "idx")
) WITH CLUSTERING ORDER BY ("created_at" DESC, "idx" ASC)
  AND comment = 'Turnstream read model steps, version 2, generation 1. Write timestamps are positions: never write here by hand.'
  AND compaction = {'class': 'SizeTieredCompactionStrategy'}
  AND gc_grace_seconds = 864000`);
});

test('an aggregate has its shard as the last clustering column, and its position', () => {
  const shape = {
    ...map.shape,
    kind: 'aggregate',
    values: [{ name: 'count', cqlName: 'count', cql: 'bigint', nullable: false }],
  } as const;
  expect(
    readModelDdl({ ...options, dialect: 'scylladb' }, { shape, generation: 4 }),
  ).toBe(`CREATE TABLE IF NOT EXISTS "app"."steps_v2_g4" (
  "tpe" int,
  "day" date,
  "created_at" timestamp,
  "idx" int,
  "shard" int,
  "count" bigint,
  "position" bigint,
  PRIMARY KEY (("tpe", "day"), "created_at", "idx", "shard")
) WITH CLUSTERING ORDER BY ("created_at" DESC, "idx" ASC, "shard" ASC)
  AND comment = 'Turnstream read model steps, version 2, generation 4. Write timestamps are positions: never write here by hand.'
  AND compaction = {'class': 'LeveledCompactionStrategy'}
  AND gc_grace_seconds = 864000
  AND tombstone_gc = {'mode': 'timeout'}`);
});

test('a map without clustering columns has no clustering order', () => {
  const ddl = readModelDdl(options, { ...map, shape: { ...map.shape, clustering: [] } });
  expect(ddl).toContain('PRIMARY KEY (("tpe", "day"))\n) WITH comment =');
});

test('the keyspace is replicated by data centre', () => {
  const [keyspace, ...tables] = controlDdl(options);
  expect(keyspace).toBe(
    `CREATE KEYSPACE IF NOT EXISTS "app" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3, 'it''s': 1}`,
  );
  expect(tables).toHaveLength(7);
});

test('the container’s position and tail are static, and the order of state rows is that of their key', () => {
  const state = controlDdl(options).find((ddl) => ddl.includes('conversation_state'));
  expect(state).toContain('  "position" bigint STATIC,\n  "tail" text STATIC,\n');
  expect(state).toContain('PRIMARY KEY (("container"), "kind", "uid", "idx", "other")');
});

test('only ScyllaDB is told how to keep tombstones, and it is told for every table', () => {
  const models = [map];
  for (const [dialect, expected] of [
    ['cassandra', 0],
    ['scylladb', 8],
  ] as const) {
    const chosen = { ...options, dialect };
    const all = [...controlDdl(chosen), ...models.map((model) => readModelDdl(chosen, model))];
    expect(all.filter((ddl) => ddl.includes('tombstone_gc'))).toHaveLength(expected);
    expect(all.filter((ddl) => ddl.includes('gc_grace_seconds = 864000'))).toHaveLength(8);
  }
});
