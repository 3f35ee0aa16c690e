/** The part of the log's contract (log.contract.ts) that is about epochs begun anew without a rebalance. */
import { describe, expect, test, vi } from 'vitest';
import { type LogHarness, useBench, values, waiting } from './log-bench.contract.ts';

export function describeRestartContract(
  name: string,
  makeHarness: () => Promise<LogHarness>,
): void {
  describe(`the log's contract, epochs begun anew: ${name}`, () => {
    const present = useBench(makeHarness);

    test('an epoch begun anew has its partitions, starts where it is told, and leaves others alone', async () => {
      const bench = present();
      await bench.producer.append(['a', 'b', 'c'].map((value) => bench.record(0, value)));
      const starts = new Map<number, number>();
      const one = await bench.member({ starts });
      const two = await bench.member();
      await vi.waitFor(() => expect(two.partitions()).toHaveLength(1), waiting);
      await bench.settled(one, two);
      // On the real servers it may be either of them that has partition 0.
      const [own = 0] = one.partitions();
      await bench.producer.append(['d', 'e'].map((value) => bench.record(own, value)));
      await vi.waitFor(() => expect(values(one.records(own)).at(-1)).toBe('e'), waiting);
      const [former, others] = [one.epoch(), two.epochs.length];
      expect(await one.consumer.commit(former, new Map([[own, { offset: 1 }]]))).toBe('committed');
      const readBefore = one.batches.length;
      starts.set(own, 1);
      one.consumer.restart();
      expect(one.revoked).toContain(former);
      await vi.waitFor(() => expect(one.epoch()).toBeGreaterThan(former), waiting);
      expect(one.epochs.at(-1)?.partitions).toEqual(new Map([[own, { offset: 1 }]]));
      expect(await one.consumer.commit(former, new Map([[own, { offset: 0 }]]))).toBe('fenced');
      const all = one.records(own);
      const read = () => one.batches.slice(readBefore).flatMap(({ batch }) => batch.records);
      const end = all.at(-1)?.offset ?? 0;
      await vi.waitFor(() => expect(read().at(-1)?.offset).toBe(end), waiting);
      expect(read().map(({ offset }) => offset)).toEqual(
        Array.from({ length: end }, (_, at) => at + 1),
      );
      expect(one.stale).toEqual([]);
      expect(await one.consumer.commit(one.epoch(), new Map([[own, { offset: 2 }]]))).toBe(
        'committed',
      );
      expect(two.epochs).toHaveLength(others);
      expect(two.revoked).not.toContain(two.epoch());
    });

    test('begun anew again and again while it reads, each epoch reads without gap', async () => {
      const bench = present();
      const one = await bench.member();
      await bench.settled(one);
      const count = 40;
      for (let n = 0; n < count; n += 1) {
        await bench.producer.append([bench.record(0, `${n}`), bench.record(1, `${n}`)]);
        if (n % 8 === 3) one.consumer.restart();
      }
      const readIn = (epoch: number, partition: number) =>
        one.batches
          .filter((each) => each.epoch === epoch && each.partition === partition)
          .flatMap(({ batch }) => batch.records.map(({ offset }) => offset));
      await vi.waitFor(() => {
        for (const partition of [0, 1]) expect(readIn(one.epoch(), partition)).toHaveLength(count);
      }, waiting);
      expect(one.epochs.length).toBeGreaterThan(1);
      expect(one.stale).toEqual([]);
      for (const { epoch } of one.epochs) {
        for (const partition of [0, 1]) {
          const offsets = readIn(epoch, partition);
          expect(offsets).toEqual([...offsets.keys()]);
        }
      }
    });

    test('a consumer that has no epoch, or has stopped, has none to begin anew', async () => {
      const bench = present();
      const one = await bench.member();
      await bench.settled(one);
      await one.consumer.stop();
      const epochs = one.epochs.length;
      one.consumer.restart();
      const never = await bench.log.consumer(bench.group, bench.topic);
      never.restart();
      await never.stop();
      expect(one.epochs).toHaveLength(epochs);
    });
  });
}
