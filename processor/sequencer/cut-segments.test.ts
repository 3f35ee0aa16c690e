/**
 * A change that is larger than a batch is written in several. Whatever of it a crash leaves behind,
 * folding it again from its beginning ends in the same rows and tells readers the same facts.
 */
import { expect, test } from 'vitest';
import type { Fact } from '../conversation/fact.ts';
import { foldChange } from '../conversation/fold.ts';
import { foldDefaults, segmentDefaults } from '../conversation/limits.ts';
import { momentOf } from '../conversation/moment.ts';
import { Workspace } from '../conversation/workspace.ts';
import type { ConversationEvent } from '../event/event.ts';
import type { Lsn } from '../source/lsn.ts';
import type { RowChange } from '../source/row-change.ts';
import { runFold } from './driver.ts';
import { takePending } from './flush.ts';
import { MemoryStateStore } from './memory-state-store.ts';
import { storedSegments } from './state-codec.ts';
import type { StateRow } from './state-store.ts';

class Crash extends Error {}

/** A store whose batches hold so little that every row but the last four goes by itself. */
const cutting = { ...segmentDefaults, segmentRowsMax: 1 };

class History {
  readonly store = new MemoryStateStore(cutting);
  readonly events = new Map<number, ConversationEvent>();
  #workspace = this.#fresh();
  #taken = -1;
  /** Batches that are still written. */
  batchesLeft = Number.POSITIVE_INFINITY;
  batches = 0;

  #fresh(): Workspace {
    return new Workspace({ ...foldDefaults, ...this.store.segmentLimits });
  }

  /** The process is gone: what is not stored is forgotten. */
  restart(): void {
    this.#workspace = this.#fresh();
    this.batchesLeft = Number.POSITIVE_INFINITY;
  }

  /** One change as one batch, committed. */
  async fold(change: RowChange, offset: number): Promise<void> {
    const origin = { lsn: (offset + 1) as Lsn, transactionId: 1, committedAt: 0, capturedAt: 0 };
    const rest = { origin, isNew: true, isRead: false, sweep: null };
    const moments = [momentOf(0, offset, 0, rest), momentOf(0, offset, 1, rest)] as const;
    const workspace = this.#workspace;
    await runFold(foldChange(workspace, change, moments), workspace, {
      store: this.store,
      settledBelow: () => 0,
      insist: (_, run) => run(),
      flush: () => this.#flush(),
      publish: async () => this.#publish(),
    });
    await this.#flush();
    await this.store.removeHints(workspace.takeHintsToRemove());
    workspace.hintsRemoved();
    workspace.settle(0);
  }

  #publish(): void {
    // The first occurrence counts.
    for (const event of this.#workspace.takeEvents()) {
      if (event.kind !== 'event' || event.position <= this.#taken) continue;
      this.#taken = event.position;
      this.events.set(event.position, event);
    }
  }

  async #flush(): Promise<void> {
    const workspace = this.#workspace;
    this.#publish();
    await this.store.addHints(workspace.hintsToAdd);
    workspace.hintsToAdd = [];
    const { containers, rounds } = takePending(workspace);
    for (const { container, segments } of rounds.flat()) {
      const batch = async () => {
        this.batches += 1;
        this.batchesLeft -= 1;
        if (this.batchesLeft < 0) throw new Crash();
      };
      await batch();
      await this.store.write(container.name, storedSegments(segments), batch);
    }
    for (const container of containers) container.written();
  }

  rows(): readonly (readonly [string, readonly StateRow[]])[] {
    return this.store
      .containerNames()
      .map((name) => [name, this.store.containerRows(name)] as const);
  }

  facts(): readonly Fact[] {
    const facts = new Map<string, Fact>();
    for (const event of this.events.values()) {
      for (const { before, after } of event.changes) {
        const fact = (before ?? after) as Fact;
        const key = `${event.sessionUid} ${fact.kind} ${'uid' in fact ? fact.uid : `${fact.agentTurnUid} ${fact.idx}`}`;
        expect(facts.get(key) ?? null, `before of ${key}`).toEqual(before);
        if (after === null) facts.delete(key);
        else facts.set(key, after);
      }
    }
    return [...facts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, fact]) => fact);
  }
}

const turn = (
  role: 'human' | 'agent',
  uid: string,
  row: { readonly parent?: string | null; readonly session?: string; readonly at?: number } | null,
): RowChange => ({
  table: role === 'human' ? 'human_turns' : 'agent_turns',
  operation: row === null ? 'delete' : 'create',
  key: uid,
  formerKey: null,
  row: row && {
    uid,
    sessionUid: row.session ?? 's1',
    parentUid: row.parent ?? null,
    activeChild: null,
    prompt: null,
    createdAt: row.at ?? 0,
  },
});

const step = (agentTurnUid: string, idx: number, content = 'c'): RowChange => ({
  table: 'steps',
  operation: 'create',
  key: { agentTurnUid, idx },
  formerKey: null,
  row: { agentTurnUid, idx, tpe: idx % 3, content, createdAt: idx },
});

const session = (uid: string, accountUid = 'a'): RowChange => ({
  table: 'sessions',
  operation: 'create',
  key: uid,
  formerKey: null,
  row: { uid, accountUid, title: 'title' },
});

const times = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

const sessions = [session('s1'), session('s2')];
const answered = [turn('human', 'h', {}), turn('agent', 'a', { parent: 'h', at: 3 })];
const manySteps = times(9, (idx) => step('a', idx));
/** h0 → a1 → h2 → a3 …, with steps. */
const chain = times(9, (at) =>
  turn(at % 2 === 0 ? 'human' : 'agent', `t${at}`, { parent: at === 0 ? null : `t${at - 1}`, at }),
);
const siblings = times(9, (at) => turn('agent', `a${at}`, { parent: 'h', at: at * 2 }));

