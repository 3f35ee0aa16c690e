/** For the tests of the source: plays a script with polls in between, and keeps what was appended. */
import { recordDecoder } from '../../../processor/source/avro.ts';
import { memoryRegistry } from '../../../processor/source/memory-registry.ts';
import type { SourceRecord } from '../../../processor/source/row-change.ts';
import { Dice } from '../dice.ts';
import type { SourceAction } from './action.ts';
import { changeEncoder, type NewChange } from './encoder.ts';
import { SimulatedSource } from './source.ts';

export const registry = memoryRegistry();
export const encode = await changeEncoder(registry);
export const decoder = recordDecoder({ registry, topic: 'changes' });

export type Played = {
  readonly source: SimulatedSource;
  readonly log: readonly NewChange[];
  readonly counts: ReadonlyMap<string, number>;
};

/** An instant that moves on with each look. */
export function ticking(): () => number {
  let ms = 1_767_323_045_000;
  return () => {
    ms += 0.25;
    return ms;
  };
}

export function open(): Played {
  const log: NewChange[] = [];
  const counts = new Map<string, number>();
  const source = new SimulatedSource({
    encode,
    nowMs: ticking(),
    append: (records) => log.push(...records) - records.length,
    count: (name) => counts.set(name, (counts.get(name) ?? 0) + 1),
  });
  return { source, log, counts };
}

/** Drawn polls, of drawn sizes, between the actions and after the last. */
export function play(script: readonly SourceAction[], seed: number): Played {
  const dice = new Dice(seed).forked('polls');
  const played = open();
  const { source } = played;
  const eager = dice.pick([0.1, 0.5, 0.9]);
  for (const action of script) {
    source.act(action);
    while (dice.chance(eager)) source.poll(dice.int(1, 5));
  }
  source.settle();
  while (source.poll(dice.int(1, 9)) > 0);
  return played;
}

/** Null for what does not decode. */
export async function decoded(log: readonly NewChange[]): Promise<(SourceRecord | null)[]> {
  const records = log.map((record, offset) => ({ offset, ...record }));
  await decoder.load(records);
  return records.map((record) => {
    try {
      return decoder.decode(record);
    } catch {
      return null;
    }
  });
}
