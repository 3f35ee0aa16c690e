/**
 * The model against readers that know nothing of it: one of a few lines, over everything that the
 * source can do, and the product's decoder and fold, where no sweep is needed.
 */
import { expect, test } from 'vitest';
import type { Fact } from '../../../processor/conversation/fact.ts';
import { type FinalRows, factsOf } from '../../../processor/conversation/final-facts.ts';
import { foldChange } from '../../../processor/conversation/fold.ts';
import { MemoryDriver } from '../../../processor/conversation/memory-driver.ts';
import { momentOf } from '../../../processor/conversation/moment.ts';
import {
  type RowChange,
  type SourceRecord,
  unchanged,
} from '../../../processor/source/row-change.ts';
import { Dice } from '../dice.ts';
import { sourceHappenings } from './happenings.ts';
import { decoded, type Played, play } from './playing.ts';
import { drawScript, type ScriptOptions } from './script.ts';
import { drawKnobs } from './source-knobs.ts';

const histories = Number(process.env['TURNSTREAM_LAW_RUNS'] ?? 400);
const firstSeed = Number(process.env['TURNSTREAM_LAW_SEED'] ?? 1);
const seeds = Array.from({ length: histories }, (_, at) => firstSeed + at);

type Entity = {
  readonly table: RowChange['table'];
  row: Record<string, unknown> | null;
  lsn: number;
  seen: number;
};

/** Keeps rows by the rules of redelivery, snapshots and TRUNCATE, and nothing else. */
class PlainReader {
  readonly #entities = new Map<string, Entity>();
  /** An LSN of null: it was told of and has shown no row yet. */
  #snapshot: { lsn: number | null; readonly from: number } = { lsn: -1, from: 0 };

  take(record: SourceRecord, offset: number): void {
    if (record.kind === 'truncate') {
      for (const entity of this.#entities.values()) {
        const isOlder = entity.lsn < record.origin.lsn;
        if (record.tables.includes(entity.table) && isOlder) entity.row = null;
      }
    }
    if (record.kind === 'snapshot-begin') this.#snapshot = { lsn: null, from: offset };
    if (record.kind === 'snapshot-end' && this.#snapshot.lsn === null) this.#sweep();
    if (record.kind !== 'row') return;
    const { change, origin, snapshot } = record;
    if (snapshot === null) this.#change(change, origin.lsn, offset);
    else this.#read(change, origin.lsn, offset, snapshot === 'last');
  }

  rows(): FinalRows {
    const of = <T>(table: string) =>
      [...this.#entities.values()]
        .filter((entity) => entity.table === table && entity.row !== null)
        .map(({ row }) => row as T);
    const inSession = ({ sessionUid }: { sessionUid: string | null }) => sessionUid !== null;
    return {
      sessions: of('sessions'),
      humanTurns: of<FinalRows['humanTurns'][number]>('human_turns').filter(inSession),
      agentTurns: of<FinalRows['agentTurns'][number]>('agent_turns').filter(inSession),
      steps: of('steps'),
    };
  }

  #entity({ table, key }: Pick<RowChange, 'table' | 'key'>): Entity {
    const id = `${table} ${JSON.stringify(key)}`;
    const entity = this.#entities.get(id) ?? { table, row: null, lsn: 0, seen: -1 };
    this.#entities.set(id, entity);
    return entity;
  }

  #change(change: RowChange, lsn: number, offset: number): void {
    const entity = this.#entity(change);
    let former = entity.row;
    if (change.formerKey !== null) {
      const gone = this.#entity({ ...change, key: change.formerKey } as RowChange);
      former = gone.row;
      if (lsn > gone.lsn) Object.assign(gone, { row: null, lsn, seen: offset });
    }
    if (lsn <= entity.lsn) return;
    const row = change.row === null ? null : resolved(change.row, former);
    Object.assign(entity, { row, lsn, seen: offset });
  }

