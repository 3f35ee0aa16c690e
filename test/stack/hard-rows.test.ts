/**
 * What rows may do that is rare and right: children before their parents, moves, deletes in any
 * order, odd values. Judged by SQL over Postgres after every round.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createTables, generate } from '../../generator/generate.ts';
import { deadLettersOf } from './support/dead-letters.ts';
import { deletes, truncates } from './support/deletes-cases.ts';
import { missingParents } from './support/missing-parents-cases.ts';
import { moves } from './support/moves-cases.ts';
import { oddValues, tooLarge, tooLargeNamed } from './support/odd-values-cases.ts';
import { parkedInPostgres, parkedShownAs } from './support/parked.ts';
import { judgedSideBySide } from './support/side-by-side.ts';
import { Spine } from './support/spine.ts';
import { TurnstreamProcess } from './support/turnstream-process.ts';

const spine = new Spine();
let seed = 900;
let sequencer: TurnstreamProcess;

beforeAll(async () => {
  await spine.prepare(createTables);
  ({ sequencer } = spine.startBoth());
});

afterAll(() => spine.drop());

/** Conversations of the generator, and odd changes of them. */
function load(): Promise<unknown> {
  seed += 1;
  const endAtMs = Date.parse('2026-03-05T12:00:00Z');
  return generate(spine.pool, { seed, sessions: 3, endAtMs, concurrency: 4, mixedChanges: 50 });
}

// First: a TRUNCATE costs what there is of the table.
test('TRUNCATE of one table or several is a delete of all their rows, whatever comes with it', async () => {
  for (const statement of truncates) {
    await spine.pool.query(statement);
    expect(await spine.judged(), statement).toBeNull();
  }
}, 120_000);

test('children that come before their parents, in any order and hours apart, wait for them', async () => {
  expect(await judgedSideBySide(spine, missingParents, load)).toBeNull();
}, 120_000);

test('a parent goes before its children and after them, in any order, and comes again at once', async () => {
  expect(await judgedSideBySide(spine, deletes, load)).toBeNull();
}, 120_000);

test('values that are rare and right are kept as they are', async () => {
  expect(await judgedSideBySide(spine, oddValues)).toBeNull();
}, 120_000);

test('what is too large is named in a dead letter, and stops nothing', async () => {
  expect(await judgedSideBySide(spine, tooLarge)).toBeNull();
  const letters = await deadLettersOf(spine);
  expect(letters.map(({ error }) => error)).toEqual(
    tooLargeNamed.map((named) => expect.stringMatching(named)),
  );
}, 120_000);

test('letters of rows that were written again since are discarded', async () => {
  const run = new TurnstreamProcess(['dead-letters', 'discard', 'sequencer', '--json'], spine.env);
  expect(await run.exited, run.log()).toBe(0);
  const { results } = JSON.parse(run.stdout) as { results: { outcome: string }[] };
  expect(results.map(({ outcome }) => outcome)).toEqual(tooLargeNamed.map(() => 'discarded'));
  await vi.waitFor(
    async () =>
      expect(await sequencer.metrics()).toMatch(
        /turnstream_dead_letters_waiting\{origin="sequencer",partition="0"\} 0/,
      ),
    { timeout: 30_000, interval: 50 },
  );
}, 60_000);

test('whatever moves takes along what hangs on it', async () => {
  expect(
    await judgedSideBySide(spine, moves({ steps: 600, contentChars: 2_000_000 }), load),
  ).toBeNull();
  await parkedShownAs(sequencer, await parkedInPostgres(spine));
}, 120_000);
