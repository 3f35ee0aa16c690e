/**
 * Small conversations for the worker's tests: histories of step facts over a few entities, the
 * events that they cause, partition by partition, and what the read models must hold in the end.
 * Records are JSON here; the Avro codec has its own tests.
 */
import type { Fact, FactChange, StepFact } from '../../processor/conversation/fact.ts';
import type { StoredRow } from '../../processor/engine/read-out.ts';
import type { EntryDecoder } from '../../processor/engine/taken-record.ts';
import type { ConversationEvent, LogEntry, Retry, Watermark } from '../../processor/event/event.ts';
import { bigint, int, text } from '../../processor/projection/columns.ts';
import { defineAggregate, defineMap } from '../../processor/projection/define.ts';
import { keyTextOf } from '../../processor/projection/key-text.ts';
import type {
  AggregateProjection,
  Key,
  MapProjection,
  Projection,
} from '../../processor/projection/projection.ts';
import type { Lsn } from '../../processor/source/lsn.ts';
import type { Position } from '../../processor/source/position.ts';

/** Content that every projection here throws on. */
export const poison = 'poison';

/** Whether functions have been mended: then they take poison like anything else. */
export type Mending = { mended: boolean };

const refusePoison = (step: StepFact, mending: Mending | undefined) => {
  if (step.content === poison && mending?.mended !== true) {
    throw new Error(`step ${step.idx} is poisonous`);
  }
};

export const cards = (
  onError: 'dead-letter' | 'halt' = 'dead-letter',
  mending?: Mending,
): MapProjection =>
  defineMap({
    name: 'cards',
    version: 1,
    about: 'A step under its account.',
    of: 'step',
    key: { accountUid: text, agentTurnUid: text, idx: int },
    partitionBy: ['accountUid'],
    values: { content: text },
    onError,
    rows: (step) => {
      refusePoison(step, mending);
      const { accountUid, agentTurnUid, idx, content } = step;
      return accountUid === null ? [] : [{ accountUid, agentTurnUid, idx, content: content ?? '' }];
    },
  });

export const counts = (
  onError: 'dead-letter' | 'halt' = 'dead-letter',
  mending?: Mending,
): AggregateProjection =>
  defineAggregate({
    name: 'counts',
    version: 1,
    about: 'Steps of an account and the sum of their types.',
    of: 'step',
    key: { accountUid: text },
    partitionBy: ['accountUid'],
    totals: { steps: bigint, types: bigint },
    onError,
    contribute: (step) => {
      refusePoison(step, mending);
      const { accountUid, tpe } = step;
      if (accountUid === null) return [];
      return [{ key: { accountUid }, totals: { steps: 1, types: tpe ?? 0 } }];
    },
  });

/** A map that cares for sessions only, of which there are none: all events are irrelevant to it. */
export const titles = (): MapProjection =>
  defineMap({
    name: 'titles',
    version: 1,
    about: 'The title of a session.',
    of: 'session',
    key: { uid: text },
    partitionBy: ['uid'],
    values: { title: text },
    rows: (session) => [{ uid: session.uid, title: session.title ?? '' }],
  });

export type StepValue = {
  readonly account: string | null;
  readonly tpe: number;
  readonly content: string;
  /** The partition of the session that it is in. */
  readonly partition: number;
};

/** One row change: what the entity is from now on; null when it is gone. */
export type Op = { readonly entity: number; readonly to: StepValue | null };

export type Placed = { readonly partition: number; readonly entry: LogEntry };

export function stepFact(entity: number, value: StepValue): StepFact {
  return {
    kind: 'step',
    agentTurnUid: `turn-${Math.floor(entity / 3)}`,
    idx: entity % 3,
    tpe: value.tpe,
    content: value.content,
    createdAt: 1_700_000_000_000,
    sessionUid: `session-${value.partition}`,
    accountUid: value.account,
    humanTurnUid: null,
    askedAt: null,
    turnCreatedAt: null,
    previousStepAt: null,
    previousStepTpe: null,
  };
}

/** A move between partitions is a removal and, at a higher position, an arrival (DESIGN 3.2). */
export class History {
  readonly #now = new Map<number, StepValue>();
  #rawOffset = 0;

