/**
 * The sequencer's state in memory, under the rules of the CQL form (state-store.contract.ts): the
 * highest position wins row by row, in any order of arrival, and a container's position never goes
 * back. Rows with a time to live stay: no time passes here.
 */
import { type SegmentLimits, segmentDefaults, segmentTailRows } from '../conversation/limits.ts';
import { compareStateKeys, stateKeyText } from './state-key.ts';
import type {
  Hint,
  ReadRow,
  ScannedRow,
  StateKey,
  StateRow,
  StateRowKind,
  StateSegment,
  StateStore,
  TurnId,
} from './state-store.ts';

type Container = {
  position: number;
  readonly rows: Map<string, { readonly at: number; readonly row: StateRow }>;
};

type TimedHint = { readonly addedAt: number; readonly removedAt: number };

/** Small on purpose: whoever reads pages must be ready for several. */
const pageRowsMax = 100;

export class MemoryStateStore implements StateStore {
  readonly segmentLimits: SegmentLimits;
  private readonly containers = new Map<string, Container>();
  private readonly hints = new Map<string, Map<string, TimedHint>>();

  constructor(segmentLimits: SegmentLimits = segmentDefaults) {
    this.segmentLimits = segmentLimits;
  }

  /** There is one replica: whatever is there is settled. */
  async positions(
    containers: readonly string[],
    _settledBelow: number,
  ): Promise<readonly number[]> {
    return containers.map((container) => this.containers.get(container)?.position ?? -1);
  }

  async rows(
    reads: readonly { readonly container: string; readonly key: StateKey }[],
  ): Promise<readonly (ReadRow | null)[]> {
    return reads.map(({ container, key }) => {
      const held = this.containers.get(container);
      const found = held?.rows.get(stateKeyText(key));
      return found === undefined ? null : { ...found.row, heldAt: held?.position ?? -1 };
    });
  }

  async *slice(
    container: string,
    kind: StateRowKind,
    uid: string | null,
  ): AsyncIterable<readonly ReadRow[]> {
    const rows = this.readRows(container).filter(
      (row) => row.kind === kind && (uid === null || row.uid === uid),
    );
    yield* pages(rows);
  }

  async neighbour(
    container: string,
    turnUid: string,
    idx: number,
    side: 'before' | 'after',
  ): Promise<ReadRow | null> {
    const steps = this.readRows(container).filter(
      (row) => row.kind === 'step' && row.uid === turnUid && row.present,
    );
    const found =
      side === 'before'
        ? steps.findLast((row) => row.idx < idx)
        : steps.find((row) => row.idx > idx);
    return found ?? null;
  }

  /** `betweenBatches`: waited for wherever a segment is cut; what it rejects with ends the write. */
  async write(
    container: string,
    segments: readonly StateSegment[],
    betweenBatches: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    if (segments.length === 0) return;
    const target = this.containers.get(container) ?? { position: -1, rows: new Map() };
    this.containers.set(container, target);
    for (const { position, rows } of segments) {
      const batches = this.batchesOf(rows);
      for (const [at, batch] of batches.entries()) {
        if (at > 0) await betweenBatches();
        for (const row of batch) put(target, position, row);
      }
      target.position = Math.max(target.position, position);
    }
  }

  /** Cut by rows alone, as CQL's form does (cql/state-segments.ts). */
  private batchesOf(rows: readonly StateRow[]): readonly (readonly StateRow[])[] {
    const { segmentRowsMax } = this.segmentLimits;
    if (rows.length <= segmentRowsMax) return [rows];
    const tail = rows.length - Math.max(segmentRowsMax, segmentTailRows);
    const batches: (readonly StateRow[])[] = [];
    for (let start = 0; start < tail; start += segmentRowsMax) {
      batches.push(rows.slice(start, Math.min(start + segmentRowsMax, tail)));
    }
    return [...batches, rows.slice(Math.max(0, tail))];
  }

  async sessionsOf(turns: readonly TurnId[]): Promise<readonly (readonly string[])[]> {
    return turns.map((turn) => {
      const found: string[] = [];
      for (const [sessionUid, { addedAt, removedAt }] of this.hints.get(turnText(turn)) ?? []) {
        if (addedAt > removedAt) found.push(sessionUid);
      }
      return found.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    });
  }

  async addHints(hints: readonly Hint[]): Promise<void> {
    for (const hint of hints) {
      this.mergeHint(hint, { addedAt: hint.position, removedAt: Number.NEGATIVE_INFINITY });
    }
  }

  async removeHints(hints: readonly Hint[]): Promise<void> {
    for (const hint of hints) {
      this.mergeHint(hint, { addedAt: Number.NEGATIVE_INFINITY, removedAt: hint.position });
    }
  }

  async *scan(): AsyncIterable<readonly ScannedRow[]> {
    const found: ScannedRow[] = [];
    for (const [container, { rows }] of this.containers) {
      for (const { at, row } of rows.values()) {
        if (!row.present || row.kind === 'child') continue;
        found.push({ container, row: { ...row, text: null }, writtenAt: at });
      }
    }
    yield* pages(found);
  }

  private readRows(container: string): readonly ReadRow[] {
    const heldAt = this.containers.get(container)?.position ?? -1;
    return this.containerRows(container).map((row) => ({ ...row, heldAt }));
  }

  /** All rows of a container in key order, for tests. */
  containerRows(container: string): readonly StateRow[] {
    const rows = [...(this.containers.get(container)?.rows.values() ?? [])];
    return rows.map(({ row }) => row).sort(compareStateKeys);
  }

  /** The names of all containers, for tests. */
  containerNames(): readonly string[] {
    return [...this.containers.keys()].sort();
  }

  private mergeHint(hint: Hint, { addedAt, removedAt }: TimedHint): void {
    const sessions = this.hints.get(turnText(hint)) ?? new Map<string, TimedHint>();
    const old = sessions.get(hint.sessionUid);
    sessions.set(hint.sessionUid, {
      addedAt: Math.max(addedAt, old?.addedAt ?? Number.NEGATIVE_INFINITY),
      removedAt: Math.max(removedAt, old?.removedAt ?? Number.NEGATIVE_INFINITY),
    });
    this.hints.set(turnText(hint), sessions);
  }
}

function put(target: Container, at: number, row: StateRow): void {
  const old = target.rows.get(stateKeyText(row));
  if (old !== undefined && at < old.at) return;
  target.rows.set(stateKeyText(row), { at, row: { ...row } });
}

async function* pages<Row>(rows: readonly Row[]): AsyncIterable<readonly Row[]> {
  for (let start = 0; start < rows.length; start += pageRowsMax) {
    yield rows.slice(start, start + pageRowsMax);
  }
}

function turnText({ role, uid }: TurnId): string {
  return JSON.stringify([role, uid]);
}
