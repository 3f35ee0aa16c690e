/**
 * A conversation as an application writes it: a list of timed transactions, planned from the seed
 * and the session's number alone. Pure.
 *
 * The simulated time ends at `endAtMs`: sessions start within the span before it, and one that
 * would still be going on at the end starts earlier, so that no row lies in the future.
 */
import { contentOf } from './content.ts';
import { type Language, languages } from './phrases.ts';
import {
  between,
  chance,
  createRandom,
  logNormal,
  pickWeighted,
  type Random,
  uuid,
} from './random.ts';
import type { Micros, Statement, Transaction } from './rows.ts';
import type { ShapeSettings } from './settings.ts';
import { startOf } from './start.ts';
import { planSteps } from './steps.ts';
import { prompt, title } from './text.ts';

export type Conversation = {
  readonly number: number;
  readonly sessionUid: string;
  /** In the order in which they are committed; times never fall. */
  readonly transactions: readonly Transaction[];
};

const conversationStream = 1;
const promptCharsMax = 20_000;
const answersMax = 4;
/** Of the questions that are worded again, the share that the person stops before an answer. */
const interruptedRatio = 1 / 6;
/** Rounds per session, for spreading `unansweredRatio` over last turns. */
const roundsMean = 4.5;
const switchedBackRatio = 0.15;

type Draft = {
  readonly random: Random;
  readonly settings: ShapeSettings;
  readonly language: Language;
  readonly sessionUid: string;
  readonly streamed: boolean;
  /** Since the session's start. */
  now: Micros;
  readonly transactions: { at: Micros; statements: Statement[] }[];
};

type Answer = { readonly uid: string; readonly types: readonly number[] };

export function planConversation(settings: ShapeSettings, number: number): Conversation {
  const random = createRandom(settings.seed, conversationStream, number);
  const draft: Draft = {
    random,
    settings,
    language: pickWeighted(random, languages),
    sessionUid: uuid(random),
    streamed: chance(random, settings.streamedRatio),
    now: 0,
    transactions: [],
  };
  converse(draft, roundsOf(random, settings));
  afterlife(draft);
  const start = startOf(random, settings, number, draft.now);
  return {
    number,
    sessionUid: draft.sessionUid,
    transactions: draft.transactions.map(({ at, statements }) => ({
      at: start + at,
      statements: statements.map((statement) =>
        'createdAt' in statement
          ? { ...statement, createdAt: start + statement.createdAt }
          : statement,
      ),
    })),
  };
}

/** Median 2, p99 about 30, up to `roundsMax`. */
function roundsOf(random: Random, settings: ShapeSettings): number {
  const rounds = chance(random, settings.agenticRatio)
    ? logNormal(random, 16, 1.8)
    : logNormal(random, Math.exp(0.8), 1.05);
  return Math.min(settings.roundsMax, Math.max(1, Math.round(rounds)));
}

function converse(draft: Draft, rounds: number): void {
  const { random, settings } = draft;
  const lastUnanswered =
    Math.max(0, settings.unansweredRatio - settings.editedRatio * interruptedRatio) * roundsMean;
  let parent: string | null = null;
  for (let round = 0; round < rounds; round += 1) {
    if (round > 0) pause(draft, 124, 1.5);
    let asked = ask(draft, parent, round === 0);
    if (chance(random, settings.editedRatio)) {
      if (!chance(random, interruptedRatio)) answer(draft, asked);
      pause(draft, 20, 1);
      asked = ask(draft, parent, false);
    }
    if (round === rounds - 1 && chance(random, lastUnanswered)) return;
    parent = answers(draft, asked);
    if (round === 0) nameSession(draft);
  }
}

/** The answer to a human turn with its regenerations; returns the agent turn that is shown. */
function answers(draft: Draft, humanUid: string): string {
  const { random, settings } = draft;
  const attempts = [answer(draft, humanUid)];
  if (chance(random, settings.regeneratedRatio)) {
    do {
      pause(draft, 15, 1);
      attempts.push(answer(draft, humanUid));
    } while (attempts.length < answersMax && chance(random, settings.regeneratedRatio));
  }
  let shown = attempts.length - 1;
  if (shown > 0 && chance(random, switchedBackRatio)) {
    shown = between(random, 0, shown - 1);
    pause(draft, 5, 0.5);
    commit(draft, select('human', humanUid, attempts[shown]?.uid ?? ''));
  }
  const chosen = attempts[shown];
  if (chosen === undefined) throw new RangeError('an answered turn has an answer');
  return chosen.uid;
}

