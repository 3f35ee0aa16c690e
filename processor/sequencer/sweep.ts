/**
 * Sweeps: deletions that no record of the source asks for row by row. A complete snapshot did not
 * see an entity, or a TRUNCATE took all rows of a table. The sequencer appends a record of its own
 * for each, which takes effect when it comes round, and only where the entity's LSN and last
 * sighting are still what they were; then one that says that the sweep is over.
 */
import { isParked } from '../conversation/container-names.ts';
import { positionOf } from '../source/position.ts';
import type {
  Origin,
  RowChange,
  SourceRecord,
  SourceTable,
  SweepExpectation,
} from '../source/row-change.ts';
import type { ParkedRecount } from './parked.ts';
import type { SequencerDeps, SequencerSettings, SweepEncoder } from './settings.ts';
import type { StateRow, StateStore } from './state-store.ts';

export type SweepContext = {
  readonly store: StateStore;
  readonly encodeSweep: SweepEncoder;
  readonly append: (values: readonly Buffer[]) => Promise<void>;
  readonly sweepId: string;
  /**
   * The last position of the record that asks for the sweep. What was written later is none of its
   * concern: it may be asked once more, of state that has gone on, when an offset commit that was given
   * up takes effect late and a restart begins before it.
   */
  readonly upTo: number;
  /** A look at all rows sees all that is parked. */
  readonly parked: ParkedRecount;
};

/** Of the record at the offset, for an owner of that epoch. */
export function sweepContextOf(
  {
    store,
    encodeSweep,
    random,
    settings,
  }: SequencerDeps & { readonly settings: SequencerSettings },
  epoch: number,
  offset: number,
  parked: ParkedRecount,
  append: SweepContext['append'],
): SweepContext {
  // Consumers count their epochs each by itself: two owners may look at the same record.
  const chance = Math.floor(random() * 2 ** 32).toString(36);
  const upTo = positionOf(settings.positionBase, offset + 1) - 1;
  return { store, encodeSweep, append, sweepId: `${epoch}-${offset}-${chance}`, upTo, parked };
}

const tables = {
  session: 'sessions',
  humanTurn: 'human_turns',
  agentTurn: 'agent_turns',
  step: 'steps',
} as const satisfies Record<string, SourceTable>;

/** What a snapshot that began at the position did not see is gone. */
export function sweepAbsent(
  context: SweepContext,
  origin: Origin,
  snapshotFrom: number,
): Promise<string> {
  const lsnLeft = (row: StateRow) => (row.seen < snapshotFrom ? row.lsn : null);
  return sweep(context, origin, lsnLeft);
}

/**
 * TRUNCATE excludes all writers of the table: rows changed before it have lower LSNs, later ones
 * higher. So a redelivered one finds nothing.
 */
export function sweepTruncated(
  context: SweepContext,
  { tables: truncated, origin }: Extract<SourceRecord, { kind: 'truncate' }>,
): Promise<string> {
  const lsnLeft = (row: StateRow, table: SourceTable) =>
    truncated.includes(table) && row.lsn < origin.lsn ? origin.lsn : null;
  return sweep(context, origin, lsnLeft);
}

async function sweep(
  { store, encodeSweep, append, sweepId, upTo, parked }: SweepContext,
  origin: Origin,
  /** Null when the row stays. */
  lsnLeft: (row: StateRow, table: SourceTable) => number | null,
): Promise<string> {
  for await (const page of store.scan()) {
    const values: Buffer[] = [];
    for (const { container, row, writtenAt } of page) {
      if (row.present && row.kind === 'step' && isParked(container)) parked.add(row.lsn);
      if (!row.present || row.kind === 'child' || writtenAt > upTo) continue;
      const table = tables[row.kind];
      const leaves = lsnLeft(row, table);
      if (leaves === null) continue;
      const expected: SweepExpectation = { lsn: row.lsn, seen: row.seen, leaves };
      const change = deletionOf(table, container, row);
      values.push(encodeSweep({ kind: 'sweep', change, expected, origin }));
    }
    if (values.length > 0) await append(values);
  }
  await append([encodeSweep({ kind: 'sweep-end', sweepId })]);
  return sweepId;
}

function deletionOf(table: SourceTable, container: string, row: StateRow): RowChange {
  const rest = { operation: 'delete', formerKey: null, row: null } as const;
  switch (table) {
    case 'sessions':
      return { table, key: container.slice(2), ...rest };
    case 'human_turns':
    case 'agent_turns':
      return { table, key: row.uid, ...rest };
    case 'steps':
      return { table, key: { agentTurnUid: row.uid, idx: row.idx }, ...rest };
  }
}
