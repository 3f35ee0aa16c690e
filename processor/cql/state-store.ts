/**
 * The sequencer's state on CQL (sequencer/state-store.ts). A container is one CQL partition, whose
 * static column is its position; a segment is one unlogged batch there, so rows and position appear
 * together and a container is always the exact fold of a prefix of its changes. Everything carries
 * its position as write timestamp and goes at LOCAL_QUORUM, so no former owner covers a newer one.
 */

import type { SegmentLimits } from '../conversation/limits.ts';
import { stateKeyText } from '../sequencer/state-key.ts';
import type {
  Hint,
  ReadRow,
  ScannedRow,
  StateKey,
  StateRowKind,
  StateSegment,
  StateStore,
  TurnId,
} from '../sequencer/state-store.ts';
import { type BatchLimits, batchDefaults } from './batches.ts';
import type { RowsRead } from './known-texts.ts';
import { forEachBounded } from './limiter.ts';
import { amongRuns } from './names.ts';
import type { CqlSession, DecodedRow } from './session.ts';
import { batchesOf, type EndBatch, segmentStatements } from './state-segments.ts';
import { type StateStatements, stateRowOf, stateStatements } from './state-statements.ts';
import { lackingOf, notSettled, type Tail, tailOf } from './state-tail.ts';
import { StateTexts, type TextLimits, textGone } from './state-texts.ts';
import type { Statement } from './statements.ts';

export type StateStoreOptions = BatchLimits &
  TextLimits & {
    readonly keyspace: string;
    /** How long a row stays that `expires`. */
    readonly expiresAfterSeconds: number;
    /** Statements of one call under way at a time. */
    readonly callsInFlightMax: number;
    readonly pageRowsMax: number;
    /** Texts that one page of a slice may bring; a single larger one still comes. */
    readonly pageTextBytesMax: number;
  };

export const stateStoreDefaults = {
  ...batchDefaults,
  contentInlineBytesMax: 4 * 1024,
  chunkBytesMax: 256 * 1024,
  knownTextsMax: 20_000,
  expiresAfterSeconds: 10 * 24 * 60 * 60,
  callsInFlightMax: 64,
  pageRowsMax: 200,
  pageTextBytesMax: 8 * 1024 * 1024,
} as const satisfies Partial<StateStoreOptions>;

/** How often a row is read again whose text was being replaced. */
const rereadsMax = 3;
/** Steps that a search for a neighbour reads at a time: the first is nearly always present. */
const neighbourPageRows = 8;

type Read = { readonly container: string; readonly key: StateKey };

export class CqlStateStore implements StateStore {
  readonly segmentLimits: SegmentLimits;
  private readonly session: CqlSession;
  private readonly options: StateStoreOptions;
  private readonly statements: StateStatements;
  private readonly texts: StateTexts;

  constructor(session: CqlSession, options: StateStoreOptions) {
    this.session = session;
    this.options = options;
    this.segmentLimits = {
      segmentBytesMax: options.batchBytesMax,
      segmentRowsMax: options.batchRowsMax - 1,
      contentInlineBytesMax: options.contentInlineBytesMax,
    };
    this.statements = stateStatements(options.keyspace);
    this.texts = new StateTexts(session, this.statements, options);
  }

  positions(containers: readonly string[], settledBelow: number): Promise<readonly number[]> {
    return this.each(containers, async (container) => {
      const statement = this.statements.selectPosition(container);
      const [row] = await this.session.read(`reading the position of ${container}`, statement);
      const position = Number(row?.['position'] ?? -1);
      if (position >= settledBelow) await this.settle(container, position, tailOf(row?.['tail']));
      this.texts.known.confirm(container, position);
      return position;
    });
  }

  async rows(reads: readonly Read[]): Promise<readonly (ReadRow | null)[]> {
    const wanted = new Map<string, Map<string, StateKey>>();
    for (const { container, key } of reads) {
      const keys = wanted.get(container) ?? new Map<string, StateKey>();
      wanted.set(container, keys.set(stateKeyText(key), key));
    }
    const runs = [...wanted].flatMap(([container, keys]) =>
      amongRuns([...keys.values()]).map((run) => ({ container, run })),
    );
    const found = new Map<string, ReadRow>();
    await this.each(runs, async ({ container, run }) => {
      for (const row of await this.run(container, run)) {
        found.set(container + stateKeyText(row), row);
      }
    });
    return reads.map(({ container, key }) => found.get(container + stateKeyText(key)) ?? null);
  }

  async *slice(
    container: string,
    kind: StateRowKind,
    uid: string | null,
  ): AsyncIterable<readonly ReadRow[]> {
    const statement =
      uid === null
        ? this.statements.selectKind(container, kind)
        : this.statements.selectUid(container, kind, uid);
    const doing = `reading the ${kind} rows of ${container}`;
    const read = this.texts.known.beginRead(container);
    try {
      for await (const page of this.session.pages(doing, statement, this.options.pageRowsMax)) {
        for (const part of this.byTextBytes(page)) {
          yield await this.each(part, (decoded) => this.complete(read, decoded));
        }
      }
    } finally {
      this.texts.known.endRead(read);
    }
  }

