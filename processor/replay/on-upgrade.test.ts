import { expect, test } from 'vitest';
import { cards } from '../../test/worker/history.ts';
import { turn, VirtualClock } from '../../test/worker/virtual-clock.ts';
import { MemoryGenerations } from '../engine/memory-generations.ts';
import { TurnstreamError } from '../error.ts';
import { silentLogger } from '../logger.ts';
import type { Projection } from '../projection/projection.ts';
import { idOf } from './choose.ts';
import { replayOnUpgrade } from './on-upgrade.ts';
import type { ReplayOutcome, ReplayResult } from './ports.ts';

const second: Projection = { ...cards(), version: 2 };

function resultOf(outcome: ReplayOutcome): ReplayResult {
  const generation = { projection: 'cards', version: 2, generation: 1 };
  const none = { verification: null, dropped: [], asOf: null, deadLetters: 0, message: outcome };
  return {
    projection: 'cards',
    generation,
    outcome,
    resumed: false,
    records: 0,
    seconds: 1,
    ...none,
  };
}

async function world() {
  const clock = new VirtualClock(1000);
  const generations = new MemoryGenerations(clock);
  const first = await generations.first('cards', 1);
  await generations.promote(idOf(first), null, 1);
  return { clock, generations, first };
}

async function rest(clock: VirtualClock): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) {
    await turn();
    clock.jump();
  }
}

test('what readers use an older version of is replayed, until it is promoted; nothing else is', async () => {
  const { clock, generations, first } = await world();
  const replayed: string[] = [];
  const other: Projection = { ...cards(), name: 'others' };
  const replay = async ({ name, version }: Projection) => {
    replayed.push(name);
    // The first try finds the lease taken.
    if (replayed.length === 1) throw new TurnstreamError('GENERATION', 'somebody is at it');
    const made = await generations.create(name, version, null);
    await generations.promote(idOf(made), idOf(first), 2);
    return resultOf('promoted');
  };
  const ports = { generations, clock, logger: silentLogger, replay, lookMs: 100 };
  const running = replayOnUpgrade(ports, [second, other], new AbortController().signal);
  await rest(clock);
  await running;
  expect(replayed).toEqual(['cards', 'cards']);
});

test('whoever else promotes it, this one is done', async () => {
  const { clock, generations, first } = await world();
  let replays = 0;
  const replay = async (): Promise<ReplayResult> => {
    replays += 1;
    const made = await generations.create('cards', 2, null);
    await generations.promote(idOf(made), idOf(first), 2);
    throw new TurnstreamError('GENERATION', 'somebody was at it');
  };
  const ports = { generations, clock, logger: silentLogger, replay, lookMs: 100 };
  const running = replayOnUpgrade(ports, [second], new AbortController().signal);
  await rest(clock);
  await running;
  expect(replays).toBe(1);
});

test('what was not promoted is left to people: it is not built again and again', async () => {
  const { clock, generations } = await world();
  let replays = 0;
  const replay = async () => {
    replays += 1;
    return resultOf('different');
  };
  const ports = { generations, clock, logger: silentLogger, replay, lookMs: 100 };
  const running = replayOnUpgrade(ports, [second], new AbortController().signal);
  await rest(clock);
  await running;
  expect(replays).toBe(1);
});
