/**
 * The fold's rows as the store keeps them, and back. What may be large (title, prompt, content)
 * stands in `text`; the rest in `body`, JSON with short names, since one is written with every event.
 */
import type { RowRef, RowValue, Segment, SliceRef } from '../conversation/container.ts';
import type {
  ChildState,
  FamilyState,
  SessionState,
  StepMark,
  StepState,
  StepSummary,
  TurnState,
} from '../conversation/rows.ts';
import type { StateKey, StateRow, StateRowKind, StateSegment } from './state-store.ts';

const none = { idx: 0, other: '' };

export function keyOfRef(ref: RowRef): StateKey {
  switch (ref.kind) {
    case 'session':
      return { kind: 'session', uid: '', ...none };
    case 'turn':
      return { kind: ref.role === 'human' ? 'humanTurn' : 'agentTurn', uid: ref.uid, ...none };
    case 'family':
      return { kind: 'child', uid: ref.family, ...none };
    case 'child':
      return { kind: 'child', uid: ref.family, idx: 1, other: ref.uid };
    case 'step':
      return { kind: 'step', uid: ref.turnUid, idx: ref.idx, other: '' };
  }
}

export function refOfKey({ kind, uid, idx, other }: StateKey): RowRef {
  switch (kind) {
    case 'session':
      return { kind: 'session' };
    case 'humanTurn':
      return { kind: 'turn', role: 'human', uid };
    case 'agentTurn':
      return { kind: 'turn', role: 'agent', uid };
    case 'child':
      return idx === 0
        ? { kind: 'family', family: uid }
        : { kind: 'child', family: uid, uid: other };
    case 'step':
      return { kind: 'step', turnUid: uid, idx };
  }
}

export function sliceOf(slice: SliceRef): {
  readonly kind: StateRowKind;
  readonly uid: string | null;
} {
  switch (slice.kind) {
    case 'turns':
      return { kind: slice.role === 'human' ? 'humanTurn' : 'agentTurn', uid: null };
    case 'family':
      return { kind: 'child', uid: slice.family };
    case 'steps':
      return { kind: 'step', uid: slice.turnUid };
  }
}

/** Segments as the store writes them. */
export function storedSegments(segments: readonly Segment[]): readonly StateSegment[] {
  return segments.map(({ position, rows }) => ({
    position,
    rows: rows.map(({ ref, value }) => storedRow(ref, value)),
  }));
}

export function storedRow(ref: RowRef, value: RowValue): StateRow {
  const key = keyOfRef(ref);
  switch (ref.kind) {
    case 'session':
      return {
        ...key,
        ...entity(value as SessionState),
        ...sessionBody(value as SessionState),
        expires: false,
      };
    case 'turn':
      return { ...key, ...entity(value as TurnState), ...turnBody(value as TurnState) };
    case 'step':
      return { ...key, ...entity(value as StepState), ...stepBody(value as StepState) };
    case 'family': {
      const { count, lastAt, lastUid } = value as FamilyState;
      return { ...key, ...always, body: JSON.stringify([count, lastAt, lastUid]), text: null };
    }
    case 'child': {
      const { at, present } = value as ChildState;
      return {
        ...key,
        ...always,
        present,
        body: JSON.stringify(at),
        text: null,
        expires: !present,
      };
    }
  }
}

const always = { lsn: 0, seen: 0, present: true, expires: false } as const;

function entity({ lsn, seen, present }: SessionState | TurnState | StepState) {
  return { lsn, seen, present, expires: !present };
}

function sessionBody(s: SessionState) {
  const counts = [s.firstTurnAt, s.lastActivityAt, s.humanTurns, s.agentTurns, s.steps];
  return { body: JSON.stringify([s.accountUid, ...counts]), text: s.title };
}

function turnBody(t: TurnState) {
  const summary = t.role === 'human' ? null : summaryBody(t.steps);
  const columns = [t.parentUid, t.activeChild, t.createdAt, t.depth, t.ordinal, summary];
  return { body: JSON.stringify(columns), text: t.prompt };
}

function stepBody(s: StepState) {
  return { body: JSON.stringify([s.tpe, s.createdAt]), text: s.content };
}

type MarkBody = [idx: number, at: number | null, tpe: number | null] | null;
type SummaryBody = [count: number, first: MarkBody, visible: MarkBody, last: MarkBody];

function summaryBody({ count, first, firstVisible, last }: StepSummary): SummaryBody {
  return [count, markBody(first), markBody(firstVisible), markBody(last)];
}

function markBody(mark: StepMark | null): MarkBody {
  return mark === null ? null : [mark.idx, mark.at, mark.tpe];
}

function markOf(body: MarkBody): StepMark | null {
  return body === null ? null : { idx: body[0], at: body[1], tpe: body[2] };
}

export function rowValueOf(row: StateRow): RowValue {
  const { lsn, seen, present } = row;
  const body: unknown = JSON.parse(row.body);
  const ref = refOfKey(row);
  switch (ref.kind) {
    case 'session': {
      const [accountUid, firstTurnAt, lastActivityAt, humanTurns, agentTurns, steps] = body as [
        string | null,
        number | null,
        number | null,
        number,
        number,
        number,
      ];
      const times = { firstTurnAt, lastActivityAt };
      const columns = { accountUid, title: row.text, ...times, humanTurns, agentTurns, steps };
      return { lsn, seen, present, ...columns };
    }
    case 'turn':
      return {
        lsn,
        seen,
        present,
        role: ref.role,
        uid: ref.uid,
        prompt: row.text,
        ...turnOf(body),
      };
    case 'step': {
      const [tpe, createdAt] = body as [number | null, number | null];
      const { turnUid, idx } = ref;
      return { lsn, seen, present, turnUid, idx, tpe, createdAt, content: row.text };
    }
    case 'family': {
      const [count, lastAt, lastUid] = body as [number, number | null, string];
      return { count, lastAt, lastUid };
    }
    case 'child':
      return { uid: ref.uid, at: body as number | null, present };
  }
}

function turnOf(body: unknown) {
  const [parentUid, activeChild, createdAt, depth, ordinal, summary] = body as [
    string | null,
    string | null,
    number | null,
    number | null,
    number,
    SummaryBody | null,
  ];
  const [count, first, visible, last] = summary ?? [0, null, null, null];
  const steps = {
    count,
    first: markOf(first),
    firstVisible: markOf(visible),
    last: markOf(last),
  };
  return { parentUid, activeChild, createdAt, depth, ordinal, steps };
}