  #read(change: RowChange, lsn: number, offset: number, isLast: boolean): void {
    if (this.#snapshot.lsn === null) this.#snapshot.lsn = lsn;
    if (lsn !== this.#snapshot.lsn) this.#snapshot = { lsn, from: offset };
    Object.assign(this.#entity(change), { row: resolved(change.row ?? {}, null), seen: offset });
    if (isLast) this.#sweep();
  }

  #sweep(): void {
    for (const entity of this.#entities.values()) {
      if (entity.seen < this.#snapshot.from) entity.row = null;
    }
  }
}

function resolved(row: object, former: Record<string, unknown> | null): Record<string, unknown> {
  const whole: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    whole[name] = value === unchanged ? former?.[name] : value;
  }
  return whole;
}

const words = (items: readonly object[]) =>
  items.map((item) => JSON.stringify(item, Object.keys(item).sort())).sort();

const sorted = ({ sessions, humanTurns, agentTurns, steps }: FinalRows) =>
  [sessions, humanTurns, agentTurns, steps].map(words);

function playSeed(seed: number, options: ScriptOptions = {}): Played {
  return play(drawScript(new Dice(seed), options), seed);
}

test('what is promised at each heartbeat is what a reader holds there, whatever happened', async () => {
  const counts = new Map<string, number>();
  for (const seed of seeds) {
    const played = playSeed(seed);
    const { source, log } = played;
    for (const [name, count] of played.counts) counts.set(name, (counts.get(name) ?? 0) + count);
    const reader = new PlainReader();
    let highest = 0;
    for (const [offset, record] of (await decoded(log)).entries()) {
      if (record === null) continue;
      reader.take(record, offset);
      if (record.kind !== 'heartbeat') {
        expect(source.promisedAt(offset)).toBeNull();
        continue;
      }
      const promised = source.promisedAt(offset);
      if (promised === null) throw new Error(`seed ${seed}: nothing promised at ${offset}`);
      const { lsn } = record.origin;
      const where = `seed ${seed}, offset ${offset}`;
      expect(sorted(reader.rows()), where).toEqual(sorted(promised));
      if (lsn > highest) {
        expect(sorted(promised), where).toEqual(sorted(source.postgres.rowsAt(lsn)));
      }
      highest = Math.max(highest, lsn);
    }
    expect(highest).toBe(source.lastHeartbeatLsn);
    expect(sorted(reader.rows()), `seed ${seed}`).toEqual(sorted(source.postgres.rowsNow()));
  }
  expect([...counts.keys()].sort()).toEqual(sourceHappenings);
}, 120_000);

/** As the sequencer folds: new is what is above the highest LSN so far. */
function foldAll(records: readonly (SourceRecord | null)[]): readonly Fact[] {
  const driver = new MemoryDriver();
  let highest = 0;
  for (const [offset, record] of records.entries()) {
    if (record?.kind !== 'row') continue;
    const { origin, change } = record;
    const rest = { origin, isNew: origin.lsn > highest, isRead: false, sweep: null };
    highest = Math.max(highest, origin.lsn);
    const moments = [momentOf(0, offset, 0, rest), momentOf(0, offset, 1, rest)] as const;
    driver.run(foldChange(driver.workspace, change, moments));
    if (offset % 7 === 0) driver.commit();
    if (offset % 11 === 0) {
      driver.commit();
      driver.forget();
    }
  }
  driver.commit();
  const facts = new Map<string, Fact>();
  for (const event of driver.events) {
    for (const { before, after } of event.changes) {
      const { kind, ...fact } = (before ?? after) as Fact & Record<string, unknown>;
      const key = `${kind} ${event.sessionUid} ${fact['uid'] ?? `${fact['agentTurnUid']}/${fact['idx']}`}`;
      if (after === null) facts.delete(key);
      else facts.set(key, after);
    }
  }
  return [...facts.values()];
}

test('decoded and folded by the product, the records end in the facts of the final rows', async () => {
  for (const seed of seeds) {
    const drawn = drawKnobs(new Dice(seed).forked('source knobs'));
    const weights = { ...drawn.weights, truncate: 0, snapshot: 0, 'slot-lost': 0 };
    const played = playSeed(seed, { knobs: { ...drawn, weights, rowsBefore: false } });
    const facts = foldAll(await decoded(played.log));
    const expected = factsOf(played.source.postgres.rowsNow());
    expect(words(facts), `seed ${seed}`).toEqual(words(expected));
  }
}, 120_000);