  apply(op: Op): readonly Placed[] {
    const position = (this.#rawOffset++ * 1024) as Position;
    const from = this.#now.get(op.entity) ?? null;
    const { entity, to } = op;
    if (to === null) this.#now.delete(entity);
    else this.#now.set(entity, to);
    const before = from === null ? null : stepFact(entity, from);
    const after = to === null ? null : stepFact(entity, to);
    if (from === null && to === null) return [];
    if (from !== null && to !== null && from.partition !== to.partition) {
      return [
        {
          partition: from.partition,
          entry: event(position, { kind: 'step', before, after: null }),
        },
        {
          partition: to.partition,
          entry: event((position + 1) as Position, { kind: 'step', before: null, after }),
        },
      ];
    }
    const partition = to?.partition ?? from?.partition ?? 0;
    return [{ partition, entry: event(position, { kind: 'step', before, after }) }];
  }

  watermark(partitions: number): readonly Placed[] {
    const position = (this.#rawOffset++ * 1024) as Position;
    const entry: Watermark = {
      kind: 'watermark',
      position,
      lsn: (1000 + position) as Lsn,
      committedAt: 1_700_000_000_000 + position,
      capturedAt: 1_700_000_000_005 + position,
    };
    return Array.from({ length: partitions }, (_, partition) => ({ partition, entry }));
  }

  /** The retry of a record that stands at that offset of the partition. */
  retry(letter: Omit<Retry, 'kind' | 'position' | 'requestedAt'>): Placed {
    const position = (this.#rawOffset++ * 1024) as Position;
    const entry: Retry = { kind: 'retry', position, requestedAt: 1_700_000_000_000, ...letter };
    return { partition: letter.partition, entry };
  }

  facts(): readonly StepFact[] {
    return [...this.#now].map(([entity, value]) => stepFact(entity, value));
  }
}

function event(position: Position, change: FactChange): ConversationEvent {
  return {
    kind: 'event',
    position,
    lsn: (1000 + position) as Lsn,
    transactionId: 1,
    committedAt: 1_700_000_000_000 + position,
    capturedAt: 1_700_000_000_005 + position,
    type: 'StepRecorded',
    sessionUid: 'session',
    changes: [change],
  };
}

export const encode = (entry: LogEntry): Buffer => Buffer.from(JSON.stringify(entry));

export const jsonDecoder: EntryDecoder = {
  decode: (value) => {
    const entry = JSON.parse(value.toString()) as LogEntry;
    return entry.kind === 'retry' ? { ...entry, value: Buffer.from(entry.value) } : entry;
  },
  load: () => Promise.resolve(),
};

/** What the final facts give; sorted by key text. */
export function projected(projection: Projection, facts: readonly Fact[]): readonly StoredRow[] {
  const rows = new Map<string, { key: Key; values: number[] | readonly (string | number)[] }>();
  for (const fact of facts.filter(({ kind }) => projection.of.includes(kind))) {
    if (projection.kind === 'map') {
      for (const row of projection.rows(fact)) {
        rows.set(keyTextOf(row.key), row as { key: Key; values: readonly string[] });
      }
    } else {
      for (const { key, totals } of projection.contribute(fact)) {
        const sum = rows.get(keyTextOf(key))?.values ?? totals.map(() => 0);
        rows.set(keyTextOf(key), {
          key,
          values: totals.map((value, index) => value + Number(sum[index])),
        });
      }
    }
  }
  return sortedByKey([...rows.values()]);
}

export function sortedByKey(rows: readonly StoredRow[]): readonly StoredRow[] {
  const text = ({ key }: StoredRow) => keyTextOf(key);
  return [...rows].sort((one, other) => (text(one) < text(other) ? -1 : 1));
}

/** Totals over all shards, zeros left out (I8). */
export function summed(
  rows: readonly { readonly key: Key; readonly totals: readonly number[] }[],
): readonly StoredRow[] {
  const sums = new Map<string, StoredRow>();
  for (const { key, totals } of rows) {
    const sum = sums.get(keyTextOf(key))?.values ?? totals.map(() => 0);
    const values = totals.map((value, index) => value + Number(sum[index]));
    sums.set(keyTextOf(key), { key, values });
  }
  return sortedByKey([...sums.values()].filter(({ values }) => values.some((one) => one !== 0)));
}
