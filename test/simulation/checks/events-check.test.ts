import { expect, test } from 'vitest';
import type { ConversationEvent, LogEntry } from '../../../processor/event/event.ts';
import type { Lsn } from '../../../processor/source/lsn.ts';
import type { Position } from '../../../processor/source/position.ts';
import { everything } from '../projections.ts';
import { SmallWorld } from './small-world.ts';

/** A session with a question, and a watermark after it. */
function begun(): SmallWorld {
  const world = new SmallWorld([everything]);
  world.change('sessions', 's1', { accountUid: 'x' });
  world.change('human_turns', 'h1', { prompt: 'p' });
  world.heartbeat();
  expect(world.violations).toEqual([]);
  return world;
}

const home = (world: SmallWorld) => world.events.partitionOf('s1');

function lastEvent(world: SmallWorld): ConversationEvent {
  return world.events.events(home(world)).at(-1)!;
}

function broken(world: SmallWorld): readonly (readonly [string, string])[] {
  return world.violations.map(({ invariant, what }) => [invariant, what] as const);
}

test('a record that comes again as it was is no violation, and counts once', () => {
  const world = begun();
  world.append(home(world), lastEvent(world));
  expect(world.violations).toEqual([]);
  expect(world.events.counts.repeated).toBe(1);
  expect(world.events.eventsUpTo(home(world), 1e9)).toHaveLength(2);
  expect(world.events.facts()).toHaveLength(2);
});

test('a record that comes again before its state is written must be what it was', () => {
  const world = begun();
  world.events.mayDiffer = () => false;
  const event = lastEvent(world);
  const changes = event.changes.map((change) =>
    change.kind === 'humanTurn' && change.after
      ? { ...change, after: { ...change.after, prompt: 'other' } }
      : change,
  );
  world.append(home(world), { ...event, changes });
  expect(broken(world)).toEqual([
    ['I2', expect.stringContaining('after of humanTurn h1: prompt is "other", must be "p"')],
  ]);
});

test('an event that readers would drop at its first coming is lost', () => {
  const world = begun();
  world.events.mayDiffer = () => false;
  const event = lastEvent(world);
  world.append(home(world), { ...event, position: (event.position + 1) as Position });
  expect(broken(world)).toEqual([['I2', expect.stringContaining('readers drop it')]]);
});

test('a watermark that readers drop is none of anybody’s concern', () => {
  const world = begun();
  const watermark = world.events.watermarks(0)[0]!;
  const position = (watermark.position - 1) as Position;
  world.append(home(world), { ...watermark, position });
  expect(world.violations).toEqual([]);
});

test('an event begins where the one before it ended', () => {
  const world = begun();
  const event = lastEvent(world);
  world.append(home(world), { ...event, position: (event.position + 9000) as Position });
  expect(broken(world)[0]).toEqual([
    'I3',
    expect.stringContaining('before of session s1: firstTurnAt is null, must be 1'),
  ]);
});

test('an event belongs to the partition of its session (I8)', () => {
  const world = begun();
  const event = lastEvent(world);
  world.append(1 - home(world), { ...event, position: 90_000 as Position, changes: [] });
  expect(broken(world)).toEqual([['I8', expect.stringContaining('belongs to partition')]]);
});

test('at a watermark a reader knows what it promises, no less (I4)', () => {
  const world = begun();
  world.fold('sessions', 's1', { accountUid: 'y' });
  // The watermark comes before the event.
  world.heartbeat();
  const found = broken(world).filter(([invariant]) => invariant === 'I4');
  expect(found).toEqual([
    ['I4', expect.stringContaining('session s1: accountUid is "x", must be "y"')],
  ]);
});

test('nor more (I4)', () => {
  const world = begun();
  const facts = world.facts();
  world.change('human_turns', 'h2', { prompt: 'p' });
  const entry: LogEntry = { ...world.events.watermarks(0)[0]!, position: 90_000 as Position };
  world.promised.set(90_000, facts);
  world.append(home(world), entry);
  expect(broken(world).map(([invariant]) => invariant)).toEqual(['I4']);
});

test('watermarks of a partition never go back (I4)', () => {
  const world = begun();
  const watermark = world.heartbeat();
  world.append(0, { ...watermark, position: 90_000 as Position, lsn: 1 as Lsn });
  expect(broken(world)).toEqual([['I4', expect.stringContaining('it went back')]]);
});
