/**
 * A conversation sent through everything: written to the source, awaited in each read model, compared
 * with what the projections make of it, deleted, and awaited until it is gone. What a read model should
 * show comes from expected.ts, as for verification. Account and session are its own and its day is one long
 * past, so nobody else writes to its rows; of totals, zeros stay behind (DESIGN 3.4).
 */
import type { FinalRows, FinalStep, FinalTurn } from '../conversation/final-facts.ts';
import type { Clock } from '../engine/clock.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import type { Cell } from '../projection/columns.ts';
import { formatLsn, type Lsn } from '../source/lsn.ts';
import { expect } from './expected.ts';
import { isZero, kindOf } from './findings.ts';
import type { ReadModelReader, RowAddress, Target } from './ports.ts';
import { keyText, numbers } from './sums-pass.ts';

export type FlowPorts = {
  /** One transaction; answers an LSN after its commit. */
  write(rows: FinalRows): Promise<Lsn>;
  /** Of exactly these rows; harmless where they are not there. */
  remove(rows: FinalRows): Promise<Lsn>;
  /** Up to which LSN all partitions of the read model can be read; null while nobody knows. */
  watermark(target: Target): Promise<Lsn | null>;
  readonly reader: Pick<ReadModelReader, 'rows'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

export type FlowSettings = {
  readonly partitions: number;
  /** For each of the two awaitings. */
  readonly timeoutMs: number;
};

/** Of one read model. */
export type FlowResult = {
  readonly projection: string;
  /** Rows, or totals, that showed the conversation. */
  readonly rows: number;
  /** From the commit until the watermark had passed it. */
  readonly readableMs: number;
  readonly goneMs: number;
};

const pollMs = 100;
const dayMs = 86_400_000;

/**
 * `uidOf` names its parts so that nobody else has these names, the same one each time; `day` is one of the days
 * since 1970. The content is as jsonb would print it, for those whose column is of that type.
 */
export function flowConversation(uidOf: (part: string) => string, day: number): FinalRows {
  const at = (seconds: number) => day * dayMs + 12 * 3_600_000 + seconds * 1000;
  const turn = (part: string, parent: string | null, child: string | null, seconds: number) => ({
    uid: uidOf(part),
    sessionUid: uidOf('session'),
    parentUid: parent === null ? null : uidOf(parent),
    activeChild: child === null ? null : uidOf(child),
    prompt: null,
    createdAt: at(seconds),
  });
  const human = (...args: Parameters<typeof turn>): FinalTurn => ({
    ...turn(...args),
    prompt: 'Does everything flow?',
  });
  const step = (turnPart: string, idx: number, tpe: number, seconds: number): FinalStep => ({
    agentTurnUid: uidOf(turnPart),
    idx,
    tpe,
    content: '{"text": "It does."}',
    createdAt: at(seconds),
  });
  const title = 'Turnstream checks the flow';
  return {
    sessions: [{ uid: uidOf('session'), accountUid: uidOf('account'), title }],
    humanTurns: [human('h1', null, 'a1', 0), human('h2', 'a1', 'a2', 60)],
    agentTurns: [turn('a1', 'h1', 'h2', 0), turn('a2', 'h2', null, 60)],
    steps: [step('a1', 0, 0, 1), step('a1', 1, 1, 3), step('a2', 0, 1, 62)],
  };
}

/**
 * Rejects with VERIFY when a read model does not show it, or still does, in time. The conversation is deleted
 * in any case, once it was written.
 */
export async function checkFlow(
  ports: FlowPorts,
  settings: FlowSettings,
  targets: readonly Target[],
  rows: FinalRows,
): Promise<readonly FlowResult[]> {
  const expected = expectedRows(targets, rows, settings.partitions);
  let isWritten = true;
  try {
    const written = await awaited(ports, settings, targets, 'written', await ports.write(rows));
    for (const target of targets) await compare(ports, target, expected.get(target) ?? [], true);
    const removedAt = await ports.remove(rows);
    isWritten = false;
    const removed = await awaited(ports, settings, targets, 'deleted', removedAt);
    for (const target of targets) await compare(ports, target, expected.get(target) ?? [], false);
    return targets.map((target) => ({
      projection: target.projection.name,
      rows: expected.get(target)?.length ?? 0,
      readableMs: written.get(target) ?? 0,
      goneMs: removed.get(target) ?? 0,
    }));
  } catch (thrown) {
    if (isWritten) await cleanUp(ports, rows, thrown);
    throw thrown;
  }
}

async function cleanUp({ remove }: FlowPorts, rows: FinalRows, reason: unknown): Promise<void> {
  try {
    await remove(rows);
  } catch (thrown) {
    throw new TurnstreamError(
      'VERIFY',
      `${messageOf(reason)} What was written could not be deleted either (${messageOf(thrown)}): if it is there, delete session ${rows.sessions[0]?.uid} with its turns and steps.`,
      { cause: reason },
    );
  }
}

type Expected = RowAddress & { values: readonly Cell[] };

function expectedRows(
  targets: readonly Target[],
  rows: FinalRows,
  partitions: number,
): ReadonlyMap<Target, readonly Expected[]> {
  const found = new Map(targets.map((target) => [target, new Map<string, Expected>()]));
  const add = (target: Target, { key, shard, values }: Expected) => {
    const own = found.get(target);
    const text = keyText(key, shard);
    const known = own?.get(text);
    if (known === undefined) own?.set(text, { key, shard, values });
    else known.values = sum(numbers(known.values), numbers(values));
  };
  expect({ uid: rows.sessions[0]?.uid ?? '', rows }, targets, partitions, {
    row: (target, row) => add(target, { ...row, shard: null }),
    totals: (target, { key, totals }, shard) => add(target, { key, shard, values: totals }),
    refused: (target, _, error) => {
      throw new TurnstreamError(
        'VERIFY',
        `The function of ${target.projection.name} throws on an ordinary conversation: ${error}`,
      );
    },
  });
  return new Map([...found].map(([target, own]) => [target, [...own.values()]]));
}

function sum(one: readonly number[], other: readonly number[]): readonly number[] {
  return one.map((total, column) => total + (other[column] ?? 0));
}

/** How long each took, in milliseconds from now on: the commit was a moment ago. */
async function awaited(
  { watermark, clock, signal }: FlowPorts,
  { timeoutMs }: FlowSettings,
  targets: readonly Target[],
  what: 'written' | 'deleted',
  lsn: Lsn,
): Promise<ReadonlyMap<Target, number>> {
  const startedMs = clock.nowMs();
  const took = new Map<Target, number>();
  for (;;) {
    const missing: string[] = [];
    for (const target of targets) {
      if (took.has(target)) continue;
      const reached = await watermark(target);
      if (reached !== null && reached >= lsn) took.set(target, clock.nowMs() - startedMs);
      else
        missing.push(
          `${target.projection.name} (${reached === null ? 'no watermark' : formatLsn(reached)})`,
        );
    }
    if (missing.length === 0) return took;
    if (signal.aborted || clock.nowMs() - startedMs >= timeoutMs) {
      throw new TurnstreamError(
        'VERIFY',
        `What was ${what} at ${formatLsn(lsn)} was not seen within ${Math.round((clock.nowMs() - startedMs) / 1000)} s by ${missing.join(', ')}: \`turnstream lag\` shows which stage is behind.`,
      );
    }
    await clock.delay(pollMs, signal);
  }
}

async function compare(
  { reader }: FlowPorts,
  target: Target,
  expected: readonly Expected[],
  isThere: boolean,
): Promise<void> {
  const { name, kind } = target.projection;
  const standing = await reader.rows(target.model, expected);
  const wrong = expected.flatMap(({ key, values }, at) => {
    const row = standing[at] ?? null;
    const absent = row === null || (kind === 'aggregate' && isZero(row.values));
    const difference = kindOf(isThere ? values : null, absent ? null : row.values);
    return difference === null ? [] : [`[${key.join(', ')}] is ${difference}`];
  });
  if (wrong.length === 0) return;
  throw new TurnstreamError(
    'VERIFY',
    `${name} has ${expected.length - wrong.length} of ${expected.length} rows as they should be after the conversation was ${isThere ? 'written' : 'deleted'}: ${wrong.slice(0, 3).join('; ')}. \`turnstream verify ${name}\` compares all of it.`,
  );
}
