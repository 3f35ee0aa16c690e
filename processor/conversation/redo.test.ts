/**
 * After a crash a change is folded again beside containers that are beyond it: those were written, others
 * not. To the others it happens as it did the first time.
 */
import { expect, test } from 'vitest';
import { runFold } from '../sequencer/driver.ts';
import { takePending } from '../sequencer/flush.ts';
import { MemoryStateStore } from '../sequencer/memory-state-store.ts';
import { storedSegments } from '../sequencer/state-codec.ts';
import type { Lsn } from '../source/lsn.ts';
import type { RowChange } from '../source/row-change.ts';
import { foldChange } from './fold.ts';
import { foldDefaults, segmentDefaults } from './limits.ts';
import { momentOf } from './moment.ts';
import { Workspace } from './workspace.ts';

const common = { operation: 'create', formerKey: null } as const;
const session = (uid: string): RowChange => {
  return { table: 'sessions', key: uid, row: { uid, accountUid: 'a', title: null }, ...common };
};
const turn = (
  table: 'human_turns' | 'agent_turns',
  uid: string,
  sessionUid: string | null,
): RowChange => {
  const row = { uid, sessionUid, parentUid: null, activeChild: null, prompt: null, createdAt: 5 };
  return { table, key: uid, row, ...common };
};
const gone = (table: 'human_turns' | 'agent_turns', uid: string): RowChange => {
  return { table, operation: 'delete', key: uid, formerKey: null, row: null } as RowChange;
};
const step = (agentTurnUid: string, idx: number): RowChange => {
  const row = { agentTurnUid, idx, tpe: 1, content: 'c', createdAt: 6 };
  return { table: 'steps', key: { agentTurnUid, idx }, row, ...common };
};

class Attempt {
  readonly #store: MemoryStateStore;
  readonly #workspace = new Workspace({ ...foldDefaults, ...segmentDefaults });
  /** What each change told: type and session, by its offset. */
  readonly told: string[] = [];

  constructor(store: MemoryStateStore) {
    this.#store = store;
  }

  async fold(changes: readonly RowChange[], firstOffset: number): Promise<void> {
    for (const [at, change] of changes.entries()) {
      const offset = firstOffset + at;
      const origin = { lsn: (offset + 1) as Lsn, transactionId: 1, committedAt: 0, capturedAt: 0 };
      const rest = { origin, isNew: true, isRead: false, sweep: null };
      const moments = [momentOf(0, offset, 0, rest), momentOf(0, offset, 1, rest)] as const;
      await runFold(foldChange(this.#workspace, change, moments), this.#workspace, {
        store: this.#store,
        settledBelow: () => 0,
        insist: (_, run) => run(),
        flush: () => this.write(() => true),
        publish: async () => undefined,
      });
      for (const entry of this.#workspace.takeEvents()) {
        if (entry.kind === 'event') this.told.push(`${offset} ${entry.type} ${entry.sessionUid}`);
      }
      await this.#store.addHints(this.#workspace.hintsToAdd);
      this.#workspace.hintsToAdd = [];
    }
  }

  /** The process dies with only these containers written. */
  async write(isWritten: (container: string) => boolean): Promise<void> {
    const { containers, rounds } = takePending(this.#workspace);
    for (const { container, segments } of rounds.flat()) {
      if (!isWritten(container.name)) continue;
      await this.#store.write(container.name, storedSegments(segments));
    }
    for (const container of containers) container.written();
  }
}

const stories: Readonly<Record<string, readonly RowChange[]>> = {
  'a human turn is deleted, and comes back without a session': [
    gone('human_turns', 'h'),
    turn('human_turns', 'h', null),
  ],
  'a human turn is deleted, and comes back in another session': [
    gone('human_turns', 'h'),
    turn('human_turns', 'h', 's2'),
  ],
  'an agent turn without steps is deleted, and comes back in another session with some': [
    gone('agent_turns', 'a'),
    turn('agent_turns', 'a', 's2'),
    step('a', 0),
    step('a', 1),
  ],
  'an agent turn gets steps and loses them, is deleted, and comes back in a session before its own':
    [
      step('a', 0),
      { ...step('a', 0), operation: 'delete', row: null } as RowChange,
      gone('agent_turns', 'a'),
      turn('agent_turns', 'a', 's0'),
      step('a', 3),
    ],
};

const before = [
  ...['s0', 's1', 's2'].map(session),
  turn('human_turns', 'h', 's1'),
  turn('agent_turns', 'a', 's1'),
];

test.each(Object.entries(stories))('%s: written there and not here', async (_, changes) => {
  const play = async (isWritten: (container: string) => boolean) => {
    const store = new MemoryStateStore(segmentDefaults);
    const first = new Attempt(store);
    await first.fold(before, 0);
    await first.write(() => true);
    await first.fold(changes, before.length);
    await first.write(isWritten);
    const again = new Attempt(store);
    await again.fold(changes, before.length);
    await again.write(() => true);
    const rows = store.containerNames().map((name) => [name, store.containerRows(name)] as const);
    return { first: first.told.slice(before.length), again: again.told, rows };
  };
  const whole = await play(() => true);
  expect(whole.again).toEqual([]);
  const torn = await play((container) => container !== 's:s1');
  const ofSession = torn.first.filter((told) => told.endsWith(' s1'));
  expect(ofSession.length).toBeGreaterThan(0);
  expect(torn.again).toEqual(ofSession);
  expect(torn.rows).toEqual(whole.rows);
});
