/**
 * A whole Turnstream in memory for the laws of verification: transactions on source rows, a sequencer that is the
 * real fold, an event log, and workers; each may be behind the one before it at any time. Whoever waits,
 * or reads a page, lets a random few things happen meanwhile.
 */

import type { FinalStep, FinalTurn } from '../conversation/final-facts.ts';
import { foldChange } from '../conversation/fold.ts';
import { MemoryDriver } from '../conversation/memory-driver.ts';
import { momentOf } from '../conversation/moment.ts';
import { MemoryHolds } from '../engine/memory-holds.ts';
import { MemoryStore } from '../engine/memory-store.ts';
import type { LogEntry } from '../event/event.ts';
import { MemoryLog } from '../kafka/memory-log.ts';
import { partitionOf } from '../kafka/partition.ts';
import type { Projection } from '../projection/projection.ts';
import type { Lsn } from '../source/lsn.ts';
import { positionOf } from '../source/position.ts';
import type { RowChange } from '../source/row-change.ts';
import { MemoryReader } from './memory-fixture.ts';
import { MemoryWorker } from './memory-worker-fixture.ts';
import type { Part, SourceSession, SourceSnapshot, Target, VerifyProgress } from './ports.ts';
import { isInSample } from './postgres-snapshot.ts';
import type { VerifySettings } from './settings.ts';
import { verifyDefaults } from './settings.ts';
import { verify } from './verify.ts';

export const partitions = 2;
const topic = 'events';

type Row = Readonly<Record<string, unknown>>;
export type Write = {
  readonly table: RowChange['table'];
  readonly key: string | { readonly agentTurnUid: string; readonly idx: number };
  /** Null: it goes. */
  readonly row: Row | null;
};

type Transaction = { readonly xid: number; readonly writes: readonly (Write & { lsn: number })[] };
type Change = Write & { readonly lsn: number; readonly xid: number; readonly exists: boolean };

/** From 0 to below 1; a seed gives the same ones again. */
export type Random = () => number;

