/**
 * The read models of simulated histories: the product's own, and some that are harder on the
 * protocol. `fragile` throws on purpose: it is compared by its writes and its dead letters, not by
 * what it ends in.
 */
import type { Fact, FactKind, Facts } from '../../processor/conversation/fact.ts';
import { bigint, int, nullable, text, timestamp } from '../../processor/projection/columns.ts';
import { defineAggregate, defineMap } from '../../processor/projection/define.ts';
import type { Projection } from '../../processor/projection/projection.ts';
import { projections as registry } from '../../projections/index.ts';
import type { Knobs, LetterKnobs } from './knobs.ts';

/** Content that `fragile` throws on holds this: JSON that was cut off, one of the source's usual texts. */
export const poison = '{"te';

const uidOf = (fact: Fact) => (fact.kind === 'step' ? fact.agentTurnUid : fact.uid);

/** CQL takes no empty text as a partition's key, and none must look like another. */
const named = (uid: string | null) => (uid === null ? '-' : `+${uid}`);

/**
 * Every column and all context of every fact, under its account: whatever is wrong in a fact shows,
 * and rows leave and come with the account. The session is not in the key: a turn that moves leaves
 * its row in one partition of the log and takes the same row in another.
 */
export const everything = defineMap({
  name: 'everything',
  version: 1,
  about: 'A fact with all that it says, under its account.',
  of: ['session', 'humanTurn', 'agentTurn', 'step'],
  key: { account: text, kind: text, uid: text, idx: int },
  partitionBy: ['account'],
  order: { uid: 'desc' },
  values: {
    session: text,
    createdAt: nullable(timestamp),
    parent: nullable(text),
    tpe: nullable(int),
    fact: text,
  },
  rows: (fact) => [
    {
      account: named(fact.accountUid),
      kind: fact.kind,
      uid: uidOf(fact),
      idx: fact.kind === 'step' ? fact.idx : 0,
      session: fact.kind === 'session' ? fact.uid : fact.sessionUid,
      createdAt: fact.kind === 'session' ? fact.firstTurnAt : fact.createdAt,
      parent: fact.kind === 'humanTurn' || fact.kind === 'agentTurn' ? fact.parentUid : null,
      tpe: fact.kind === 'step' ? fact.tpe : null,
      fact: allOf(fact),
    },
  ],
});

const turnColumns = ['parentUid', 'activeChild', 'createdAt', 'depth'] as const;
const columns = {
  session: ['title', 'firstTurnAt', 'lastActivityAt', 'humanTurns', 'agentTurns', 'steps'],
  humanTurn: [...turnColumns, 'prompt', 'answeredAt', 'answers', 'siblings'],
  agentTurn: [
    ...turnColumns,
    ...([
      'askedAt',
      'steps',
      'firstStepAt',
      'firstVisibleStepAt',
      'lastStepAt',
      'attempt',
    ] as const),
  ],
  step: [
    ...(['tpe', 'content', 'createdAt', 'humanTurnUid', 'askedAt', 'turnCreatedAt'] as const),
    ...(['previousStepAt', 'previousStepTpe'] as const),
  ],
} as const satisfies { readonly [Kind in FactKind]: readonly (keyof Facts[Kind])[] };

/** What the key and the other columns do not say, in one order, whoever made the fact. */
function allOf(fact: Fact): string {
  const values = fact as unknown as Readonly<Record<string, string | number | null>>;
  let all = '';
  for (const name of columns[fact.kind]) {
    const value = values[name] ?? null;
    all += typeof value === 'string' ? `${name} "${value}", ` : `${name} ${value}, `;
  }
  return all;
}

/** Contributions that come and go with context: one change of an account retracts all of a session. */
export const countsByAccount = defineAggregate({
  name: 'counts_by_account',
  version: 1,
  about: 'Facts of an account by kind, with the length of their texts and what they count.',
  of: ['session', 'humanTurn', 'agentTurn', 'step'],
  key: { account: text, kind: text },
  partitionBy: ['account'],
  totals: { facts: bigint, chars: bigint, counted: bigint },
  contribute: (fact) => [
    {
      key: { account: named(fact.accountUid), kind: fact.kind },
      totals: { facts: 1, chars: charsOf(fact), counted: countedBy(fact) },
    },
  ],
});

function charsOf(fact: Fact): number {
  const value =
    fact.kind === 'step' ? fact.content : fact.kind === 'humanTurn' ? fact.prompt : null;
  return value?.length ?? 0;
}

