/**
 * The part of the log's contract (log.contract.ts) that is about consumer groups: who reads what,
 * from where, and whose commits count.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { type LogHarness, type Member, useBench, values, waiting } from './log-bench.contract.ts';

export function describeGroupContract(name: string, makeHarness: () => Promise<LogHarness>): void {
  describe(`the log's contract, groups: ${name}`, () => {
    const present = useBench(makeHarness);

    test('a committed offset comes back with its metadata, and reading goes on there', async () => {
      const bench = present();
      await bench.producer.append([
        bench.record(0, 'a'),
        bench.record(0, 'b'),
        bench.record(0, 'c'),
        bench.record(1, 'x'),
      ]);
      const one = await bench.member();
      await bench.settled(one);
      expect(one.epochs.at(-1)?.partitions).toEqual(
        new Map([
          [0, null],
          [1, null],
        ]),
      );
      const commits = new Map([[0, { offset: 2, metadata: 'position 7' }]]);
      expect(await one.consumer.commit(one.epoch(), commits)).toBe('committed');
      await one.consumer.stop();
      await expect(one.running).resolves.toBeUndefined();
      const admin = await bench.admin();
      expect(await admin.committedOffsets(bench.group, bench.topic)).toEqual([2, null]);

      const two = await bench.member();
      await bench.settled(two);
      expect(two.epochs.at(-1)?.partitions.get(0)).toEqual({ offset: 2, metadata: 'position 7' });
      expect(two.epochs.at(-1)?.partitions.get(1)).toBeNull();
      await vi.waitFor(() => {
        expect(values(two.records(0))).toEqual(['c']);
        expect(values(two.records(1))).toEqual(['x']);
      }, waiting);
    });

    test('the start that `assigned` answers wins over the committed offset', async () => {
      const bench = present();
      await bench.producer.append([
        bench.record(0, 'a'),
        bench.record(0, 'b'),
        bench.record(0, 'c'),
        bench.record(1, 'x'),
      ]);
      const one = await bench.member();
      await bench.settled(one);
      await one.consumer.commit(one.epoch(), new Map([[0, { offset: 3 }]]));
      await one.consumer.stop();
      const two = await bench.member({ starts: new Map([[0, 1]]) });
      await vi.waitFor(() => {
        expect(values(two.records(0))).toEqual(['b', 'c']);
        expect(values(two.records(1))).toEqual(['x']);
      }, waiting);
    });

    test('a start beyond the end of the log ends the run with an error', async () => {
      const bench = present();
      await bench.producer.append([bench.record(0, 'a')]);
      const one = await bench.member({ starts: new Map([[0, 99]]) });
      await expect(one.running).rejects.toMatchObject({ code: 'LOG', retriable: false });
    });

    test('two members divide the partitions, and a commit of the former epoch is fenced', async () => {
      const bench = present();
      await bench.producer.append([bench.record(0, 'a'), bench.record(1, 'x')]);
      const one = await bench.member();
      await bench.settled(one);
      const former = one.epoch();
      expect(await one.consumer.commit(former, new Map([[0, { offset: 1 }]]))).toBe('committed');
      const two = await bench.member();
      await vi.waitFor(() => expect(two.partitions()).toHaveLength(1), waiting);
      await bench.settled(one, two);
      expect(one.revoked).toContain(former);
      expect(one.epoch()).toBeGreaterThan(former);
      expect(await one.consumer.commit(former, new Map([[0, { offset: 0 }]]))).toBe('fenced');
      const own = new Map(one.partitions().map((partition) => [partition, { offset: 1 }]));
      expect(await one.consumer.commit(one.epoch(), own)).toBe('committed');
      const admin = await bench.admin();
      expect((await admin.committedOffsets(bench.group, bench.topic))[0]).toBe(1);
    });

    test('stop leaves the group at once: another member takes over, no record is lost', async () => {
      const bench = present();
      const one = await bench.member();
      const two = await bench.member();
      await vi.waitFor(() => expect(two.partitions()).toHaveLength(1), waiting);
      await bench.settled(one, two);
      const epoch = one.epoch();
      const started = performance.now();
      await one.consumer.stop();
      await vi.waitFor(() => expect(two.partitions()).toEqual([0, 1]), waiting);
      if (bench.harness.beyondSessionMs > 0) {
        expect(performance.now() - started).toBeLessThan(bench.harness.beyondSessionMs / 2);
      }
      expect(one.revoked).toContain(epoch);
      expect(await one.consumer.commit(epoch, new Map([[0, { offset: 0 }]]))).toBe('fenced');
      await bench.producer.append([bench.record(0, 'a'), bench.record(1, 'x')]);
      await vi.waitFor(() => {
        expect(values([...two.records(0), ...two.records(1)]).sort()).toEqual(['a', 'x']);
      }, waiting);
      expect(one.batches).toEqual([]);
      await one.consumer.stop();
    });

    test('a held batch holds its partition back, no other one, and keeps its member', async () => {
      const bench = present();
      const one = await bench.member();
      await bench.settled(one);
      const epoch = one.epoch();
      let release: () => void = () => undefined;
      one.gate = new Promise((resolve) => {
        release = resolve;
      });
      await bench.producer.append([bench.record(0, 'held')]);
      await vi.waitFor(() => expect(values(one.records(0))).toEqual(['held']), waiting);
      one.gate = Promise.resolve();
      const more = Array.from({ length: 300 }, (_, n) => bench.record(0, `later ${n}`));
      for (let at = 0; at < more.length; at += 100) {
        await bench.producer.append([...more.slice(at, at + 100), bench.record(1, `${at}`)]);
      }
      await vi.waitFor(() => expect(values(one.records(1))).toEqual(['0', '100', '200']), waiting);
      await pause(bench.harness.beyondSessionMs);
      expect(values(one.records(0))).toEqual(['held']);
      expect(one.revoked).toEqual([]);
      release();
      await vi.waitFor(() => expect(one.records(0)).toHaveLength(301), waiting);
      expect(one.records(0).map(({ offset }) => offset)).toEqual([...Array(301).keys()]);
      expect(await one.consumer.commit(epoch, new Map([[0, { offset: 301 }]]))).toBe('committed');
    });

    test('a handler that throws ends the run with its error, and another member takes over', async () => {
      const bench = present();
      const failing = await bench.member({
        onBatch: () => {
          throw new Error('cannot fold');
        },
      });
      await bench.settled(failing);
      await bench.producer.append([bench.record(0, 'a')]);
      await expect(failing.running).rejects.toThrow('cannot fold');
      const two = await bench.member();
      await vi.waitFor(() => expect(values(two.records(0))).toEqual(['a']), waiting);
    });

    test('a consumer that falls silent ends as stalled, and another goes on where it was', async () => {
      const bench = present();
      const { log, silence } = await bench.harness.silenceable();
      await bench.producer.append([bench.record(0, 'a')]);
      const one = await bench.member({ log });
      await vi.waitFor(() => expect(values(one.records(0))).toEqual(['a']), waiting);
      const epoch = one.epoch();
      await one.consumer.commit(epoch, new Map([[0, { offset: 1 }]]));
      silence(one.consumer);
      await bench.producer.append([bench.record(0, 'b'), bench.record(1, 'x')]);
      await expect(one.running).rejects.toMatchObject({
        code: 'STALLED',
        retriable: true,
        message: expect.stringContaining(bench.topic),
      });
      expect(one.revoked).toContain(epoch);
      const two = await bench.member({ log });
      await vi.waitFor(() => {
        expect(values(two.records(0))).toEqual(['b']);
        expect(values(two.records(1))).toEqual(['x']);
      }, waiting);
      expect(values(one.records(0))).toEqual(['a']);
    });

    test('a consumer that was stopped before it ran does not run', async () => {
      const bench = present();
      const consumer = await bench.log.consumer(bench.group, bench.topic);
      await consumer.stop();
      const assigned = vi.fn(async () => new Map<number, number>());
      await consumer.run({ assigned, revoked: () => undefined, batch: async () => undefined });
      expect(assigned).not.toHaveBeenCalled();
    });

    test('the last accepted commit is what the next assignment brings, though it goes back', async () => {
      const bench = present();
      await bench.producer.append(['a', 'b', 'c'].map((value) => bench.record(0, value)));
      const one = await bench.member();
      await bench.settled(one);
      const commit = (offset: number, metadata?: string) =>
        one.consumer.commit(
          one.epoch(),
          new Map([
            [0, metadata === undefined ? { offset } : { offset, metadata }],
            [1, { offset: 0, metadata: `with ${offset}` }],
          ]),
        );
      expect(await commit(3, 'far')).toBe('committed');
      expect(await commit(1)).toBe('committed');
      await one.consumer.stop();
      expect(await commit(2, 'too late')).toBe('fenced');
      const two = await bench.member();
      await bench.settled(two);
      expect(two.epochs.at(-1)?.partitions).toEqual(
        new Map([
          [0, { offset: 1 }],
          [1, { offset: 0, metadata: 'with 1' }],
        ]),
      );
      await vi.waitFor(() => expect(values(two.records(0))).toEqual(['b', 'c']), waiting);
    });

    test('epochs of a member follow one another, and between two nothing can be committed', async () => {
      const bench = present();
      const told: string[] = [];
      const outcomes: Promise<string>[] = [];
      const one: Member = await bench.member({
        onAssigned: async (epoch) => {
          told.push(`assigned ${epoch}`);
        },
        onRevoked: (epoch) => {
          // One that ended before anything was known of it does not matter.
          if (told.at(-1) === `assigned ${epoch}`) told.push(`revoked ${epoch}`);
          outcomes.push(one.consumer.commit(epoch, new Map([[0, { offset: 0 }]])));
        },
      });
      await bench.settled(one);
      const first = one.epoch();
      const two = await bench.member();
      await vi.waitFor(() => expect(two.partitions()).toHaveLength(1), waiting);
      await bench.settled(one, two);
      const second = one.epoch();
      await two.consumer.stop();
      await vi.waitFor(() => expect(one.partitions()).toHaveLength(2), waiting);
      expect(first).toBeLessThan(second);
      expect(second).toBeLessThan(one.epoch());
      const inTurn = one.epochs.flatMap(({ epoch }) => [`assigned ${epoch}`, `revoked ${epoch}`]);
      expect(told).toEqual(inTurn.slice(0, -1));
      expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['fenced']));
      const admin = await bench.admin();
      expect(await admin.committedOffsets(bench.group, bench.topic)).toEqual([null, null]);
    });

    test('within an epoch batches follow without gap or overlap, whoever joins and leaves', async () => {
      const bench = present();
      const one = await bench.member();
      await bench.settled(one);
      const count = 60;
      const appending = (async () => {
        for (let n = 0; n < count; n += 1) {
          await bench.producer.append([bench.record(0, `${n}`), bench.record(1, `${n}`)]);
        }
      })();
      const two = await bench.member();
      await vi.waitFor(() => expect(two.partitions()).toHaveLength(1), waiting);
      await vi.waitFor(() => expect(two.batches.length).toBeGreaterThan(0), waiting);
      await two.consumer.stop();
      await appending;
      const readBy = ({ batches }: Member, epoch: number, partition: number): number[] =>
        batches
          .filter((each) => each.epoch === epoch && each.partition === partition)
          .flatMap(({ batch }) => batch.records.map(({ offset }) => offset));
      await vi.waitFor(() => {
        expect(one.partitions()).toEqual([0, 1]);
        for (const partition of [0, 1]) {
          expect(readBy(one, one.epoch(), partition)).toHaveLength(count);
        }
      }, waiting);
      for (const member of [one, two]) {
        expect(member.stale).toEqual([]);
        for (const { epoch } of member.epochs) {
          for (const partition of [0, 1]) {
            const offsets = readBy(member, epoch, partition);
            // Nobody committed, so each epoch begins at the beginning.
            expect(offsets).toEqual([...offsets.keys()]);
          }
        }
        for (const { batch } of member.batches) {
          expect(batch.records.length).toBeGreaterThan(0);
          expect(batch.endOffset).toBeGreaterThan(batch.records.at(-1)?.offset ?? -1);
        }
      }
    });

    test('a former owner that has not noticed its loss reads on, and its commit is refused', async () => {
      const bench = present();
      const { former, latter, expire } = await bench.harness.contested();
      const one = await bench.member({ log: former });
      await bench.settled(one);
      let epoch = one.epoch();
      const commit = (offset: number, metadata: string) =>
        one.consumer.commit(epoch, new Map([[0, { offset, metadata }]]));
      // On a slow machine the group may rebalance once more while it begins.
      await vi.waitFor(async () => {
        epoch = one.epoch();
        expect(await commit(0, 'mine')).toBe('committed');
      }, waiting);
      expire(one.consumer);
      const two = await bench.member({ log: latter });
      await bench.settled(two);
      await bench.producer.append([bench.record(0, 'a')]);
      await vi.waitFor(() => {
        expect([values(one.records(0)), values(two.records(0))]).toEqual([['a'], ['a']]);
      }, waiting);
      expect(one.revoked).not.toContain(epoch);
      expect(await commit(1, 'stolen')).toBe('fenced');
      expect(two.epochs[0]?.partitions.get(0)).toEqual({ offset: 0, metadata: 'mine' });
      const admin = await bench.admin();
      expect(await admin.committedOffsets(bench.group, bench.topic)).toEqual([0, null]);
      // Sooner or later it hears of its loss, and is a member again.
      await vi.waitFor(() => expect(one.epoch()).toBeGreaterThan(epoch), waiting);
      expect(one.revoked).toContain(epoch);
    });

    test('a start that was written while `assigned` answered is not beyond the end', async () => {
      const bench = present();
      const one = await bench.member({
        starts: new Map([[0, 2]]),
        onAssigned: () => bench.producer.append([bench.record(0, 'a'), bench.record(0, 'b')]),
      });
      await bench.settled(one);
      const admin = await bench.admin();
      await vi.waitFor(async () => {
        expect(await admin.endOffsets(bench.topic)).toEqual([2, 0]);
      }, waiting);
      await bench.producer.append([bench.record(0, 'c')]);
      await vi.waitFor(() => expect(values(one.records(0))).toEqual(['c']), waiting);
    });
  });
}