  async neighbour(
    container: string,
    turnUid: string,
    idx: number,
    side: 'before' | 'after',
  ): Promise<ReadRow | null> {
    const statement =
      side === 'before'
        ? this.statements.selectStepsBefore(container, turnUid, idx)
        : this.statements.selectStepsAfter(container, turnUid, idx);
    const doing = `reading the neighbours of a step in ${container}`;
    const read = this.texts.known.beginRead(container);
    try {
      for await (const page of this.session.pages(doing, statement, neighbourPageRows)) {
        const found = page.find((decoded) => decoded['present'] === true);
        if (found !== undefined) return await this.complete(read, found);
      }
      return null;
    } finally {
      this.texts.known.endRead(read);
    }
  }

  async write(container: string, segments: readonly StateSegment[]): Promise<void> {
    const last = segments.at(-1);
    if (last === undefined) return;
    const doing = `writing the state of ${container}`;
    this.texts.known.beginWrite(container);
    try {
      const plan = this.texts.plan(container, segments);
      await this.each(plan.chunks, (chunk) => this.session.write(doing, [chunk]));
      const statements = plan.segments.map((segment) =>
        segmentStatements(this.statements, container, segment, this.options.expiresAfterSeconds),
      );
      const end: EndBatch = (position, tail) =>
        this.statements.setPosition(container, position, tail);
      for (const batch of batchesOf(statements, end, this.options)) {
        await this.session.write(doing, batch);
      }
      this.texts.known.advance(container, last.position);
      await this.each(plan.removals, (removal) => this.session.write(doing, [removal]));
    } catch (error) {
      // What the plan took for written may not be.
      this.texts.known.forget(container);
      throw error;
    } finally {
      this.texts.known.endWrite(container);
    }
  }

  sessionsOf(turns: readonly TurnId[]): Promise<readonly (readonly string[])[]> {
    return this.each(turns, async (turn) => {
      const statement = this.statements.selectHints(turn);
      const rows = await this.session.read(`looking up turn ${turn.uid}`, statement);
      return rows.map((row) => String(row['session_uid']));
    });
  }

  addHints(hints: readonly Hint[]): Promise<void> {
    return this.writeEach('adding hints', hints.map(this.statements.addHint));
  }

  removeHints(hints: readonly Hint[]): Promise<void> {
    return this.writeEach('removing hints', hints.map(this.statements.removeHint));
  }

  async *scan(): AsyncIterable<readonly ScannedRow[]> {
    const statement = this.statements.scan();
    for await (const page of this.session.pages('scanning the state', statement, 1_000)) {
      const rows = page
        .filter((decoded) => decoded['present'] === true && decoded['kind'] !== 'child')
        .map((decoded) => ({
          container: String(decoded['container']),
          row: { ...stateRowOf(decoded).row, text: null },
          writtenAt: Number(decoded['written']),
        }));
      if (rows.length > 0) yield rows;
    }
  }

  /**
   * Rejects unless the rows of the container's last batch are as new as its position. What a quorum
   * showed of them it also repaired, so a majority has them from then on.
   */
  private async settle(container: string, position: number, tail: Tail): Promise<void> {
    // Other reads repair the position without the tail.
    if (tail.position !== position) throw notSettled(container, position, null);
    const doing = `reading the last rows of ${container}`;
    const pages = await this.each(amongRuns(tail.rows), (run) =>
      this.session.read(doing, this.statements.selectWritten(container, run)),
    );
    const lacking = lackingOf(tail, pages.flat());
    if (lacking !== undefined) throw notSettled(container, position, lacking);
  }

  private async run(container: string, keys: readonly StateKey[]): Promise<readonly ReadRow[]> {
    const doing = `reading rows of ${container}`;
    const read = this.texts.known.beginRead(container);
    try {
      const page = await this.session.read(doing, this.statements.selectRows(container, keys));
      return await this.each(page, (decoded) => this.complete(read, decoded));
    } finally {
      this.texts.known.endRead(read);
    }
  }

  private async complete(read: RowsRead, decoded: DecodedRow): Promise<ReadRow> {
    const { container } = read;
    let latest: DecodedRow | undefined = decoded;
    for (let rereads = 0; latest !== undefined && rereads <= rereadsMax; rereads++) {
      const { row, text } = stateRowOf(latest);
      const heldAt = positionOf(latest);
      const found = await this.texts.load(read, row, text, heldAt);
      if (found !== undefined) return { ...row, text: found, heldAt };
      const doing = `reading a row of ${container} again`;
      [latest] = await this.session.read(doing, this.statements.selectRows(container, [row]));
    }
    throw textGone(container);
  }

  /** Parts of a page, in order, whose texts are not too many bytes at once. */
  private *byTextBytes(page: readonly DecodedRow[]): Iterable<readonly DecodedRow[]> {
    let part: DecodedRow[] = [];
    let bytes = 0;
    for (const decoded of page) {
      const size = Math.max(0, Number(decoded['text_chunks'])) * this.options.chunkBytesMax;
      if (part.length > 0 && bytes + size > this.options.pageTextBytesMax) {
        yield part;
        part = [];
        bytes = 0;
      }
      part.push(decoded);
      bytes += size;
    }
    if (part.length > 0) yield part;
  }

  private async writeEach(doing: string, statements: readonly Statement[]): Promise<void> {
    await this.each(statements, (statement) => this.session.write(doing, [statement]));
  }

  private each<Item, Result>(
    items: readonly Item[],
    call: (item: Item) => Promise<Result>,
  ): Promise<readonly Result[]> {
    return forEachBounded(items, this.options.callsInFlightMax, call);
  }
}

/** A row is read with its container's position, the static column. */
function positionOf(decoded: DecodedRow): number {
  return Number(decoded['position'] ?? -1);
}
