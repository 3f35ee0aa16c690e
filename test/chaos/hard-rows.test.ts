/**
 * The long form of test/stack/hard-rows.test.ts: 20,000 steps that move, a million that are parked,
 * and what the sequencer takes of memory and time for it.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables } from '../../generator/generate.ts';
import { moves } from '../stack/support/moves-cases.ts';
import {
  park,
  parkedInPostgres,
  parkedShownAs,
  release,
  residentBytesMax,
} from '../stack/support/parked.ts';
import { judgedSideBySide } from '../stack/support/side-by-side.ts';
import { Spine } from '../stack/support/spine.ts';
import type { TurnstreamProcess } from '../stack/support/turnstream-process.ts';

const MIB = 2 ** 20;
const { TURNSTREAM_CHAOS_PARKED_STEPS = '1000000' } = process.env;
const steps = Number(TURNSTREAM_CHAOS_PARKED_STEPS);

const spine = new Spine({
  TURNSTREAM_SEQUENCER_CACHE_BYTES_MAX: String(64 * MIB),
  TURNSTREAM_SEQUENCER_HINTS_MAX: '50000',
});
let sequencer: TurnstreamProcess;

beforeAll(async () => {
  await spine.prepare(createTables);
  ({ sequencer } = spine.startBoth());
  await spine.caughtUp();
});

afterAll(() => spine.drop());

async function measured(what: string, run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  const bytes = await residentBytesMax(sequencer, run);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${what}: ${seconds} s, the sequencer takes ${Math.round(bytes / MIB)} MiB at most`);
  return bytes;
}

test('a session of 20,000 steps moves, and one of 60 MB', async () => {
  let found: string | null = 'not judged';
  const bytes = await measured('moves', async () => {
    found = await judgedSideBySide(spine, moves({ steps: 20_000, contentChars: 5_000_000 }));
  });
  expect(found).toBeNull();
  expect(bytes).toBeLessThan(1200 * MIB);
}, 1_800_000);

test.each([
  ['few', 10],
  ['many', steps / 2],
])(
  'a million steps are parked under %s unknown turns, in bounded memory; what comes is released',
  async (name, turns) => {
    const prefix = `p-${name}-`;
    const before = await parkedInPostgres(spine);
    const bytes = await measured(`${steps} steps parked under ${turns} turns`, async () => {
      await park(spine, prefix, { steps, turns });
      await spine.caughtUp();
    });
    await parkedShownAs(sequencer, before + steps);
    // A process keeps what a release before it took.
    expect(bytes).toBeLessThan(900 * MIB);
    const each = turns <= 10 ? turns : turns / 100;
    const released = await measured('a part of them released', async () => {
      await release(spine, prefix, turns, each);
      await spine.caughtUp();
    });
    expect(released).toBeLessThan(1200 * MIB);
    await parkedShownAs(sequencer, await parkedInPostgres(spine));
    expect(await spine.judged()).toBeNull();
  },
  3_600_000,
);
