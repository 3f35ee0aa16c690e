/** A state store that counts what it is asked for: requests, rows read, rows written. */
import type { ReadRow, StateStore } from '../../processor/sequencer/state-store.ts';

export type StoreCounts = Record<
  // Questions, of which one may ask for many rows at once.
  | 'reads'
  | 'positions'
  | 'rowsAsked'
  | 'rowsFound'
  | 'slices'
  | 'neighbours'
  | 'hints'
  | 'rowsWritten'
  | 'segments',
  number
>;

export function noStoreCounts(): StoreCounts {
  return {
    reads: 0,
    positions: 0,
    rowsAsked: 0,
    rowsFound: 0,
    slices: 0,
    neighbours: 0,
    hints: 0,
    rowsWritten: 0,
    segments: 0,
  };
}

/** Adds to `counts`. */
export function counting(store: StateStore, counts: StoreCounts): StateStore {
  const found = (rows: readonly (ReadRow | null)[]) => {
    counts.rowsFound += rows.filter((row) => row !== null).length;
  };
  return {
    segmentLimits: store.segmentLimits,
    positions: (containers, settledBelow) => {
      counts.reads += 1;
      counts.positions += containers.length;
      return store.positions(containers, settledBelow);
    },
    rows: async (reads) => {
      counts.reads += 1;
      counts.rowsAsked += reads.length;
      const rows = await store.rows(reads);
      found(rows);
      return rows;
    },
    async *slice(container, kind, uid) {
      counts.reads += 1;
      counts.slices += 1;
      for await (const page of store.slice(container, kind, uid)) {
        found(page);
        yield page;
      }
    },
    neighbour: async (container, turnUid, idx, side) => {
      counts.reads += 1;
      counts.neighbours += 1;
      const row = await store.neighbour(container, turnUid, idx, side);
      found([row]);
      return row;
    },
    write: (container, segments) => {
      counts.segments += segments.length;
      for (const { rows } of segments) counts.rowsWritten += rows.length;
      return store.write(container, segments);
    },
    sessionsOf: (turns) => {
      counts.reads += 1;
      counts.hints += turns.length;
      return store.sessionsOf(turns);
    },
    addHints: (hints) => store.addHints(hints),
    removeHints: (hints) => store.removeHints(hints),
    scan: () => store.scan(),
  };
}
