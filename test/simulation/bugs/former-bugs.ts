/** Bugs that the simulation found in the code as it was, planted again. */
import type { Bug } from './plant.ts';

export const formerBugs: readonly Bug[] = [
  {
    name: 'snapshot begun by its first mark alone',
    about:
      'Only the first row of the first table is marked as first; when that table is empty or has one row, the last row seems to be the whole snapshot, and all others are swept.',
    patches: [
      {
        file: 'processor/sequencer/tenure.ts',
        from: 'if (source.snapshot !== null) this.#takeSnapshotRow(record, source.origin);',
        to: "if (source.snapshot === 'first' || (source.snapshot === 'last' && this.#ledger.snapshotFrom === null)) this.#takeSnapshotRow(record, source.origin);",
      },
    ],
  },
  {
    name: 'draining fails when another has taken over',
    about: 'A sequencer that is asked to stop just after it lost the partition ends with an error.',
    patches: [
      {
        file: 'processor/sequencer/run.ts',
        from: 'drained.catch(asLost)',
        to: 'drained',
      },
    ],
  },
  {
    name: 'facts in the order of memory',
    about:
      'The facts of an event stand in the order in which rows happen to be in memory: a large change is cut differently by the next owner, so that a fact is told twice or never.',
    patches: [
      {
        file: 'processor/conversation/edit.ts',
        from: '  return items.sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));',
        to: '  return keyOf(items[0] as T) === undefined ? [] : items;',
      },
    ],
  },
  {
    name: 'state that moves while it is read',
    about:
      'A former owner’s last write arrives between the reading of a container’s position and of its rows: its changes are folded twice.',
    patches: [
      {
        file: 'processor/sequencer/driver.ts',
        from: 'if (row.heldAt <= container.position) return rowValueOf(row);',
        to: 'if (row.heldAt <= container.position || row.heldAt > 0) return rowValueOf(row);',
      },
    ],
  },
  {
    name: 'a release that is never finished',
    about:
      'After a crash between the two sides of a release the parked steps stay where they were, and come back later.',
    patches: [
      {
        file: 'processor/conversation/fold-turn.ts',
        from: '      yield* finishRelease(workspace, parked, target, next, moment);\n',
        to: '',
      },
    ],
  },
];
