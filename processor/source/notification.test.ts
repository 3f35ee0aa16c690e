import { expect, test } from 'vitest';
import { recordDecoder } from './avro.ts';
import { notificationSchema, wireValue } from './debezium-fixture.ts';
import { memoryRegistry } from './memory-registry.ts';

async function decoded(aggregate_type: string, type: string) {
  const registry = memoryRegistry();
  const id = await registry.register('notification', notificationSchema);
  const decoder = recordDecoder({ registry, topic: 'changes' });
  const notification = {
    id: 'n',
    aggregate_type,
    type,
    additional_data: { connector_name: 'turnstream' },
    timestamp: 1_795_362_204_844,
  };
  const value = wireValue(notificationSchema, id, notification);
  const record = { offset: 1, key: null, value, headers: {} };
  await decoder.load([record]);
  return decoder.decode(record);
}

test('a notification tells when a snapshot begins, and when all of it has come', async () => {
  expect(await decoded('Initial Snapshot', 'STARTED')).toEqual({ kind: 'snapshot-begin' });
  expect(await decoded('Initial Snapshot', 'COMPLETED')).toEqual({
    kind: 'snapshot-end',
    endedAt: 1_795_362_204_844,
  });
});

test.each([
  ['Initial Snapshot', 'ABORTED'],
  ['Initial Snapshot', 'SKIPPED'],
  ['Initial Snapshot', 'IN_PROGRESS'],
  ['Incremental Snapshot', 'COMPLETED'],
  ['Incremental Snapshot', 'STARTED'],
])('any other is of no consequence: %s, %s', async (aggregateType, type) => {
  expect(await decoded(aggregateType, type)).toEqual({
    kind: 'irrelevant',
    reason: `notification ${aggregateType}: ${type}`,
  });
});
