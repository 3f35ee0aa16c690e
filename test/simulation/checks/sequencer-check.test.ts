import { expect, test } from 'vitest';
import { encodeLedger, firstLedger } from '../../../processor/sequencer/ledger.ts';
import type { Lsn } from '../../../processor/source/lsn.ts';
import { everything } from '../projections.ts';
import { SequencerCheck } from './sequencer-check.ts';
import { SmallWorld } from './small-world.ts';

function begun(): SmallWorld {
  const world = new SmallWorld([everything]);
  world.change('sessions', 's1', { accountUid: 'x', title: 'T' });
  world.change('agent_turns', 'a1', {});
  world.change('steps', { agentTurnUid: 'a1', idx: 0 }, { content: 'one' });
  world.heartbeat();
  expect(world.violations).toEqual([]);
  return world;
}

function told(world: SmallWorld): readonly (readonly [string, string])[] {
  return world.violations.map(({ invariant, what }) => [invariant, what] as const);
}

test('state that is ahead of its events shows when it is written', () => {
  const world = begun();
  world.fold('human_turns', 'h1', { prompt: 'p' });
  world.flush();
  expect(told(world)).toContainEqual([
    'I1',
    expect.stringContaining('humanTurn h1 in s:s1 as of 4607: it is present, no event says so'),
  ]);
});

test('and when its event lands', () => {
  const world = begun();
  world.fold('human_turns', 'h1', { prompt: 'p' });
  world.sequencer.stateWritten('s:s1', 4 * 1024 + 256);
  world.land();
  expect(told(world)).toEqual([
    ['I1', expect.stringContaining('came after the state of its session was written')],
  ]);
});

test('state is what the events up to its position say, column by column', () => {
  const world = begun();
  const stored = [...world.state.values()].find(({ row }) => row.kind === 'step')!;
  const position = 3 * 1024;
  const write = (changes: object) => {
    world.violations.length = 0;
    world.sequencer.stateWritten('s:s1', position, [{ ...stored.row, ...changes }]);
    return told(world);
  };
  expect(write({})).toEqual([]);
  expect(write({ text: 'other' })[0]?.[1]).toContain('content is "other", must be "one"');
  expect(write({ text: undefined })).toEqual([]);
  expect(write({ present: false })[0]?.[1]).toContain('it is gone, no event says so');
  const session = [...world.state.values()].find(({ row }) => row.kind === 'session')!;
  const body = session.row.body.replace(/\d+\]$/, '9]');
  world.sequencer.stateWritten('s:s1', position, [{ ...session.row, body }]);
  expect(told(world).at(-1)?.[1]).toContain('steps is 9, must be 1');
});

test('late state of a former owner is compared as of its own position', () => {
  const world = begun();
  const stored = [...world.state.values()].find(({ row }) => row.kind === 'step')!;
  const partition = world.events.partitionOf('s1');
  const { position } = world.events.events(partition).at(-1)!;
  world.change('steps', { agentTurnUid: 'a1', idx: 0 }, { content: 'three' });
  world.sequencer.stateWritten('s:s1', position, [stored.row]);
  expect(world.violations).toEqual([]);
});

test('an offset waits for the state of the events before it', () => {
  const world = begun();
  world.fold('human_turns', 'h1', {});
  world.land();
  world.commit();
  expect(told(world)).toEqual([
    ['I1', expect.stringMatching(/the session of HumanTurnAsked .* has state as of \d+/)],
  ]);
});

test('and for the events themselves', () => {
  const world = begun();
  world.fold('human_turns', 'h1', {});
  world.commit();
  world.land();
  expect(told(world)).toEqual([['I1', expect.stringContaining('raw offset 5 was committed')]]);
});

test('offsets never go back but by a late commit, and a former generation commits nothing', () => {
  const world = begun();
  world.commit({ offset: 2, late: true });
  world.commit();
  expect(world.violations).toEqual([]);
  world.commit({ offset: 2 });
  expect(told(world)).toEqual([['I1', expect.stringContaining('it was at 4')]]);
  world.violations.length = 0;
  world.commit({ generation: 2 });
  world.commit({ generation: 1 });
  expect(told(world)).toEqual([['I6', expect.stringContaining('generation 1 is over')]]);
});

test('the ledger’s watermark stands in every partition', () => {
  const world = begun();
  const watermark = { lsn: 99 as Lsn, committedAtMs: 0 };
  world.commit({ metadata: encodeLedger({ ...firstLedger, watermark }) });
  expect(told(world)).toEqual([['I4', expect.stringContaining('0/63 of its ledger')]]);
});

test('of each record its outcome is told, once (I7)', () => {
  const world = begun();
  world.commit({ offset: 5 });
  expect(world.violations).toEqual([]);
  world.commit({ offset: 6 });
  expect(told(world)).toEqual([['I7', expect.stringContaining('told of 4 records')]]);
  world.violations.length = 0;
  world.sequencer.recordOutcome('sequencer', 'applied');
  expect(told(world)).toEqual([['I7', expect.stringContaining('told of 5 records')]]);
  world.violations.length = 0;
  // Another process begins anew.
  world.sequencer.held('second', 6);
  world.commit({ offset: 7, by: 'second' });
  expect(world.violations).toEqual([]);
  world.commit({ offset: 9, by: 'second' });
  expect(told(world).map(([invariant]) => invariant)).toEqual(['I7']);
});

test('an offset waits for the dead letters before it (I7)', () => {
  const world = begun();
  world.sequencer.undecodable(4);
  world.commit();
  expect(world.violations).toEqual([]);
  world.commit({ offset: 5 });
  expect(told(world)).toEqual([['I7', expect.stringContaining('no dead letter of 4')]]);
  world.violations.length = 0;
  world.sequencer.deadLettered(4);
  world.commit({ offset: 5 });
  expect(world.violations).toEqual([]);
});

test('an event may come again otherwise once state of its change is written, not before', () => {
  const world = begun();
  world.fold('human_turns', 'h1', { prompt: 'p' });
  world.land();
  const partition = world.events.partitionOf('s1');
  const event = world.events.events(partition).at(-1)!;
  const other = { ...event, changes: event.changes.slice(1) };
  world.append(partition, other);
  expect(told(world)).toEqual([['I2', expect.stringContaining('came again')]]);
  world.violations.length = 0;
  const rows = [...world.state.values()].filter(({ row }) => row.kind === 'step');
  world.sequencer.stateWritten('s:s1', event.position, [rows[0]!.row]);
  world.append(partition, other);
  expect(world.violations).toEqual([]);
  expect(world.events.counts.repeatedOtherwise).toBe(1);
});

test('what was not told to be durable is looked up', () => {
  const world = begun();
  const lookedUp: string[] = [];
  const durableNow = (container: string) => {
    lookedUp.push(container);
    return 1e9;
  };
  const sequencer = new SequencerCheck(world.context, world.events, 0, durableNow);
  sequencer.offsetCommitted({ offset: 4, metadata: undefined, generation: 1, by: 'p' });
  expect(world.violations).toEqual([]);
  expect(new Set(lookedUp)).toEqual(new Set(['s:s1']));
});
