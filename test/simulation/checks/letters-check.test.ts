import { expect, test } from 'vitest';
import { controlTables } from '../../../processor/cql/names.ts';
import type { ConversationEvent } from '../../../processor/event/event.ts';
import type { Outside } from '../outside.ts';
import { mendables } from '../projections.ts';
import type { Violation } from '../violation.ts';
import type { EventsCheck } from './events-check.ts';
import { checkLetterCounts, checkMended } from './letters-check.ts';

type Fate = { readonly retried_at?: number; readonly discarded_at?: number };

/** A database that has these letters of each model, at offsets and positions of their own. */
function outsideOf(fates: readonly Fate[], counted: number): Outside {
  const letters = mendables.mended.flatMap(({ name }) =>
    fates.map((fate, offset) => ({
      key: { projection: name, version: 1, generation: 1, partition: 0, offset },
      values: { position: 1000 + offset, error: 'e', at: 1, ...fate },
    })),
  );
  const checkpoints = mendables.mended.map(({ name }) => ({
    key: { projection: name, version: 1, generation: 1, partition: 0 },
    values: { offset: 9, position: 9000, watermark_lsn: 0, watermark_at: 0, dead_letters: counted },
  }));
  const rows = (table: string) => (table === controlTables.deadLetters ? letters : checkpoints);
  return { cluster: { rows } } as unknown as Outside;
}

function found(check: (context: Parameters<typeof checkLetterCounts>[0]) => void): string[] {
  const violations: Violation[] = [];
  check({ violate: (violation) => violations.push(violation), step: () => 1 });
  return violations.map(({ what }) => what);
}

test('a letter that waits is counted, one that was taken or discarded is not', () => {
  const fates = [{}, { retried_at: 5000 }, { discarded_at: 6000 }];
  const told = (counted: number) =>
    found((context) => checkLetterCounts(context, outsideOf(fates, counted), mendables.mended));
  expect(told(1)).toEqual([]);
  for (const counted of [0, 2]) {
    expect(told(counted)[0]).toContain(`1 letters of mendable, partition 0, wait`);
    expect(told(counted)).toHaveLength(2);
  }
});

const step = (idx: number) => ({
  kind: 'step' as const,
  agentTurnUid: 'a1',
  idx,
  tpe: 1,
  content: 'four',
  createdAt: null,
  sessionUid: 's1',
  accountUid: 'acc',
  humanTurnUid: null,
  askedAt: null,
  turnCreatedAt: null,
  previousStepAt: null,
  previousStepTpe: null,
});

test('a read model is all events but those discarded, and nothing else', () => {
  const events = [0, 1].map((idx) => ({
    kind: 'event',
    position: 1000 + idx,
    changes: [{ kind: 'step', before: null, after: step(idx) }],
  })) as unknown as readonly ConversationEvent[];
  const log = { partitions: 1, events: () => events } as unknown as EventsCheck;
  const [map, aggregate] = mendables.mended;
  const row = (idx: number) => ({ key: ['+acc', 'a1', idx], values: ['s1', 'four'] });
  const sum = (steps: number) => [
    { key: ['+acc'], shard: 0, totals: [steps, 4 * steps], position: 2000 },
  ];
  const judge = (at: typeof map, fates: readonly Fate[], rows: readonly object[]) =>
    found((context) =>
      checkMended(
        context,
        log,
        outsideOf(fates, 0),
        at!,
        rows as Parameters<typeof checkMended>[4],
      ),
    );
  const taken = [{ retried_at: 5000 }, { retried_at: 5000 }];
  const one = [{ retried_at: 5000 }, { discarded_at: 5000 }];
  expect(judge(map, taken, [row(0), row(1)])).toEqual([]);
  expect(judge(map, one, [row(0)])).toEqual([]);
  expect(judge(map, one, [row(0), row(1)])[0]).toContain('must not be there');
  expect(judge(map, taken, [row(0)])[0]).toContain('is missing');
  expect(judge(aggregate, taken, sum(2))).toEqual([]);
  expect(judge(aggregate, one, sum(1))).toEqual([]);
  expect(judge(aggregate, one, sum(2))[0]).toContain('is wrong');
});
