/**
 * What every form of the log keeps (log.ts), as tests: the memory form runs them in
 * memory-log.test.ts, the simulated one in test/simulation/, Kafka's in test/stack/. A harness says
 * how to open a log, how long its sessions last and how a member loses its partitions unnoticed.
 */
import { describe, expect, test, vi } from 'vitest';
import { bytesOf, type LogHarness, useBench, values, waiting } from './log-bench.contract.ts';
import { describeGroupContract } from './log-group.contract.ts';
import { describeRestartContract } from './log-restart.contract.ts';

export function describeLogContract(name: string, makeHarness: () => Promise<LogHarness>): void {
  describe(`the log's contract: ${name}`, () => {
    const present = useBench(makeHarness);

    test('records of a partition arrive in the order of the appends, with offsets from 0', async () => {
      const bench = present();
      await bench.producer.append([
        bench.record(0, 'a'),
        bench.record(1, 'x'),
        bench.record(0, 'b'),
      ]);
      await bench.producer.append([bench.record(0, 'c')]);
      const one = await bench.member();
      await vi.waitFor(() => expect(values(one.records(0))).toEqual(['a', 'b', 'c']), waiting);
      await bench.producer.append([bench.record(0, 'd'), bench.record(1, 'y')]);
      await vi.waitFor(() => {
        expect(values(one.records(0))).toEqual(['a', 'b', 'c', 'd']);
        expect(values(one.records(1))).toEqual(['x', 'y']);
      }, waiting);
      expect(one.records(0).map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
      expect(one.batches.at(-1)?.batch.endOffset).toBeGreaterThan(1);
    });

    test('keys, headers and null values come back as they were', async () => {
      const bench = present();
      await bench.producer.append([
        bench.record(0, 'v', { key: bytesOf('k'), headers: { origin: 'here', über: 'ünï' } }),
        { topic: bench.topic, partition: 0, key: bytesOf('gone'), value: null },
        bench.record(0, ''),
      ]);
      const one = await bench.member();
      await vi.waitFor(() => expect(one.records(0)).toHaveLength(3), waiting);
      const [first, second, third] = one.records(0);
      expect(first?.key?.toString()).toBe('k');
      expect(first?.headers).toEqual({ origin: 'here', über: 'ünï' });
      expect(second?.value).toBeNull();
      expect(second?.headers).toEqual({});
      expect(third?.key).toBeNull();
      expect(third?.value?.length).toBe(0);
    });

    test('end offsets count what was appended', async () => {
      const bench = present();
      const admin = await bench.admin();
      expect(await admin.endOffsets(bench.topic)).toEqual([0, 0]);
      await bench.producer.append([bench.record(1, 'a'), bench.record(1, 'b')]);
      expect(await admin.endOffsets(bench.topic)).toEqual([0, 2]);
    });

    test('an append of nothing is acknowledged', async () => {
      const bench = present();
      await expect(bench.producer.append([])).resolves.toBeUndefined();
    });

    test('an append that is repeated stands twice, in its order each time', async () => {
      const bench = present();
      const records = [bench.record(0, 'a'), bench.record(0, 'b')];
      await bench.producer.append(records);
      await bench.producer.append(records);
      const one = await bench.member();
      const wanted = ['a', 'b', 'a', 'b'];
      await vi.waitFor(() => expect(values(one.records(0))).toEqual(wanted), waiting);
      expect(one.records(0).map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
    });

    test('many records in one append stay in order', async () => {
      const bench = present();
      const count = 20_000;
      const filler = 'f'.repeat(100);
      await bench.producer.append(
        Array.from({ length: count }, (_, n) => bench.record(n % 2, `${n} ${filler}`)),
      );
      const one = await bench.member();
      await vi.waitFor(() => {
        expect(one.records(0).length + one.records(1).length).toBe(count);
      }, waiting);
      const numbers = one.records(1).map(({ value }) => Number.parseInt(String(value), 10));
      expect(numbers).toEqual(Array.from({ length: count / 2 }, (_, n) => 2 * n + 1));
    });

    test('records of 1 MB and 15 MB pass, among small ones', async () => {
      const bench = present();
      const large = Buffer.alloc(1_000_000, 'm');
      const huge = Buffer.alloc(15_000_000, 'h');
      await bench.producer.append([
        bench.record(0, 'a'),
        bench.record(0, '', { value: large }),
        bench.record(0, '', { value: huge }),
        bench.record(0, 'z'),
      ]);
      const one = await bench.member();
      await vi.waitFor(() => expect(one.records(0)).toHaveLength(4), waiting);
      const [a, m, h, z] = one.records(0);
      expect([a?.value?.toString(), z?.value?.toString()]).toEqual(['a', 'z']);
      expect(m?.value?.equals(large)).toBe(true);
      expect(h?.value?.equals(huge)).toBe(true);
    });

    test('ensureTopics creates once and refuses another number of partitions', async () => {
      const bench = present();
      const admin = await bench.admin();
      const spec = { topic: bench.topic, partitions: 2, replicationFactor: 1, config: {} };
      const fresh = { ...spec, topic: bench.harness.unique('fresh'), partitions: 3 };
      expect(await admin.partitionCount(fresh.topic)).toBeUndefined();
      await admin.ensureTopics([spec, fresh]);
      await admin.ensureTopics([spec, fresh]);
      expect(await admin.partitionCount(fresh.topic)).toBe(3);
      await expect(admin.ensureTopics([{ ...spec, partitions: 4 }])).rejects.toMatchObject({
        code: 'PARTITION_COUNT',
      });
      expect(await admin.partitionCount(bench.topic)).toBe(2);
    });
  });
  describeGroupContract(name, makeHarness);
  describeRestartContract(name, makeHarness);
}