function ask(draft: Draft, parentUid: string | null, opensSession: boolean): string {
  const { random, language, sessionUid } = draft;
  const chars = Math.min(promptCharsMax, Math.max(1, Math.round(logNormal(random, 82, 1.35))));
  const uid = uuid(random);
  const statements: Statement[] = [];
  if (opensSession) {
    const accountUid = accountOf(random, draft.settings);
    statements.push({ kind: 'insertSession', uid: sessionUid, accountUid, title: null });
  }
  statements.push({
    kind: 'insertHumanTurn',
    uid,
    sessionUid,
    parentUid,
    prompt: prompt(random, language, chars),
    createdAt: draft.now,
  });
  if (parentUid !== null) statements.push(select('agent', parentUid, uid));
  commit(draft, ...statements);
  return uid;
}

/** One agent turn: its steps one by one as they come, or all in one transaction at the end. */
function answer(draft: Draft, humanUid: string): Answer {
  const { random, settings, sessionUid } = draft;
  pause(draft, 0.06, 0.6);
  const uid = uuid(random);
  const pending: Statement[] = [
    { kind: 'insertAgentTurn', uid, sessionUid, parentUid: humanUid, createdAt: draft.now },
    select('human', humanUid, uid),
  ];
  if (draft.streamed) commit(draft, ...pending.splice(0));
  const steps = planSteps(random, settings);
  let latest = draft.now;
  steps.forEach(({ tpe, takes }, idx) => {
    latest += takes;
    const content = contentOf(random, tpe, draft.language, settings);
    pending.push({ kind: 'insertStep', agentTurnUid: uid, idx, tpe, content, createdAt: latest });
    // A clock that lags behind doesn't make its commit earlier.
    draft.now = Math.max(draft.now, latest);
    if (draft.streamed) commit(draft, ...pending.splice(0));
  });
  if (pending.length > 0) commit(draft, ...pending);
  const answered = { uid, types: steps.map(({ tpe }) => tpe) };
  if (chance(random, settings.correctedRatio)) correct(draft, answered);
  return answered;
}

function correct(draft: Draft, of: Answer): void {
  pause(draft, 4, 0.8);
  const idx = between(draft.random, 0, of.types.length - 1);
  const content = contentOf(draft.random, of.types[idx] ?? 0, draft.language, draft.settings);
  commit(draft, { kind: 'reviseStep', agentTurnUid: of.uid, idx, content });
}

/** The application names a session once it has been answered. */
function nameSession(draft: Draft): void {
  const text = title(prompt(draft.random, draft.language, 60));
  commit(draft, { kind: 'renameSession', uid: draft.sessionUid, title: text });
}

/** What becomes of the session when the talking is over. */
function afterlife(draft: Draft): void {
  const { random, settings, sessionUid: uid } = draft;
  if (chance(random, settings.movedSessionRatio)) {
    pause(draft, 600, 1);
    commit(draft, { kind: 'moveSession', uid, accountUid: accountOf(random, settings) });
  }
  if (chance(random, settings.deletedSessionRatio)) {
    pause(draft, 1800, 1);
    commit(draft, { kind: 'deleteSession', uid });
  }
}

function select(of: 'human' | 'agent', uid: string, activeChild: string): Statement {
  return { kind: 'selectChild', of, uid, activeChild };
}

/** The power 2.5 makes the first of 200 accounts the owner of an eighth of all sessions. */
function accountOf(random: Random, settings: ShapeSettings): string {
  const accounts = settings.accounts || Math.max(1, Math.round(settings.sessions / 10));
  const number = Math.floor(accounts * random.next() ** 2.5);
  return `account-${(number + 1).toString().padStart(5, '0')}`;
}

function pause(draft: Draft, medianSeconds: number, sigma: number): void {
  draft.now += Math.max(1, Math.round(logNormal(draft.random, medianSeconds, sigma) * 1e6));
}

function commit(draft: Draft, ...statements: Statement[]): void {
  draft.transactions.push({ at: draft.now, statements });
}
