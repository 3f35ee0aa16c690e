/** A conversation through a whole Turnstream in memory: it comes, it goes, and whoever is in the way is named. */
import { describe, expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import type { FinalRows } from '../conversation/final-facts.ts';
import type { Lsn } from '../source/lsn.ts';
import { checkFlow, type FlowPorts, flowConversation } from './flow.ts';
import { MemoryWorld, partitions, seeded, type Write } from './memory-world-fixture.ts';

const settings = { partitions, timeoutMs: 5_000 };
const rows = flowConversation((part) => `turnstream-check-1-${part}`, 17);

function writesOf({ sessions, humanTurns, agentTurns, steps }: FinalRows): readonly Write[] {
  return [
    ...sessions.map((row) => ({ table: 'sessions' as const, key: row.uid, row })),
    ...humanTurns.map((row) => ({ table: 'human_turns' as const, key: row.uid, row })),
    ...agentTurns.map((row) => ({ table: 'agent_turns' as const, key: row.uid, row })),
    ...steps.map((row) => {
      const key = { agentTurnUid: row.agentTurnUid, idx: row.idx };
      return { table: 'steps' as const, key, row };
    }),
  ];
}

/** What is committed is taken by all at once, unless the read model stands still. */
async function worldOf(over: Partial<FlowPorts> = {}) {
  const world = await new MemoryWorld(projections, seeded(1)).open();
  const calls: string[] = [];
  let nowMs = 0;
  let lsn = 0;
  const commit = async (what: string, writes: readonly Write[]) => {
    calls.push(what);
    world.commit(...writes);
    await world.settle();
    lsn += 1;
    return lsn as Lsn;
  };
  const ports: FlowPorts = {
    write: (given) => commit('write', writesOf(given)),
    remove: (given) =>
      commit(
        'remove',
        writesOf(given)
          .map((write) => ({ ...write, row: null }))
          .reverse(),
      ),
    watermark: async () => lsn as Lsn,
    reader: world.reader,
    clock: {
      nowMs: () => nowMs,
      delay: async (ms) => {
        nowMs += ms;
      },
      yield: async () => undefined,
    },
    signal: new AbortController().signal,
    ...over,
  };
  return { world, ports, calls };
}

describe('a check of the flow', () => {
  test('says of each read model how many rows came and went', async () => {
    const { world, ports, calls } = await worldOf();
    const results = await checkFlow(ports, settings, world.targets, rows);
    expect(calls).toEqual(['write', 'remove']);
    expect(results.map(({ projection }) => projection)).toEqual(
      projections.map(({ name }) => name),
    );
    // Otherwise it would prove nothing of that read model.
    for (const { projection, rows: count } of results) expect(count, projection).toBeGreaterThan(0);
  });

  test('a read model that stands still is named, with where it is, and the conversation is deleted', async () => {
    const { world, ports, calls } = await worldOf({
      watermark: async ({ projection }) =>
        projection.name === 'turns_by_account' ? (0 as Lsn) : (9 as Lsn),
    });
    await expect(checkFlow(ports, settings, world.targets, rows)).rejects.toThrow(
      /What was written at 0\/1 was not seen within 5 s by turns_by_account \(0\/0\)/,
    );
    expect(calls).toEqual(['write', 'remove']);
  });

  test('a read model without a watermark is waited for', async () => {
    const { world, ports } = await worldOf({ watermark: async () => null });
    await expect(checkFlow(ports, settings, world.targets, rows)).rejects.toThrow('no watermark');
  });

  test('a row that is not what the projection makes of it is a failure, and the conversation is deleted', async () => {
    const { world, ports, calls } = await worldOf();
    const half = { ...rows, steps: rows.steps.slice(1) };
    const spoilt = { ...ports, write: () => ports.write(half) };
    await expect(checkFlow(spoilt, settings, world.targets, rows)).rejects.toThrow(
      /steps_by_type_day has 2 of 3 rows as they should be after the conversation was written: .* is missing/,
    );
    expect(calls).toEqual(['write', 'remove']);
  });

  test('a row that stays is a failure', async () => {
    const { world, ports } = await worldOf();
    const spoilt = { ...ports, remove: async () => 1 as Lsn };
    await expect(checkFlow(spoilt, settings, world.targets, rows)).rejects.toThrow(
      /after the conversation was deleted: .* is extra/,
    );
  });

  test('when it can’t be deleted either, both are said', async () => {
    const { world, ports } = await worldOf({ watermark: async () => null });
    const spoilt = {
      ...ports,
      remove: async () => {
        throw new Error('the connection is gone');
      },
    };
    await expect(checkFlow(spoilt, settings, world.targets, rows)).rejects.toThrow(
      /no watermark.*could not be deleted either \(the connection is gone\).*turnstream-check-1-session/s,
    );
  });
});
