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
        from: 'if (source.snapshot !== null) this.#snapshotBegins(record, source.origin.lsn);',
        to: "if (source.snapshot === 'first' || (source.snapshot === 'last' && this.#ledger.snapshotFrom === null)) this.#snapshotBegins(record, source.origin.lsn);",
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
  {
    name: 'a sweep that is asked for twice',
    about:
      'An offset commit that was given up takes effect late; after a restart a TRUNCATE or a snapshot is met once more, and what was added since is swept.',
    patches: [
      {
        file: 'processor/sequencer/sweep.ts',
        from: ' || writtenAt > upTo) continue;',
        to: ' || writtenAt + upTo < 0) continue;',
      },
    ],
  },
  {
    name: 'TRUNCATE leaving the LSN of the row',
    about: 'The last change before a TRUNCATE, delivered again, brings the row back for a while.',
    patches: [
      {
        file: 'processor/sequencer/sweep.ts',
        from: 'row.lsn < origin.lsn ? origin.lsn : null',
        to: 'row.lsn < origin.lsn ? row.lsn : null',
      },
    ],
  },
  {
    name: 'position of a batch that a minority has',
    about:
      'A batch reached one replica of three and its writer died; the next owner reads its position and, from the others, the rows as they were before.',
    patches: [
      {
        file: 'processor/cql/state-store.ts',
        from: "if (position >= settledBelow) await this.settle(container, position, tailOf(row?.['tail']));",
        to: "if (settledBelow < -1) await this.settle(container, position, tailOf(row?.['tail']));",
      },
    ],
  },
  {
    name: 'a text that was read beside a write',
    about:
      'A read that is under way beside a write brings a text from before it; taken for what is stored, it lets a later row refer to a text that is gone, and the sequencer waits for it for ever.',
    patches: [
      {
        file: 'processor/cql/known-texts.ts',
        from: '    if (isOld) return;\n',
        to: "    if (isOld && container === '') return;\n",
      },
    ],
  },
  {
    name: 'what is ahead has a say',
    about:
      'A turn is deleted in one session and comes back in another, which is written when the first is not: folded again, its return takes it out a second time.',
    patches: [
      {
        file: 'processor/conversation/fold-turn.ts',
        from: 'const isBehind = container.position < moment.removal;',
        to: 'const isBehind = container.position < Number.MAX_SAFE_INTEGER;',
      },
    ],
  },
  {
    name: 'a watermark that is due by what was told',
    about:
      'Folded again beside state that is ahead, changes tell nothing: the watermark after them is left out, and a heartbeat that is delivered again brings a lower one.',
    patches: [
      {
        file: 'processor/sequencer/tenure.ts',
        from: '    this.#ledger = withChange(this.#ledger);\n    return outcome',
        to: '    if (this.#workspace.events.length > 0) this.#ledger = withChange(this.#ledger);\n    return outcome',
      },
    ],
  },
];
