/** For the tests of the source: plays a script with polls in between, and keeps what was appended. */
import { recordDecoder } from '../../../processor/source/avro.ts';
import { memoryRegistry } from '../../../processor/source/memory-registry.ts';
import type { SourceRecord } from '../../../processor/source/row-change.ts';
import { Dice } from '../dice.ts';
import type { SourceAction, TransactionSlot } from './action.ts';
import { changeEncoder, type NewChange } from './encoder.ts';
import { inlineCharsMax, SimulatedSource } from './source.ts';

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

/** A text that an UPDATE may leave unsaid. */
export const large = 'x'.repeat(inlineCharsMax + 1);
export const session = (uid: string, tx: TransactionSlot = 0, title: string | null = null) =>
  ({
    kind: 'write',
    tx,
    table: 'sessions',
    columns: { uid, account_uid: 'a', title },
  }) satisfies SourceAction;
export const step = (idx: number, content: string | null = '') => ({
  agent_turn_uid: 'a1',
  idx,
  tpe: 1,
  content,
  created_at: null,
});
export const begin = (tx: 1 | 2 | 3) => ({ kind: 'begin', tx }) satisfies SourceAction;
export const commit = (tx: 1 | 2 | 3) => ({ kind: 'commit', tx }) satisfies SourceAction;
export const remove = (uid: string) =>
  ({ kind: 'delete', tx: 0, table: 'sessions', key: { uid } }) satisfies SourceAction;

/** A source that has done these actions, and looks at what comes of it. */
export function opened(...actions: readonly SourceAction[]) {
  const played = open();
  const act = (...more: readonly SourceAction[]) => more.map((each) => played.source.act(each));
  const pollAll = () => {
    while (played.source.poll(100) > 0);
  };
  const words = () => played.log.map((_, offset) => played.source.wordsAt(offset) ?? 'not ours');
  /** Without LSN and transaction. */
  const brief = () => words().map((each) => each.replace(/ \(.*/, ''));
  act(...actions);
  return { ...played, act, pollAll, words, brief };
}

export const rowsOf = (records: readonly (SourceRecord | null)[]) =>
  records.flatMap((record) => (record?.kind === 'row' ? [record] : []));
export const lsnsOf = (records: readonly (SourceRecord | null)[]) =>
  rowsOf(records).map(({ origin }) => origin.lsn);
