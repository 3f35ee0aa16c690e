import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Lsn } from '../source/lsn.ts';
import { type RowChange, unchanged } from '../source/row-change.ts';
import type { Fact, FactChange } from './fact.ts';
import { type FinalStep, type FinalTurn, factsOf } from './final-facts.ts';
import { foldChange } from './fold.ts';
import { MemoryDriver } from './memory-driver.ts';
import { type Moment, momentOf } from './moment.ts';

const runs = Number(process.env['TURNSTREAM_LAW_RUNS'] ?? 1500);
/** The same histories in every run of the suite; another seed looks further. */
const seed = Number(process.env['TURNSTREAM_LAW_SEED'] ?? 1);

const sessionUid = fc.constantFrom('s1', 's2', 's3');
const turnUid = fc.constantFrom('t1', 't2', 't3', 't4');
const idx = fc.integer({ min: -1, max: 4 });
const at = fc.option(fc.integer({ min: 0, max: 6 }), { nil: null });
const parentUid = fc.option(turnUid, { nil: null });

const sessionWrite = fc.record({
  table: fc.constant('sessions' as const),
  key: sessionUid,
  accountUid: fc.constantFrom('a', 'b', null),
});
const turnWrite = fc.record({
  table: fc.constantFrom('human_turns' as const, 'agent_turns' as const),
  key: turnUid,
  sessionUid: fc.option(sessionUid, { nil: null, freq: 6 }),
  parentUid,
  activeChild: parentUid,
  createdAt: at,
  content: fc.constantFrom('x', 'y', null),
  toasted: fc.boolean(),
});
const stepWrite = fc.record({
  table: fc.constant('steps' as const),
  key: fc.record({ agentTurnUid: turnUid, idx }),
  tpe: fc.constantFrom(0, 1, 11, 99, null),
  createdAt: at,
  content: fc.constantFrom('x', 'y', null),
  toasted: fc.boolean(),
});
const write = fc.oneof(
  { weight: 1, arbitrary: sessionWrite },
  { weight: 3, arbitrary: turnWrite },
  { weight: 5, arbitrary: stepWrite },
);
const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('write' as const), write }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), write }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rekey' as const), write, to: write }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const), write }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('redeliver' as const), back: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
);

type Write = {
  readonly table: RowChange['table'];
  readonly key: string | { readonly agentTurnUid: string; readonly idx: number };
} & Readonly<Record<string, unknown>>;

const keyText = (of: Write) => `${of.table} ${JSON.stringify(of.key)}`;

function rowOf(of: Write): object {
  if (of.table === 'steps')
    return {
      ...(of.key as object),
      tpe: of['tpe'],
      content: of['content'],
      createdAt: of['createdAt'],
    };
  if (of.table === 'sessions') return { uid: of.key, accountUid: of['accountUid'], title: null };
  const {
    sessionUid: session,
    parentUid: parent,
    activeChild,
    createdAt,
  } = of as never as FinalTurn;
  return {
    uid: of.key,
    sessionUid: session,
    parentUid: parent,
    activeChild,
    prompt: of.table === 'human_turns' ? (of['content'] as string) : null,
    createdAt,
  };
}

function textColumn(table: string): string | null {
  return table === 'steps' ? 'content' : table === 'human_turns' ? 'prompt' : null;
}

/** The model: source rows in maps, changes in order; and the fold beside it. */
class History {
  readonly source = new Map<string, { table: string; row: object }>();
  readonly driver = new MemoryDriver();
  readonly log: { change: RowChange; lsn: number; isRead: boolean }[] = [];
  #offset = 0;
  #lsn = 0;
  #highest = 0;