export function seeded(seed: number): Random {
  let state = (seed * 2_654_435_769) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const keyOf = ({ table, key }: Pick<Write, 'table' | 'key'>) => `${table} ${JSON.stringify(key)}`;

export class MemoryWorld {
  readonly log = new MemoryLog({ batchRecordsMax: 3 });
  readonly store = new MemoryStore();
  readonly targets: readonly Target[];
  readonly reader: MemoryReader;
  readonly told: VerifyProgress[] = [];
  readonly holds = new MemoryHolds({ nowMs: () => this.#nowMs });
  readonly worker: MemoryWorker;
  /** Moves that go on while verification waits; null: nothing but what is under way is finished. */
  writes: (() => Write) | null = null;
  /** Called before each snapshot of the source, with its number from 1 on, and once it is made. */
  beforeSnapshot: ((number: number) => Promise<void>) | null = null;
  afterSnapshot: (() => Promise<void>) | null = null;
  readonly #random: Random;
  readonly #driver = new MemoryDriver();
  readonly #rows = new Map<string, Write & { row: Row }>();
  readonly #committed = new Set<number>();
  #open: Transaction[] = [];
  readonly #changes: (Change | { readonly heartbeat: number })[] = [];
  #snapshots = 0;
  #sequenced = 0;
  #events = 0;
  readonly #entries: LogEntry[] = [];
  #lsn = 1_000;
  #xid = 2 ** 32 - 20;
  /** After any timestamp that a test gives by hand. */
  #nowMs = 1.9e12;

  constructor(projections: readonly Projection[], random: Random) {
    this.#random = random;
    this.targets = projections.map((projection) => ({
      projection,
      model: { shape: projection.shape, generation: 1 },
    }));
    this.reader = new MemoryReader(this.store, () => this.#happen(2));
    this.worker = new MemoryWorker({
      store: this.store,
      holds: this.holds,
      nowMs: () => this.#nowMs,
      random,
      read: (...place) => this.#read(...place),
    });
  }

  async open(): Promise<this> {
    const admin = await this.log.admin();
    await admin.ensureTopics([{ topic, partitions, replicationFactor: 1, config: {} }]);
    await this.store.ensure(this.targets.map(({ model }) => model));
    return this;
  }

  /** One transaction at once. */
  commit(...writes: readonly Write[]): void {
    this.#begin(writes);
    const last = this.#open.pop();
    if (last !== undefined) this.#end(last);
  }

  /** One that stays open until the answer is called: its rows have their LSNs already. */
  begin(...writes: readonly Write[]): () => void {
    this.#begin(writes);
    const last = this.#open.pop();
    return () => {
      if (last !== undefined) this.#end(last);
    };
  }

  /** Sequencer and workers finish what there is. */
  async settle(): Promise<void> {
    await this.worker.arrive();
    await this.worker.look(this.targets);
    for (const each of this.#open.splice(0)) this.#end(each);
    this.#beat();
    while (this.#sequenced < this.#changes.length) await this.#sequence();
    for (const target of this.targets) {
      for (let partition = 0; partition < partitions; partition += 1) {
        while (await this.worker.work(target, partition, 100));
      }
    }
  }

  verify(
    options: {
      readonly targets?: readonly Target[];
      readonly part?: Part;
      readonly repair?: boolean;
      readonly settings?: Partial<VerifySettings>;
    } = {},
  ) {
    const sees = (committed: ReadonlySet<number>) => (low: number) =>
      [...committed].some((xid) => xid % 2 ** 32 === low);
    const source = {
      open: async (): Promise<SourceSnapshot> => {
        await this.#happen(3);
        this.#snapshots += 1;
        await this.beforeSnapshot?.(this.#snapshots);
        const rows = [...this.#rows.values()];
        const sessions = (part: Part) =>
          sessionsOf(rows).filter(({ uid }) => isInSample(uid, part.sample));
        const each = async (
          some: readonly SourceSession[],
          take: (session: SourceSession) => Promise<void> | void,
        ) => {
          for (const session of some) {
            await this.#happen(1);
            await take(session);
          }
        };
        const snapshot: SourceSnapshot = {
          lsn: ++this.#lsn as Lsn,
          sees: sees(new Set(this.#committed)),
          sessionCount: async (part) => (part.sample === null ? sessionsOf(rows).length : null),
          sessions: (part, take) => each(sessions(part), take),
          sessionsOf: (uids, take) =>
            each(
              sessionsOf(rows).filter(({ uid }) => uids.includes(uid)),
              take,
            ),
          close: async () => undefined,
        };
        await this.#happen(3);
        await this.afterSnapshot?.();
        return snapshot;
      },
    };
    const decoder = {
      decode: (value: Buffer) => this.#entries[Number(value.toString())] as LogEntry,
      // Whoever reads the log may be behind what everybody else does.
      load: async () => {
        for (let turns = Math.floor(this.#random() * 3); turns > 0; turns -= 1) {
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
      },
    };
    return verify(
      {
        log: this.log,
        decoder,
        source,
        reader: this.reader,
        checkpoints: this.store,
        clock: {
          nowMs: () => this.#nowMs,
          delay: async (ms, signal) => this.#wait(ms, signal),
          yield: async () => undefined,
        },
        signal: new AbortController().signal,
        progress: (progress) => void this.told.push(progress),
        repair:
          options.repair === true
            ? { mender: this.reader, holds: this.holds, owner: `${this.#random()}` }
            : null,
      },
      { ...verifyDefaults, bucketBits: 6, partitions, ...options.settings },
      {
        targets: options.targets ?? this.targets,
        part: options.part ?? { sample: null, accountUid: null, sinceMs: null },
        eventsTopic: topic,
        group: `verify-${this.#random()}`,
      },
    );
  }

  /** Time passes while things happen; whoever waits to no avail is told so in the end. */
  async #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const until = this.#nowMs + ms;
    while (this.#nowMs < until && signal?.aborted !== true) {
      await this.#happen(3);
      await this.#progress();
      this.#nowMs += 10;
    }
  }

  async #happen(times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      const at = Math.floor(this.#random() * 10);
      if (at < 3 && this.writes !== null) this.#transact(this.writes);
      else if (at < 6) await this.#sequence();
      else if (at < 9) await this.#workSomewhere();
      else if (this.#random() < 0.3) this.#beat();
      // Whoever reads the log in promise jobs has its turn.
      for (let jobs = 0; jobs < 5; jobs += 1) await Promise.resolve();
    }
  }

  async #progress(): Promise<void> {
    if (this.#random() < 0.2) this.#beat();
    await this.#sequence();
    await this.#workSomewhere();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  #transact(next: () => Write): void {
    if (this.#open.length > 0 && this.#random() < 0.6) {
      const [ended] = this.#open.splice(Math.floor(this.#random() * this.#open.length), 1);
      if (ended !== undefined) this.#end(ended);
    } else if (this.#open.length < 3) {
      this.#begin(Array.from({ length: 1 + Math.floor(this.#random() * 3) }, next));
    }
  }

  /** Rows that another open transaction has written are locked: such a write is left out. */
  #begin(writes: readonly Write[]): void {
    const locked = new Set(this.#open.flatMap((each) => each.writes.map(keyOf)));
    const xid = ++this.#xid;
    const free = writes.filter((write) => !locked.has(keyOf(write)));
    this.#open.push({ xid, writes: free.map((write) => ({ ...write, lsn: ++this.#lsn })) });
  }

  #end({ xid, writes }: Transaction): void {
    for (const write of writes) {
      const exists = this.#rows.has(keyOf(write));
      if (write.row === null && !exists) continue;
      if (write.row === null) this.#rows.delete(keyOf(write));
      else this.#rows.set(keyOf(write), { ...write, row: write.row });
      this.#changes.push({ ...write, xid, exists });
    }
    this.#committed.add(xid);
    this.#lsn += 1;
  }

  #beat(): void {
    this.#changes.push({ heartbeat: ++this.#lsn });
  }

  async #sequence(): Promise<void> {
    const offset = this.#sequenced;
    const change = this.#changes[offset];
    if (change === undefined) return;
    this.#sequenced += 1;
    const times = { committedAt: 0, capturedAt: 0 };
    if ('heartbeat' in change) {
      const lsn = change.heartbeat as Lsn;
      for (let partition = 0; partition < partitions; partition += 1) {
        this.#append(partition, {
          kind: 'watermark',
          position: positionOf(0, offset),
          lsn,
          ...times,
        });
      }
      return;
    }
    const { table, key, row, lsn, xid, exists } = change;
    const operation = row === null ? 'delete' : exists ? 'update' : 'create';
    const origin = { lsn: lsn as Lsn, transactionId: xid % 2 ** 32, ...times };
    const rest = { origin, isNew: false, isRead: false, sweep: null };
    const moments = [momentOf(0, offset, 0, rest), momentOf(0, offset, 1, rest)] as const;
    const told = { table, operation, key, formerKey: null, row } as never as RowChange;
    this.#driver.run(foldChange(this.#driver.workspace, told, moments));
    this.#driver.commit();
    for (const event of this.#driver.events.slice(this.#events)) {
      this.#append(partitionOf(event.sessionUid, partitions), event);
    }
    this.#events = this.#driver.events.length;
  }

  #append(partition: number, entry: LogEntry): void {
    this.#entries.push(entry);
    const target = this.log.partitions(topic)[partition];
    const value = Buffer.from(String(this.#entries.length - 1));
    target?.records.push({
      offset: target.records.length,
      timestampMs: 0,
      key: null,
      value,
      headers: {},
    });
    target?.wake();
  }

  async #workSomewhere(): Promise<void> {
    if (this.#random() < 0.3) await this.worker.look(this.targets);
    if (this.#random() < 0.2) await this.worker.arrive();
    const target = this.targets[Math.floor(this.#random() * this.targets.length)];
    const partition = Math.floor(this.#random() * partitions);
    if (target !== undefined)
      await this.worker.work(target, partition, 1 + Math.floor(this.#random() * 4));
  }

  #read(partition: number, offset: number, records: number): readonly LogEntry[] {
    const batch = this.log.partitions(topic)[partition]?.records.slice(offset, offset + records);
    return (batch ?? []).map(({ value }) => this.#entries[Number(String(value))] as LogEntry);
  }
}

function sessionsOf(all: readonly (Write & { row: Row })[]): readonly SourceSession[] {
  const of = <T>(table: string) =>
    all.filter((each) => each.table === table).map(({ row }) => row as T);
  const sessions = of<{ uid: string; accountUid: string | null; title: string | null }>('sessions');
  const inSession = (turn: FinalTurn) => turn.sessionUid !== null;
  const humanTurns = of<FinalTurn>('human_turns').filter(inSession);
  const agentTurns = of<FinalTurn>('agent_turns').filter(inSession);
  const steps = of<FinalStep>('steps');
  const uids = new Set([
    ...sessions.map(({ uid }) => uid),
    ...[...humanTurns, ...agentTurns].map(({ sessionUid }) => sessionUid),
  ]);
  return [...uids].map((uid) => {
    const answers = agentTurns.filter((turn) => turn.sessionUid === uid);
    return {
      uid,
      rows: {
        sessions: sessions.filter((session) => session.uid === uid),
        humanTurns: humanTurns.filter((turn) => turn.sessionUid === uid),
        agentTurns: answers,
        steps: steps.filter((step) => answers.some((turn) => turn.uid === step.agentTurnUid)),
      },
    };
  });
}