function countedBy(fact: Fact): number {
  switch (fact.kind) {
    case 'session':
      return fact.humanTurns + 100 * fact.agentTurns + 10_000 * fact.steps;
    case 'humanTurn':
      return fact.answers + 100 * fact.siblings;
    case 'agentTurn':
      return fact.steps + 100 * fact.attempt;
    case 'step':
      return fact.tpe ?? 0;
  }
}

/**
 * The place of a turn among its siblings. Siblings change places in one change: one leaves the very
 * row that another takes, and the one that takes it must win. That holds within one event. Where one
 * change is cut into several events (`eventBytesTarget`) two turns own one row in between, which
 * no map may: host it only where events are not cut.
 */
export const slots = defineMap({
  name: 'slots',
  version: 1,
  about: 'The turn at each place under a parent.',
  of: ['humanTurn', 'agentTurn'],
  key: { session: text, role: text, parent: text, place: int },
  partitionBy: ['session'],
  values: { uid: text, createdAt: nullable(timestamp) },
  rows: (turn) => [
    {
      session: turn.sessionUid,
      role: turn.kind,
      parent: named(turn.parentUid),
      place: turn.kind === 'humanTurn' ? turn.siblings : turn.attempt - 1,
      uid: turn.uid,
      createdAt: turn.createdAt,
    },
  ],
});

/** Throws on some contents: each such event, on its way in and on its way out, is a dead letter. */
export const fragile = defineMap({
  name: 'fragile',
  version: 1,
  about: 'A step under its session, unless its content is poisonous.',
  of: 'step',
  key: { session: text, agentTurnUid: text, idx: int },
  partitionBy: ['session'],
  values: { content: nullable(text) },
  rows: ({ sessionUid: session, agentTurnUid, idx, content }) => {
    if (content?.includes(poison)) throw new Error(`step ${idx} of ${agentTurnUid} is poisonous`);
    return [{ session, agentTurnUid, idx, content }];
  },
});

/** Whether a build of the code takes what an earlier one threw on. */
function buildOf(isMended: boolean): readonly Projection[] {
  const look = (content: string | null) => {
    if (!isMended && content?.includes(poison) === true) throw new Error('not mended yet');
  };
  return [
    defineMap({
      name: 'mendable',
      version: 1,
      about: 'A step under its account.',
      of: 'step',
      key: { account: text, agentTurnUid: text, idx: int },
      partitionBy: ['account'],
      values: { session: text, content: nullable(text) },
      rows: ({ accountUid, sessionUid: session, agentTurnUid, idx, content }) => {
        look(content);
        return [{ account: named(accountUid), session, agentTurnUid, idx, content }];
      },
    }),
    defineAggregate({
      name: 'mendable_counts',
      version: 1,
      about: 'Steps of an account with the length of their contents.',
      of: 'step',
      key: { account: text },
      partitionBy: ['account'],
      totals: { steps: bigint, chars: bigint },
      contribute: ({ accountUid, content }) => {
        look(content);
        const totals = { steps: 1, chars: content?.length ?? 0 };
        return [{ key: { account: named(accountUid) }, totals }];
      },
    }),
  ];
}

/**
 * Read models whose functions are mended in the course of a history. What each of their writes must be
 * depends on who took which event with which build: they are judged by what they end in.
 */
export const mendables = { broken: buildOf(false), mended: buildOf(true) } as const;
export const mendableNames: readonly string[] = mendables.mended.map(({ name }) => name);

/** Of a history that is about dead letters; whoever leaves its read models out leaves that out too. */
export function lettersOf({ projections, letters }: Knobs): LetterKnobs {
  const isMending = projections.some((name) => mendableNames.includes(name));
  return (isMending ? letters : undefined) ?? { poison: 0, discards: false };
}

/** What a history hosts of them. `cutsEvents`: one change may become several events. */
export function simulatedProjections(options: {
  /** All of them when absent. */
  readonly names?: readonly string[];
  readonly cutsEvents: boolean;
}): {
  readonly hosted: readonly Projection[];
  /** Those that must end in the projection of the final facts. */
  readonly compared: readonly Projection[];
} {
  const { names, cutsEvents } = options;
  const all = [...registry, everything, countsByAccount, slots, fragile];
  const hosted = all.filter(
    (each) => (names?.includes(each.name) ?? true) && !(cutsEvents && each.name === slots.name),
  );
  return { hosted, compared: hosted.filter(({ name }) => name !== fragile.name) };
}
