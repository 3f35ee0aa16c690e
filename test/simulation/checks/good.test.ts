/** A history in which nothing goes wrong breaks no check, and all checks together are cheap. */
import { expect, test } from 'vitest';
import { Dice } from '../dice.ts';
import { poison, simulatedProjections } from '../projections.ts';
import { checkFinal } from './final-check.ts';
import { SmallWorld } from './small-world.ts';

const sessions = ['s1', 's2', 's3', 's4'];
const humans = ['h1', 'h2', 'h3', 'h4', 'h5'];
const agents = ['a1', 'a2', 'a3', 'a4'];
const times = [null, 1_700_000_000_000.25, 1_700_000_000_000.5, 1_700_000_100_000, -0.5];

function change(dice: Dice, world: SmallWorld): void {
  const gone = dice.chance(0.15);
  const createdAt = dice.pick(times);
  const what = dice.below(10);
  if (what < 2) {
    const values = { accountUid: dice.pick(['x', 'y', null]), title: dice.pick(['T', 'U', null]) };
    world.change('sessions', dice.pick(sessions), gone ? null : values);
  } else if (what < 4) {
    const parentUid = dice.pick([null, ...agents]);
    const sessionUid = dice.chance(0.1) ? null : dice.pick(sessions);
    const values = { sessionUid, parentUid, prompt: dice.pick(['p', 'q', null]), createdAt };
    world.change('human_turns', dice.pick(humans), gone ? null : values);
  } else if (what < 6) {
    const parentUid = dice.pick([null, ...humans]);
    const sessionUid = dice.chance(0.1) ? null : dice.pick(sessions);
    world.change(
      'agent_turns',
      dice.pick(agents),
      gone ? null : { sessionUid, parentUid, createdAt },
    );
  } else {
    const key = { agentTurnUid: dice.pick(agents), idx: dice.int(-1, 4) };
    const content = dice.pick(['c', 'd', null, poison]);
    world.change(
      'steps',
      key,
      gone ? null : { tpe: dice.pick([0, 1, 99, null]), content, createdAt },
    );
  }
}

function play(
  seed: number,
  cutsEvents: boolean,
): { readonly world: SmallWorld; readonly saved: number } {
  const { hosted } = simulatedProjections({ cutsEvents });
  const world = new SmallWorld(hosted, cutsEvents ? { eventBytesTarget: 1000 } : {});
  const dice = new Dice(seed);
  for (let changes = 0; changes < 150; changes += 1) {
    change(dice, world);
    if (dice.chance(0.2)) world.heartbeat();
    // A repeated record changes nothing.
    const log = world.log[dice.below(2)] ?? [];
    if (log.length > 0 && dice.chance(0.1)) world.append(world.log.indexOf(log), dice.pick(log));
    if (dice.chance(0.2)) world.work(dice.below(2), dice.int(1, 20));
  }
  world.workAll();
  const { lsn } = world.heartbeat();
  world.workAll();
  for (const projection of hosted) {
    if (projection.name === 'fragile') continue;
    const model = projection.name;
    world.token.observe({ model, watermarkLsn: lsn, rows: () => world.stored(projection) });
  }
  world.checkpoints.atRest();
  checkFinal(world.context, world.events, world.end());
  return { world, saved: world.checkpoints.counts.saved };
}

test.each([false, true])('random histories break nothing (events are cut: %s)', (cutsEvents) => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const { world } = play(seed, cutsEvents);
    expect(world.violations, `seed ${seed}`).toEqual([]);
    expect(world.token.counts.whole).toBe(world.projections.length - 1);
    expect(world.sequencer.counts.rows).toBeGreaterThan(100);
  }
});
