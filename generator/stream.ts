/**
 * Streams conversations to Postgres: many sessions at once, in the order of the simulated time,
 * paced by rows a second and by the speed of the simulated clock. A session has at most one
 * transaction in flight, so its own order is exact; sessions interleave as they come.
 */
import type { Pool } from 'pg';
import type { Micros, Transaction } from './rows.ts';
import type { Settings } from './settings.ts';
import { type Conversation, planConversation } from './shape.ts';
import { runTransaction } from './writer.ts';

export type StreamCounts = {
  sessions: number;
  humanTurns: number;
  agentTurns: number;
  steps: number;
  transactions: number;
  /** Rows inserted, updated and deleted. */
  changes: number;
};

export const noCounts: Readonly<StreamCounts> = {
  sessions: 0,
  humanTurns: 0,
  agentTurns: 0,
  steps: 0,
  transactions: 0,
  changes: 0,
};

export type StreamControl = {
  /** Called after each transaction, with the counts so far. */
  readonly onCommit: () => void;
  readonly signal: AbortSignal;
};

type Talk = { readonly conversation: Conversation; next: number };

/**
 * Writes the sessions numbered `from` to `to − 1`, adding to `counts`. After an abort it resolves when what is in flight is
 * done; an error stops it the same way and is thrown.
 */
export async function streamSessions(
  pool: Pool,
  settings: Settings,
  range: { readonly from: number; readonly to: number },
  counts: StreamCounts,
  control: StreamControl,
): Promise<void> {
  const waiting = new TalkQueue(settings, range);
  const pace = paceOf(settings);
  const inFlight = new Set<Promise<void>>();
  let failure: unknown;
  let failed = false;
  while (!failed && !control.signal.aborted) {
    const talk = inFlight.size < settings.concurrency ? waiting.take() : undefined;
    if (talk === undefined) {
      if (inFlight.size === 0) break;
      await Promise.race(inFlight);
      continue;
    }
    const work = talk.conversation.transactions[talk.next];
    if (work === undefined) throw new RangeError('a conversation without transactions');
    await pace(work, control.signal);
    const run = perform(pool, talk, work, counts)
      .then((finished) => {
        if (!finished) waiting.put(talk);
        control.onCommit();
      })
      .catch((thrown: unknown) => {
        failed = true;
        failure ??= thrown;
      })
      .finally(() => inFlight.delete(run));
    inFlight.add(run);
  }
  await Promise.all(inFlight);
  if (failed) throw failure;
}

/** Runs one transaction of a session; true when it was the last. */
async function perform(
  pool: Pool,
  talk: Talk,
  work: Transaction,
  counts: StreamCounts,
): Promise<boolean> {
  // Not `+= await`: that would add to what the count was before the others' commits.
  const rows = await runTransaction(pool, work);
  counts.changes += rows;
  counts.transactions += 1;
  for (const { kind } of work.statements) {
    if (kind === 'insertHumanTurn') counts.humanTurns += 1;
    if (kind === 'insertAgentTurn') counts.agentTurns += 1;
    if (kind === 'insertStep') counts.steps += 1;
  }
  talk.next += 1;
  const finished = talk.next === talk.conversation.transactions.length;
  if (finished) counts.sessions += 1;
  return finished;
}

/** Waits until a transaction is due by the rate and by the simulated clock. */
function paceOf(settings: Settings): (work: Transaction, signal: AbortSignal) => Promise<void> {
  const startedAt = performance.now();
  const simulatedStart = settings.endAtMs - settings.spanHours * 3_600_000;
  let rows = 0;
  return async (work, signal) => {
    const byRate = settings.rowsPerSecondMax === 0 ? 0 : (rows / settings.rowsPerSecondMax) * 1000;
    const byClock = settings.speed === 0 ? 0 : (work.at / 1000 - simulatedStart) / settings.speed;
    rows += work.statements.length;
    const waitMs = startedAt + Math.max(byRate, byClock) - performance.now();
    // A timer is no finer than a millisecond: below that, going on keeps the mean rate.
    if (waitMs >= 1) await pause(waitMs, signal);
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
  });
}

/**
 * The sessions that could go on, by the time of their next transaction. A session is planned just
 * before its time comes, so memory holds those that are under way and one more.
 */
export class TalkQueue {
  readonly #settings: Settings;
  readonly #heap: Talk[] = [];
  readonly #to: number;
  #number: number;
  #upcoming: Talk | undefined;

  constructor(settings: Settings, range: { readonly from: number; readonly to: number }) {
    this.#settings = settings;
    this.#number = range.from;
    this.#to = range.to;
    this.#upcoming = this.#plan();
  }

  /** The session whose transaction is the earliest; undefined when none waits. */
  take(): Talk | undefined {
    while (this.#upcoming !== undefined && dueAt(this.#upcoming) <= this.#earliest()) {
      this.put(this.#upcoming);
      this.#upcoming = this.#plan();
    }
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last !== undefined && first !== last) this.#sink(last);
    return first;
  }

  put(talk: Talk): void {
    let at = this.#heap.push(talk) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || dueAt(parent) <= dueAt(talk)) break;
      this.#heap[at] = parent;
      at = above;
    }
    this.#heap[at] = talk;
  }

  #earliest(): Micros {
    const first = this.#heap[0];
    return first === undefined ? Number.POSITIVE_INFINITY : dueAt(first);
  }

  #plan(): Talk | undefined {
    if (this.#number >= this.#to) return undefined;
    const conversation = planConversation(this.#settings, this.#number);
    this.#number += 1;
    return { conversation, next: 0 };
  }

  #sink(talk: Talk): void {
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [a, b] = [this.#heap[left], this.#heap[left + 1]];
      const lower = b !== undefined && a !== undefined && dueAt(b) < dueAt(a) ? left + 1 : left;
      const child = this.#heap[lower];
      if (child === undefined || dueAt(talk) <= dueAt(child)) break;
      this.#heap[at] = child;
      at = lower;
    }
    this.#heap[at] = talk;
  }
}

function dueAt(talk: Talk): Micros {
  return talk.conversation.transactions[talk.next]?.at ?? Number.POSITIVE_INFINITY;
}