  change(operation: RowChange['operation'], of: Write, formerKey: unknown = null): void {
    const former = this.source.get(keyText({ ...of, key: (formerKey ?? of.key) as string }))?.row;
    let row = operation === 'delete' ? null : rowOf(of);
    // A large value that an UPDATE leaves alone arrives as a placeholder.
    const toasted = operation === 'update' && of['toasted'] === true ? textColumn(of.table) : null;
    if (toasted !== null && row !== null && former !== undefined) {
      row = { ...row, [toasted]: (former as Record<string, unknown>)[toasted] };
    }
    const told = toasted === null || row === null ? row : { ...row, [toasted]: unchanged };
    if (formerKey !== null) this.source.delete(keyText({ ...of, key: formerKey as string }));
    if (row === null) this.source.delete(keyText(of));
    else this.source.set(keyText(of), { table: of.table, row });
    const change = {
      table: of.table,
      operation,
      key: of.key,
      formerKey,
      row: told,
    } as never as RowChange;
    const isRead = operation === 'read';
    if (!isRead) this.#lsn += 1;
    this.log.push({ change, lsn: this.#lsn, isRead });
    this.deliver(this.log.length - 1);
  }

  deliver(index: number): void {
    const { change, lsn, isRead } = this.log[index]!;
    const rest: Omit<Moment, 'removal' | 'arrival'> = {
      origin: { lsn: lsn as Lsn, transactionId: 1, committedAt: 0, capturedAt: 0 },
      isNew: !isRead && lsn > this.#highest,
      isRead,
      sweep: null,
    };
    this.#highest = Math.max(this.#highest, lsn);
    const moments = [
      momentOf(0, this.#offset, 0, rest),
      momentOf(0, this.#offset, 1, rest),
    ] as const;
    this.#offset += 1;
    this.driver.run(foldChange(this.driver.workspace, change, moments));
  }

  expectedFacts(): Fact[] {
    const of = <T>(table: string) =>
      [...this.source.values()].filter((e) => e.table === table).map((e) => e.row as T);
    return factsOf({
      sessions: of('sessions'),
      humanTurns: of<FinalTurn>('human_turns').filter(inSession),
      agentTurns: of<FinalTurn>('agent_turns').filter(inSession),
      steps: of<FinalStep>('steps'),
    });
  }
}

/** A turn without a session is no fact. */
const inSession = (turn: { readonly sessionUid: string | null }) => turn.sessionUid !== null;

function factKey(change: FactChange, sessionUid: string): string {
  const fact = change.before ?? change.after;
  if (fact === null) throw new Error('a change without facts');
  return fact.kind === 'step'
    ? `step ${fact.agentTurnUid} ${fact.idx} ${sessionUid}`
    : `${fact.kind} ${fact.uid} ${sessionUid}`;
}

function play(actions: readonly fc.Arbitrary<never>[] | readonly unknown[]): History {
  const history = new History();
  for (const it of actions as readonly { kind: string; write: Write; to: Write; back: number }[]) {
    const exists = it.write !== undefined && history.source.has(keyText(it.write));
    if (it.kind === 'write') history.change(exists ? 'update' : 'create', it.write);
    else if (it.kind === 'read') history.change('read', it.write);
    else if (it.kind === 'delete' && exists) history.change('delete', it.write);
    else if (it.kind === 'rekey' && exists && it.to.table === it.write.table) {
      if (keyText(it.to) !== keyText(it.write) && !history.source.has(keyText(it.to)))
        history.change('update', it.to, it.write.key);
    } else if (it.kind === 'redeliver') {
      const from = Math.max(0, history.log.length - it.back);
      // A snapshot has a slot of its own: what is before it is never delivered again.
      const reads = history.log.findLastIndex(({ isRead }) => isRead);
      history.driver.flush();
      const events = history.driver.events.length;
      for (let i = Math.max(from, reads + 1); i < history.log.length; i += 1) history.deliver(i);
      history.driver.flush();
      expect(history.driver.events.slice(events), 'I2: events of redelivered changes').toEqual([]);
    } else if (it.kind === 'restart') {
      history.driver.commit();
      history.driver.forget();
    } else if (it.kind === 'flush') history.driver.commit();
  }
  history.driver.commit();
  return history;
}

test('I2, I3: redelivered changes cause no event; events lead from fact to fact and end in the facts of the final rows', () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 1, maxLength: 60 }), (actions) => {
      const history = play(actions);
      const facts = new Map<string, Fact>();
      let position = -1;
      for (const event of history.driver.events) {
        expect(event.position).toBeGreaterThan(position);
        position = event.position;
        for (const change of event.changes) {
          const key = factKey(change, event.sessionUid);
          expect(facts.get(key) ?? null, `before of ${key} in ${event.type}`).toEqual(
            change.before,
          );
          if (change.after === null) facts.delete(key);
          else facts.set(key, change.after);
        }
      }
      const order = (list: Fact[]) =>
        list.map((fact) => JSON.stringify(fact, Object.keys(fact).sort())).sort();
      expect(order([...facts.values()])).toEqual(order(history.expectedFacts()));
    }),
    { numRuns: runs, seed },
  );
});
