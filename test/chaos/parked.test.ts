/** Parked steps as an operator sees them: how many, and since when. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables } from '../../generator/generate.ts';
import { park, parkedInPostgres, parkedShownAs, release } from '../stack/support/parked.ts';
import { Spine } from '../stack/support/spine.ts';
import type { TurnstreamProcess } from '../stack/support/turnstream-process.ts';

const spine = new Spine();
const startedAt = Date.now();
let sequencer: TurnstreamProcess;

beforeAll(async () => {
  await spine.prepare(createTables);
  ({ sequencer } = spine.startBoth());
});

afterAll(() => spine.drop());

test('how many steps are parked and since when is shown, also after a restart, and of a release', async () => {
  await park(spine, 'mp-few-', { steps: 3000, turns: 3 });
  // A step is parked from its commit on, which may have taken a while.
  const since = Date.now();
  await park(spine, 'mp-many-', { steps: 3000, turns: 60 });
  expect(await spine.judged()).toBeNull();
  const ageMax = () => (Date.now() - startedAt) / 1000 + 1;
  const shown = await parkedShownAs(sequencer, await parkedInPostgres(spine));
  expect(shown.steps).toBeGreaterThanOrEqual(6000);
  expect(shown.oldestSeconds).toBeGreaterThan((Date.now() - since) / 1000 - 1);
  expect(shown.oldestSeconds).toBeLessThan(ageMax());
  expect(await sequencer.stop()).toBe(0);
  sequencer = spine.start('sequence');
  await release(spine, 'mp-few-', 3, 2);
  await release(spine, 'mp-many-', 60, 3);
  expect(await spine.judged()).toBeNull();
  const later = await parkedShownAs(sequencer, await parkedInPostgres(spine));
  expect(later.oldestSeconds).toBeGreaterThan(shown.oldestSeconds);
  expect(later.oldestSeconds).toBeLessThan(ageMax());
  await spine.pool.query(
    `DELETE FROM steps WHERE agent_turn_uid NOT IN (SELECT uid FROM agent_turns)`,
  );
  expect(await spine.judged()).toBeNull();
  expect(await parkedShownAs(sequencer, 0)).toEqual({ steps: 0, oldestSeconds: 0 });
}, 120_000);
