/** The laws that every read model of the registry keeps, over random histories (DESIGN 4). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchSizes, cut, history, shards } from '../processor/projection/histories.arbitrary.ts';
import {
  type MemoryReadModel,
  type MemoryWrite,
  memoryReadModel,
  rowsOfFacts,
} from '../processor/projection/memory-read-model.ts';
import { projections } from './index.ts';

const runs = { numRuns: 1_000 };

/** What one worker does next: how far it goes back, how far on, and whether its writes come late. */
const turn = fc.record({
  shard: fc.integer({ min: 0, max: shards - 1 }),
  back: fc.integer({ min: 0, max: 12 }),
  on: fc.integer({ min: 0, max: 6 }),
  late: fc.boolean(),
});

describe.each(projections.map((projection) => [projection.name, projection] as const))(
  '%s',
  (_, projection) => {
    it('I3: folding every change, in any batches, gives the rows of the final facts', () => {
      fc.assert(
        fc.property(history, batchSizes, ({ log, finals }, sizes) => {
          const model = memoryReadModel(projection);
          for (const batch of cut(log, sizes)) expect(model.deliver(batch)).toEqual([]);
          expect(model.rows()).toEqual(rowsOfFacts(projection, finals.flat()));
        }),
        runs,
      );
    });

    it('I2: delivering any part again, in order, changes nothing', () => {
      fc.assert(
        fc.property(history, batchSizes, fc.nat(), fc.nat(), ({ logs }, sizes, from, length) => {
          const model = memoryReadModel(projection);
          for (const [shard, log] of logs.entries()) deliver(model, log, shard, sizes);
          const stored = new Map(model.stored());
          for (const [shard, log] of logs.entries()) {
            const start = from % (log.length + 1);
            deliver(model, log.slice(start, start + (length % (log.length + 1))), shard, sizes);
          }
          expect(model.stored()).toEqual(stored);
        }),
        runs,
      );
    });

    it('I2, I6: restarts from older checkpoints and the late writes of former owners change nothing', () => {
      fc.assert(
        fc.property(history, fc.array(turn, { maxLength: 12 }), ({ logs, finals }, turns) => {
          const model = memoryReadModel(projection);
          const late: (readonly MemoryWrite[])[] = [];
          const taken = logs.map(() => 0);
          for (const { shard, back, on, late: isLate } of turns) {
            const until = taken[shard] ?? 0;
            const batch = (logs[shard] ?? []).slice(Math.max(0, until - back), until + on);
            const { writes } = model.plan(batch, shard);
            if (isLate) {
              late.push(writes);
            } else {
              model.apply(writes);
              taken[shard] = until + on;
            }
          }
          for (const [shard, log] of logs.entries()) model.deliver(log.slice(taken[shard]), shard);
          for (const writes of late) model.apply(writes);
          expect(model.rows()).toEqual(rowsOfFacts(projection, finals.flat()));
        }),
        runs,
      );
    });

    it('I8: the sum over shards is the read model of all facts, whoever reads which shard when', () => {
      fc.assert(
        fc.property(history, batchSizes, ({ logs, finals }, sizes) => {
          const model = memoryReadModel(projection);
          // The shards' batches interleaved the wrong way round: by shard from the last.
          const waiting = logs.map((log) => [...cut(log, sizes)]);
          while (waiting.some((batches) => batches.length > 0)) {
            for (let shard = shards - 1; shard >= 0; shard -= 1) {
              model.deliver(waiting[shard]?.shift() ?? [], shard);
            }
          }
          expect(model.rows()).toEqual(rowsOfFacts(projection, finals.flat()));
          if (projection.kind === 'map') return;
          for (const [shard, facts] of finals.entries()) {
            const own = memoryReadModel(projection);
            own.apply(
              [...model.stored()]
                .filter(([, row]) => row.op === 'totals' && row.shard === shard)
                .map(([at, row]) => ({ at, row })),
            );
            expect(own.rows()).toEqual(rowsOfFacts(projection, facts));
          }
        }),
        runs,
      );
    });
  },
);

function deliver(
  model: MemoryReadModel,
  log: Parameters<MemoryReadModel['deliver']>[0],
  shard: number,
  sizes: readonly number[],
): void {
  for (const batch of cut(log, sizes)) model.deliver(batch, shard);
}
