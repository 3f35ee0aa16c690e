/**
 * Random histories of facts for laws: a few entities that come, change, move between shards and go,
 * in events of one to three changes, with the odd values that sources hold: no time, times on the
 * edge of a day or before 1970, unknown step types, surrogate pairs, texts that look like separators.
 * An entity that moves is removed at the lower position and arrives at the higher (DESIGN 3.2).
 */
import fc from 'fast-check';
import type { Fact, FactChange } from '../conversation/fact.ts';
import { positionOf } from '../source/position.ts';
import type { Entry } from './changes.ts';
import { agentTurnFact, at, humanTurnFact, removed, sessionFact, stepFact } from './facts.ts';

export const shards = 3;

export type History = {
  /** By shard, in rising positions. */
  readonly logs: readonly (readonly Entry[])[];
  /** All of them as one log. */
  readonly log: readonly Entry[];
  /** What exists in the end, by shard. */
  readonly finals: readonly (readonly Fact[])[];
};

const noon = at('2024-11-22T12:00:00Z');

const instant: fc.Arbitrary<number | null> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      noon,
      noon + 0.001,
      noon + 0.999,
      noon + 1_234.567,
      at('2024-11-22T23:59:59.999999Z'),
      at('2024-11-23T00:00:00Z'),
      at('2024-12-01T00:00:00Z'),
      at('1969-12-31T23:59:59.999999Z'),
      at('+12024-01-01T00:00:00Z'),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.integer({ min: -2e8, max: 2e8 }).map((micros) => noon + micros / 1000),
  },
);

const textValue = fc.oneof(
  fc.constantFrom(null, '', '{"text":"yes"}', 'no JSON', '🌘'.repeat(201), `x${'é'.repeat(300)}`),
  fc.string({ unit: 'binary', maxLength: 8 }),
);

const account = fc.constantFrom(null, 'account-1', 'account-2', '1:a', '');
const session = fc.constantFrom('session-1', 'session-2', '🌒');
const few = fc.integer({ min: 0, max: 3 });

const turnUids = ['1:1', '1', '11:'];

const step = fc
  .record({
    agentTurnUid: fc.constantFrom(...turnUids),
    idx: fc.constantFrom(0, 1, -1, 2_147_483_647),
    tpe: fc.constantFrom(null, 0, 1, 12, 99, -1, -2, 2_147_483_647),
    content: textValue,
    createdAt: instant,
    sessionUid: session,
    accountUid: account,
    previousStepAt: instant,
  })
  .map(stepFact);

const agentTurn = fc
  .record({
    uid: fc.constantFrom(...turnUids),
    sessionUid: session,
    parentUid: fc.constantFrom(null, ...turnUids),
    createdAt: instant,
    accountUid: account,
    askedAt: instant,
    steps: few,
    firstStepAt: instant,
    firstVisibleStepAt: instant,
    lastStepAt: instant,
  })
  .map(agentTurnFact);

const humanTurn = fc
  .record({
    uid: fc.constantFrom(...turnUids),
    sessionUid: session,
    prompt: textValue,
    createdAt: instant,
    accountUid: account,
    answeredAt: instant,
  })
  .map(humanTurnFact);

const sessionOf = fc.record({ uid: session, accountUid: account, steps: few }).map(sessionFact);

const fact: fc.Arbitrary<Fact> = fc.oneof(
  { weight: 4, arbitrary: step },
  { weight: 2, arbitrary: agentTurn },
  { weight: 2, arbitrary: humanTurn },
  { weight: 1, arbitrary: sessionOf },
);

/**
 * What becomes of an entity: another value altogether, a change of one column (most of its rows then
 * stay as they are), or nothing.
 */
const touch = fc.record({
  fact,
  becomes: fc.constantFrom('other', 'edited', 'edited', 'gone'),
  column: fc.nat(),
});

/** One row change of the source: where it happens and what it does to which entities. */
const command = fc.record({
  shard: fc.integer({ min: 0, max: shards - 1 }),
  touches: fc.array(touch, { minLength: 1, maxLength: 3 }),
  gap: fc.integer({ min: 1, max: 3 }),
});

type Touch = typeof touch extends fc.Arbitrary<infer T> ? T : never;

function becomes(before: Fact | null, { fact: other, becomes: what, column }: Touch): Fact | null {
  if (what === 'gone') return null;
  if (what === 'other' || before === null) return other;
  const columns = Object.entries(other);
  const chosen = column % columns.length;
  return { ...before, ...Object.fromEntries(columns.slice(chosen, chosen + 1)) };
}

export const history: fc.Arbitrary<History> = fc
  .array(command, { minLength: 1, maxLength: 30 })
  .map((commands) => {
    const living = new Map<string, { readonly fact: Fact; readonly shard: number }>();
    const logs: Entry[][] = Array.from({ length: shards }, () => []);
    let position = 0;
    const emit = (shard: number, gap: number, changes: readonly FactChange[]) => {
      position += gap;
      logs[shard]?.push({ position: positionOf(0, 0, position), changes });
    };
    for (const { shard, touches, gap } of commands) {
      const changes: FactChange[] = [];
      for (const [identity, touch] of new Map(touches.map((one) => [identityOf(one.fact), one]))) {
        const former = living.get(identity);
        const before = former?.shard === shard ? former.fact : null;
        if (former !== undefined && before === null) {
          emit(former.shard, gap, [removed(former.fact)]);
        }
        const after = becomes(former?.fact ?? null, touch);
        if (after === null) living.delete(identity);
        else living.set(identity, { fact: after, shard });
        if (before !== null || after !== null) {
          changes.push({ kind: touch.fact.kind, before, after } as FactChange);
        }
      }
      emit(shard, gap, changes);
    }
    const finals = logs.map((_, shard) =>
      [...living.values()].filter((one) => one.shard === shard).map((one) => one.fact),
    );
    const log = logs.flat().sort((one, other) => one.position - other.position);
    return { logs, log, finals };
  });

function identityOf(one: Fact): string {
  return one.kind === 'step' ? `step ${one.agentTurnUid} ${one.idx}` : `${one.kind} ${one.uid}`;
}

/** Cuts a list into pieces of the given sizes, over and over. */
export function cut<T>(list: readonly T[], sizes: readonly number[]): readonly (readonly T[])[] {
  const pieces: (readonly T[])[] = [];
  for (let start = 0; start < list.length; ) {
    const size = sizes[pieces.length % sizes.length] ?? 1;
    pieces.push(list.slice(start, start + size));
    start += size;
  }
  return pieces;
}

export const batchSizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 });
