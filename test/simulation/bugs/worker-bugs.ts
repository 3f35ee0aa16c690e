/** Bugs of the worker and of its statements, as patches. */
import type { Bug } from './plant.ts';

const lane = 'processor/engine/lane.ts';
const laneLetters = 'processor/engine/lane-letters.ts';
const laneBatch = 'processor/engine/lane-batch.ts';
const changes = 'processor/projection/changes.ts';

export const workerBugs: readonly Bug[] = [
  {
    name: 'write without timestamp',
    about: "A row of a map is written with the server's time, which hides all later writes.",
    patches: [
      {
        file: 'processor/cql/statements.ts',
        from: `      params[names.length] = bigintValue(position);
      return { query: insert, params };`,
        to: `      params.pop();
      return { query: insert.replace(' USING TIMESTAMP ?', ''), params };`,
      },
    ],
  },
  {
    name: 'delete without timestamp',
    about: 'A row that comes back after its delete stays hidden.',
    patches: [
      {
        file: 'processor/cql/statements.ts',
        from: `      keyCells(key, params, 1);
      return { query: remove, params };`,
        to: `      keyCells(key, params, 1);
      params.shift();
      return { query: remove.replace(' USING TIMESTAMP ?', ''), params };`,
      },
    ],
  },
  {
    name: 'checkpoint before flush',
    about: 'The checkpoint is saved before the rows are acknowledged: a crash loses them.',
    patches: [
      {
        file: lane,
        from: '      const rows = await this.#writeRows(batch);',
        to: `      this.#reached = batch.reached;
      await this.save();
      const rows = await this.#writeRows(batch);`,
      },
    ],
  },
  {
    name: 'next batch opened from what is acknowledged',
    about:
      'A batch that is folded while the former one is written begins where that one began: what comes again counts again, and the watermark goes back.',
    patches: [{ file: lane, from: 'this.#writing?.reached ?? this.#reached', to: 'this.#reached' }],
  },
  {
    name: 'next batch written beside the former one',
    about:
      'Its totals are worked out from those before the former one, and its checkpoint is ahead.',
    patches: [
      {
        file: 'processor/engine/partition-pipeline.ts',
        from: '    const batch = await this.#fold();\n    await this.#untilWritten();',
        to: '    const batch = await this.#fold();',
      },
      {
        file: 'processor/engine/partition-writer.ts',
        from: "    if (this.#isBusy) throw new Error('another batch of the partition is under way');",
        to: '',
      },
    ],
  },
  {
    name: 'folded behind what is not decided',
    about:
      'What comes after dead letters, a retry or a halt is folded before it is known what those left behind.',
    patches: [
      {
        file: 'processor/engine/partition-pipeline.ts',
        from: 'if (decidesTheNext(batch)) await this.#untilWritten();',
        to: 'if (decidesTheNext(batch) && this.#sealed) await this.#untilWritten();',
      },
    ],
  },
  {
    name: 'increment instead of absolute totals',
    about:
      'Totals are added to whatever is stored at each try: a write that timed out and was applied counts twice.',
    patches: [
      {
        file: lane,
        from: `      const outcome = await this.#untilDone('totals', () =>
        this.#context.store.writeTotals(this.#model, writes),
      );`,
        to: `      const base = writes.map(({ key }) => {
        const known = [...stored.entries()].find(([text]) => batch.deltas.get(text)?.[0]?.key === key);
        return known?.[1].totals ?? [];
      });
      const outcome = await this.#untilDone('totals', async () => {
        const now = await this.#context.store.loadTotals(
          this.#model,
          this.#partition,
          writes.map(({ key }) => key),
        );
        const incremented = writes.map((write, at) => ({
          ...write,
          totals: write.totals.map(
            (total, column) => total - (base[at]?.[column] ?? 0) + (now[at]?.totals[column] ?? 0),
          ),
        }));
        await this.#context.store.writeTotals(this.#model, incremented);
      });`,
      },
    ],
  },
  {
    name: 'position check dropped',
    about: 'Stored totals are taken without asking up to which position they are exact.',
    patches: [
      {
        file: changes,
        from: 'if (last === undefined || (stored !== null && last <= stored.position)) return null;',
        to: 'if (last === undefined) return null;',
      },
      {
        file: changes,
        from: 'if (stored !== null && (positions[index] ?? 0) <= stored.position) continue;',
        to: '',
      },
    ],
  },
  {
    name: 'retraction forgotten',
    about: 'What a fact contributed before is not taken back.',
    patches: [
      {
        file: changes,
        from: 'addEach(deltas, touched, retractions, -1, entry.position);',
        to: '',
      },
    ],
  },
  {
    name: 'former row not deleted',
    about: 'A row that a fact leaves behind when its key changes stays.',
    patches: [
      {
        file: changes,
        from: "into.set(text, { op: 'delete', key: row.key, position });",
        to: '',
      },
    ],
  },
  {
    name: 'first-occurrence rule dropped',
    about: 'Events that a second owner has appended once more are folded again.',
    patches: [
      {
        file: laneBatch,
        from: "if (content?.kind !== 'entry' || content.entry.position <= last) continue;",
        to: "if (content?.kind !== 'entry') continue;",
      },
      {
        file: laneBatch,
        from: '} else if (content.entry.position <= position) {',
        to: '} else if (content.entry.position < 0) {',
      },
    ],
  },
  {
    name: 'watermark seen before its rows',
    about:
      'A watermark counts from the moment at which it is fetched, not when the rows before it are acknowledged.',
    patches: [
      {
        file: lane,
        from: '      const rows = await this.#writeRows(batch);',
        to: `      this.#reached = { ...this.#reached, watermark: batch.reached.watermark };
      await this.save();
      const rows = await this.#writeRows(batch);`,
      },
    ],
  },
  {
    name: 'dead letter not awaited',
    about: 'The checkpoint passes an event whose dead letter is not acknowledged.',
    patches: [
      {
        file: laneLetters,
        from: "    const outcome = await this.#insist('dead-letters', () => deadLetters.append(records));\n    if (outcome.kind === 'over') return false;",
        to: "    void this.#insist('dead-letters', () => deadLetters.append(records));",
      },
    ],
  },
  {
    name: 'dead letter evaluated again',
    about:
      'An event that was set aside is taken by the mended function when it comes again: totals that were written after it leave it out for ever.',
    patches: [
      {
        file: lane,
        from: 'foldSlice(batch, records, this.#letters.waiting)',
        to: 'foldSlice(batch, records, { get: () => undefined })',
      },
    ],
  },
  {
    name: 'dead letter retried twice',
    about: 'A letter that a retry took is taken once more by the next one.',
    patches: [{ file: laneLetters, from: '    this.waiting.forget(retry.offset);', to: '' }],
  },
  {
    name: 'dead letters listed after rows',
    about:
      'The rows of a batch are written before it is known what is missing in them: a crash in between, and the mended function takes what they leave out.',
    patches: [
      {
        file: lane,
        from: `      if (!(await this.#letters.setAside(batch)) || !(await this.#letters.retry(batch)))
        return false;
      const rows = await this.#writeRows(batch);
      if (rows === null) return false;`,
        to: `      if (!(await this.#letters.retry(batch))) return false;
      const rows = await this.#writeRows(batch);
      if (rows === null || !(await this.#letters.setAside(batch))) return false;`,
      },
    ],
  },
  {
    name: 'discard not durable',
    about:
      'The lane goes by a discard that nobody else will know of: whoever comes next finds that the letter waits.',
    patches: [
      {
        file: laneLetters,
        from: "    if (!isDecided && !(await this.#note(offset, { kind: 'discarded', position }))) return false;",
        to: "    if (!isDecided) this.#context.observer.letterRetried(this.#origin.origin, 'discarded');",
      },
    ],
  },
  {
    name: 'discard counted twice',
    about:
      'A discard of a letter that was discarded before lowers the count of those that wait once more.',
    patches: [
      {
        file: 'processor/engine/letter-retry.ts',
        from: "  if (letter === undefined) return { kind: 'skip' };",
        to: "  if (letter === undefined) return retry.discard ? { kind: 'discard', letter: { offset: retry.offset, position: null, atMs: 0, tries: 0, triedAt: null, retriedAt: null, discardedAt: null }, isDecided: true } : { kind: 'skip' };",
      },
    ],
  },
  {
    name: 'discarded letter retried',
    about: 'A retry that stands behind a discard brings the letter in.',
    patches: [
      {
        file: laneLetters,
        from: '    this.waiting.forget(offset);\n    const { deadLetters }',
        to: '    const { deadLetters }',
      },
      {
        file: 'processor/engine/letter-retry.ts',
        from: '  if (settledAt(letter) !== null) {',
        to: '  if (retriedAt !== null) {',
      },
    ],
  },
  {
    name: 'retry of a map at its own position',
    about: 'The rows of a retry cover what later changes wrote.',
    patches: [
      {
        file: 'processor/engine/letter-retry.ts',
        from: 'foldMap(projection, [entry], rows)',
        to: 'foldMap(projection, [{ ...entry, position: retry.position }], rows)',
      },
    ],
  },
  {
    name: 'bytes in flight without a limit',
    about: 'Fetches are let in however much is held.',
    patches: [
      {
        file: 'processor/engine/byte-budget.ts',
        from: 'return this.#used === 0 || this.#used + bytes <= this.#bytesMax;',
        to: 'return this.#bytesMax >= 0 || this.#used + bytes < 0;',
      },
    ],
  },
];
