/** Bugs of the sequencer, its fold and its state, as patches. */
import type { Bug } from './plant.ts';

const tenure = 'processor/sequencer/tenure.ts';
const flush = 'processor/sequencer/flush.ts';
const barriers = 'processor/conversation/barriers.ts';
const workspace = 'processor/conversation/workspace.ts';
const foldStep = 'processor/conversation/fold-step.ts';
const carry = 'processor/conversation/carry.ts';
const deadLetter = 'processor/sequencer/dead-letter.ts';
const stateStore = 'processor/cql/state-store.ts';

export const sequencerBugs: readonly Bug[] = [
  {
    name: 'raw offset committed before state',
    about: 'A crash in between loses the state of the batch.',
    patches: [
      {
        file: tenure,
        from: '    await writeState(pending, this.#ports);\n    await this.#commit(commit);',
        to: '    await this.#commit(commit);\n    await writeState(pending, this.#ports);',
      },
    ],
  },
  {
    name: 'state flushed before events are acknowledged',
    about: 'A crash in between leaves state whose events nobody has.',
    patches: [
      {
        file: tenure,
        from: '    await this.#publish();\n    const parked',
        to: '    const published = this.#publish();\n    const parked',
      },
      {
        file: tenure,
        from: '      failed(error);\n    });\n  }\n\n  async #fold',
        to: '      failed(error);\n    });\n    await published;\n  }\n\n  async #fold',
      },
    ],
  },
  {
    name: 'state taken within a batch',
    about: 'What a write after another takes is folded in part, and its events are not published.',
    patches: [
      {
        file: 'processor/sequencer/write-behind.ts',
        from: '      if (this.#isBetween) this.#write(failed);',
        to: '      this.#write(failed);',
      },
    ],
  },
  {
    name: 'no fence',
    about: 'A former owner writes its state over that of the new one.',
    patches: [
      {
        file: flush,
        from: '    if (!isFenced || isDestination(at)) await ports.fence();\n',
        to: '',
      },
    ],
  },
  {
    name: 'order by LSN',
    about:
      'A change counts as old when its LSN is below the highest one seen: transactions interleave.',
    patches: [
      {
        file: tenure,
        from: "    const isRead = source.kind === 'row' && source.snapshot !== null;",
        to: "    const isRead = source.kind === 'row' && source.snapshot !== null;\n    if (!isRead && source.kind === 'row' && source.origin.lsn < (this.#ledger.highestLsn ?? 0)) return 'irrelevant';",
      },
    ],
  },
  {
    name: 'rows sharing an LSN skipped',
    about: 'Of the rows of one COPY only the first is taken.',
    patches: [
      {
        file: tenure,
        from: "    const isRead = source.kind === 'row' && source.snapshot !== null;",
        to: "    const isRead = source.kind === 'row' && source.snapshot !== null;\n    if (!isRead && source.kind === 'row' && source.origin.lsn === this.#ledger.highestLsn) return 'irrelevant';",
      },
    ],
  },
  {
    name: 'every change taken for new',
    about: 'Nobody looks for a newer state of what was delivered again.',
    patches: [
      {
        file: 'processor/sequencer/ledger.ts',
        from: 'return ledger.highestLsn !== null && lsn > ledger.highestLsn;',
        to: 'return lsn >= 0 || ledger.highestLsn !== null;',
      },
    ],
  },
  {
    name: 'watermark of the newest change seen',
    about: 'Each record makes a watermark of its LSN, whatever is still on its way.',
    patches: [
      {
        file: tenure,
        from: '    if (sweep === null) this.#ledger = withLsn(this.#ledger, source.origin.lsn, false);\n',
        to: '    if (sweep === null) this.#ledger = withLsn(this.#ledger, source.origin.lsn, false);\n    if (sweep === null && source.origin.lsn > (this.#ledger.watermark?.lsn ?? 0)) {\n      this.#workspace.events.push(\n        watermarkOf((positionOf(positionBase, record.offset) + 1023) as ReturnType<typeof positionOf>, source.origin),\n      );\n      this.#ledger = { ...this.#ledger, watermark: { lsn: source.origin.lsn, committedAtMs: source.origin.committedAt } };\n    }\n',
      },
    ],
  },
  {
    name: 'watermark while a sweep is on its way',
    about: 'A watermark is promised although deletions are still to come round.',
    patches: [
      {
        file: 'processor/sequencer/watermark.ts',
        from: 'if (ledger.pendingSweep !== null || ledger.snapshotFrom !== null) return false;',
        to: '',
      },
    ],
  },
  {
    name: 'a session’s flush not in prefix order',
    about: 'The batches of one container are written last to first.',
    patches: [
      {
        file: stateStore,
        from: 'for (const batch of batchesOf(statements, end, this.options)) {',
        to: 'for (const batch of [...batchesOf(statements, end, this.options)].reverse()) {',
      },
    ],
  },
  {
    name: 'parked steps released in the wrong order',
    about:
      'The source is written before the destination: a crash in between loses what was carried.',
    patches: [
      {
        file: barriers,
        from: 'return position >= carry.arrival ? first - 2 : first - 1;',
        to: 'return position >= carry.arrival ? first - 1 : first - 2;',
      },
    ],
  },
  {
    name: 'no barrier before a carry',
    about: 'What was folded before may be written after what is carried.',
    patches: [
      {
        file: carry,
        from: '  workspace.barriers.begin(moment, bytesOf(steps));\n',
        to: '',
      },
    ],
  },
  {
    name: 'destinations of a carry written without another fence',
    about: 'A new owner has read the source as it was before the round that came before.',
    patches: [{ file: flush, from: 'if (!isFenced || isDestination(at))', to: 'if (!isFenced)' }],
  },
  {
    name: 'a segment across a barrier',
    about: 'What changed before a carry and what changed in it are written together.',
    patches: [
      {
        file: 'processor/conversation/container.ts',
        from: 'const joins = fits && this.position >= this.#barrier.position;',
        to: 'const joins = fits;',
      },
    ],
  },
  {
    name: 'delete not leaving its LSN',
    about: 'What was deleted comes back when its row is delivered again.',
    patches: [
      {
        file: foldStep,
        from: 'lsn: lsnAfter(moment, known),',
        to: 'lsn: row === null ? 0 : lsnAfter(moment, known),',
      },
    ],
  },
  {
    name: 'evicting a dirty row',
    about: 'A container is forgotten before it is written, and read again as it was.',
    patches: [{ file: workspace, from: '      if (container.isUnwritten) continue;\n', to: '' }],
  },
  {
    name: 'redelivered snapshot counted twice',
    about: 'A row that a snapshot reads is taken for new, not compared with what is known.',
    patches: [
      {
        file: foldStep,
        from: '  const former = yield* formerStep(container, turn, key, moment);',
        to: '  const former = moment.isRead ? null : yield* formerStep(container, turn, key, moment);',
      },
    ],
  },
  {
    name: 'snapshot rows with an LSN',
    about:
      "A row that a snapshot read takes the snapshot's LSN: a transaction that was open then comes later with a lower one.",
    patches: [
      {
        file: 'processor/conversation/moment.ts',
        from: 'return moment.isRead ? known : moment.origin.lsn;',
        to: 'return moment.origin.lsn > known ? moment.origin.lsn : known;',
      },
    ],
  },
  {
    name: 'sweep without its condition',
    about: 'A deletion takes effect although the entity has changed since.',
    patches: [
      {
        file: 'processor/conversation/moment.ts',
        from: 'return sweep === null || (entity.lsn === sweep.lsn && entity.seen === sweep.seen);',
        to: 'return sweep === null || entity.lsn >= 0;',
      },
    ],
  },
  {
    name: 'absent rows not swept',
    about: 'What a second snapshot did not see stays for ever.',
    patches: [
      {
        file: 'processor/sequencer/sweep.ts',
        from: 'row.seen < snapshotFrom ? row.lsn : null',
        to: 'row.seen < 0 && snapshotFrom > 0 ? row.lsn : null',
      },
    ],
  },
  {
    name: 'hints removed before the offset',
    about:
      'A hint goes before the change that made it untrue is committed: after a crash nobody finds the turn.',
    patches: [
      {
        file: tenure,
        from: '    await writeState(pending, this.#ports);\n    await this.#commit(commit);',
        to: "    if (hints.length > 0) await this.#insist('remove hints', () => store.removeHints(hints));\n    await writeState(pending, this.#ports);\n    await this.#commit(commit);",
      },
    ],
  },
  {
    name: 'hints added with the state',
    about: 'A turn is in a session before anybody could find it there.',
    patches: [
      {
        file: flush,
        from: "    hintsToAdd.length > 0 && insist('add hints', () => store.addHints(hintsToAdd)),",
        to: '',
      },
    ],
  },
  {
    name: 'placeholder taken for a text',
    about: 'A large value that an UPDATE left alone is lost.',
    patches: [
      {
        file: 'processor/source/row.ts',
        from: 'if (value === unchangedPlaceholder && reading.mayBeUnchanged) return unchanged;',
        to: 'if (value === unchangedPlaceholder && reading.mayBeUnchanged) return null;',
      },
    ],
  },
  {
    name: 'hints without a limit',
    about: 'Hints are never forgotten.',
    patches: [
      {
        file: workspace,
        from: '      if (this.#hints.size <= countMax) return;',
        to: '      if (this.#hints.size <= countMax || countMax >= 0) return;',
      },
    ],
  },
  {
    name: 'cache without a limit',
    about: 'Containers are never forgotten.',
    patches: [
      {
        file: workspace,
        from: '      if (this.#bytes <= bytesMax) return;\n      if (container.isUnwritten) continue;',
        to: '      if (this.#bytes <= bytesMax || bytesMax >= 0) return;\n      if (container.isUnwritten) continue;',
      },
    ],
  },
  {
    name: 'repetition without the LSN guard',
    about: 'A record that is appended once more is taken whatever changed since.',
    patches: [
      {
        file: tenure,
        from: "    const isRead = source.kind === 'row' && source.snapshot !== null;",
        to: "    const isRead = source.kind === 'row' && (source.snapshot !== null || record.headers['turnstream-retry'] !== undefined);",
      },
    ],
  },
  {
    name: 'repetition of what was overtaken',
    about:
      'A record from before a TRUNCATE or a snapshot, appended once more, brings back a row that is gone.',
    patches: [
      {
        file: deadLetter,
        from: '  return tables.every((table) => position < coveredUpTo(ledger, table));',
        to: '  return tables.every((table) => position < Math.min(0, coveredUpTo(ledger, table)));',
      },
    ],
  },
  {
    name: 'repeated TRUNCATE overtaking all before it',
    about: 'What came between a TRUNCATE and its repetition, and was set aside, is lost.',
    patches: [
      {
        file: deadLetter,
        from: '  const first = repeatedBy(record) ?? record.offset;',
        to: '  const first = record.offset;',
      },
    ],
  },
  {
    name: 'repetition of what a snapshot read',
    about:
      'A row that a snapshot read, appended once more, begins a snapshot or ends one: all else is swept.',
    patches: [
      {
        file: 'processor/sequencer/decode-batch.ts',
        from: "  if (source.kind === 'row') return source.snapshot !== null;",
        to: "  if (source.kind === 'row') return source.snapshot === 'first' && source.kind !== 'row';",
      },
    ],
  },
  {
    name: 'letter of the sequencer waiting for ever',
    about: 'A record that was taken at last is not noted as taken.',
    patches: [
      {
        file: deadLetter,
        from: "    await decide({ kind: 'retried', position });",
        to: "    await decide({ kind: 'failed', position, tries: 1, error: '' });",
      },
    ],
  },
  {
    name: 'discard by the sequencer not noted',
    about: 'The letter is passed over, and waits.',
    patches: [
      {
        file: deadLetter,
        from: '  if (letter === null || settledAt(letter) !== null) return;',
        to: '  if (letter === null || settledAt(letter) !== null || offset >= 0) return;',
      },
    ],
  },
];