type Story = {
  readonly before: readonly RowChange[];
  readonly change: RowChange;
  readonly after: readonly RowChange[];
};

const stories: Readonly<Record<string, Story>> = {
  'a turn with many steps moves to another session': {
    before: [...sessions, ...answered, ...manySteps],
    change: turn('agent', 'a', { parent: 'h', session: 's2', at: 3 }),
    after: [step('a', 9), step('a', 4, 'd'), turn('human', 'h', { session: 's2' })],
  },
  'and back, where its rows are still remembered': {
    before: [
      ...[...sessions, ...answered, ...manySteps],
      turn('agent', 'a', { parent: 'h', session: 's2', at: 3 }),
      step('a', 4, 'd'),
    ],
    change: turn('agent', 'a', { parent: 'h', at: 3 }),
    after: [step('a', 9), turn('agent', 'a', null)],
  },
  'many parked steps are released': {
    before: [...sessions, turn('human', 'h', {}), ...manySteps],
    change: turn('agent', 'a', { parent: 'h', at: 3 }),
    after: [step('a', 9), step('a', 2, 'd')],
  },
  'a turn with many steps is deleted, and comes back': {
    before: [...sessions, ...answered, ...manySteps],
    change: turn('agent', 'a', null),
    after: [step('a', 9), turn('agent', 'a', { parent: 'h', at: 3 }), step('a', 10)],
  },
  'a deep tree is hung elsewhere': {
    before: [...sessions, ...chain, turn('agent', 'b', { at: 1 }), step('t3', 0)],
    change: turn('human', 't0', { parent: 'b' }),
    after: [turn('agent', 't1', { parent: 'h', at: 1 }), step('t3', 1)],
  },
  'a deep tree becomes a cycle, and is one no more': {
    before: [...sessions, ...chain, turn('agent', 't9', { parent: 't8', at: 9 })],
    change: turn('human', 't0', { parent: 't9' }),
    after: [turn('human', 't4', {}), turn('human', 't0', null)],
  },
  'the root of a deep tree is deleted': {
    before: [...sessions, ...chain],
    change: turn('human', 't0', null),
    after: [turn('human', 't0', {}), step('t1', 0)],
  },
  'a turn comes before its siblings': {
    before: [...sessions, turn('human', 'h', {}), ...siblings],
    change: turn('agent', 'b', { parent: 'h', at: -1 }),
    after: [turn('agent', 'a3', null), turn('agent', 'c', { parent: 'h', at: 99 })],
  },
  'a turn leaves its siblings for others': {
    before: [
      ...[...sessions, turn('human', 'h', {}), turn('human', 'h2', {}), ...siblings],
      ...times(7, (at) => turn('agent', `b${at}`, { parent: 'h2', at: at * 2 })),
    ],
    change: turn('agent', 'a2', { parent: 'h2', at: 3 }),
    after: [turn('agent', 'a5', { parent: 'h2', at: 7 }), turn('agent', 'b0', null)],
  },
  'a turn with siblings is given another time': {
    before: [...sessions, turn('human', 'h', {}), ...siblings, step('a7', 0)],
    change: turn('agent', 'a7', { parent: 'h', at: 1 }),
    after: [turn('agent', 'a0', null), step('a7', 1)],
  },
  'a turn among siblings moves with its steps to a session where it has siblings too': {
    before: [
      ...[...sessions, turn('human', 'h', {}), ...siblings, ...times(5, (idx) => step('a4', idx))],
      turn('human', 'g', { session: 's2' }),
      ...times(5, (at) => turn('agent', `b${at}`, { parent: 'g', session: 's2', at: at * 3 })),
      ...times(5, (at) => turn('human', `c${at}`, { parent: 'a4', session: 's2', at })),
    ],
    change: turn('agent', 'a4', { parent: 'g', session: 's2', at: 4 }),
    after: [step('a4', 5), turn('agent', 'b3', null), turn('agent', 'a1', null)],
  },
};

async function tell({ before, change, after }: Story, crashes: readonly number[]) {
  const history = new History();
  let offset = 0;
  for (const one of before) await history.fold(one, offset++);
  const batchesBefore = history.batches;
  for (const batchesLeft of crashes) {
    history.batchesLeft = batchesLeft;
    // A later attempt may have too little left to be cut short.
    await history.fold(change, offset).catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error;
    });
    history.restart();
  }
  await history.fold(change, offset++);
  const batches = history.batches - batchesBefore;
  for (const one of after) await history.fold(one, offset++);
  return { rows: history.rows(), facts: history.facts(), batches };
}

test.each(Object.entries(stories))(
  'cut anywhere, it is as if it were not: %s',
  async (_, story) => {
    const whole = await tell(story, []);
    expect(whole.batches).toBeGreaterThan(5);
    const wholeText = JSON.stringify([whole.rows, whole.facts]);
    const cut = async (...crashes: readonly number[]) => {
      const { rows, facts } = await tell(story, crashes);
      if (JSON.stringify([rows, facts]) === wholeText) return;
      expect({ crashes, rows, facts }).toEqual({ crashes, rows: whole.rows, facts: whole.facts });
    };
    for (let first = 0; first < whole.batches; first += 1) {
      await cut(first);
      for (let second = 0; second < whole.batches; second += 3) await cut(first, second);
    }
  },
);
