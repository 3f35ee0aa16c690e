/**
 * A history in miniature for the tests of the checks: source rows, the real fold beside them, and a
 * worker of a few lines that is never wrong. What it does is told to all checks; a test does one thing
 * wrong in between.
 */
import type { Fact } from '../../../processor/conversation/fact.ts';
import { factsOf } from '../../../processor/conversation/final-facts.ts';
import { foldChange } from '../../../processor/conversation/fold.ts';
import {
  type FoldLimits,
  foldDefaults,
  segmentDefaults,
} from '../../../processor/conversation/limits.ts';
import { momentOf } from '../../../processor/conversation/moment.ts';
import { Workspace } from '../../../processor/conversation/workspace.ts';
import type { StoredTotalsRow } from '../../../processor/engine/read-out.ts';
import type { Checkpoint } from '../../../processor/engine/store.ts';
import type { LogEntry, Watermark } from '../../../processor/event/event.ts';
import {
  applyDeltas,
  foldAggregate,
  foldMap,
  type RowBuffer,
} from '../../../processor/projection/changes.ts';
import type { Projection } from '../../../processor/projection/projection.ts';
import { takePending } from '../../../processor/sequencer/flush.ts';
import { encodeLedger, firstLedger } from '../../../processor/sequencer/ledger.ts';
import { storedRow } from '../../../processor/sequencer/state-codec.ts';
import type { StateRow } from '../../../processor/sequencer/state-store.ts';
import type { Lsn } from '../../../processor/source/lsn.ts';
import { positionOf } from '../../../processor/source/position.ts';
import type { RowChange } from '../../../processor/source/row-change.ts';
import type { Violation } from '../violation.ts';
import type { CheckContext } from './check.ts';
import { CheckpointCheck } from './checkpoint-check.ts';
import { EventsCheck } from './events-check.ts';
import type { FinalState, SourceTables } from './final-check.ts';
import { type OffsetCommitted, SequencerCheck } from './sequencer-check.ts';
import { TokenCheck } from './token-check.ts';
import { type ModelWrite, WritesCheck } from './writes-check.ts';

type SourceRow = { readonly table: RowChange['table']; readonly row: object };

export class SmallWorld {
  readonly violations: Violation[] = [];
  readonly context: CheckContext;
  readonly events: EventsCheck;
  readonly writes: WritesCheck;
  readonly checkpoints: CheckpointCheck;
  readonly sequencer: SequencerCheck;
  readonly token: TokenCheck;
  readonly partitions = 2;
  /** By LSN and by position, what was committed at a heartbeat. */
  readonly promised = new Map<number, readonly Fact[]>();
  /** What has landed in the events topic, by partition. */
  readonly log: LogEntry[][] = [[], []];
  readonly projections: readonly Projection[];
  readonly source = new Map<string, SourceRow>();
  readonly state = new Map<string, { readonly container: string; readonly row: StateRow }>();
  readonly hints = new Map<string, FinalState['hints'][number]>();
  readonly rows = new Map<Projection, RowBuffer>();
  readonly totals = new Map<Projection, Map<string, StoredTotalsRow>>();
  offset = 0;
  readonly #workspace: Workspace;
  readonly #taken = new Map<string, Checkpoint>();
  #lsn = 0;
  #watermark: Watermark | null = null;

  constructor(projections: readonly Projection[], limits: Partial<FoldLimits> = {}) {
    this.projections = projections;
    this.context = { violate: (violation) => this.violations.push(violation), step: () => 7 };
    this.events = new EventsCheck(this.context, {
      partitions: this.partitions,
      hosted: projections.map((projection) => ({ projection, generation: 1 })),
      promised: (position) => this.promised.get(position) ?? null,
    });
    this.writes = new WritesCheck(this.context, this.events);
    this.checkpoints = new CheckpointCheck(this.context, this.events);
    this.sequencer = new SequencerCheck(this.context, this.events, 0);
    this.token = new TokenCheck(this.context, this.events, (lsn) => {
      return this.promised.get(lsn) ?? null;
    });
    this.#workspace = new Workspace({ ...foldDefaults, ...segmentDefaults, ...limits });
    this.sequencer.held('sequencer', 0);
  }

  /** One row becomes what is given, or goes. Events land and state is written at once. */
  change(table: RowChange['table'], key: RowChange['key'], values: object | null): void {
    this.fold(table, key, values);
    this.land();
    this.flush();
    this.commit();
  }

  fold(table: RowChange['table'], key: RowChange['key'], values: object | null): void {
    const id = `${table} ${JSON.stringify(key)}`;
    const operation = values === null ? 'delete' : this.source.has(id) ? 'update' : 'create';
    const row = values === null ? null : fullRow(table, key, values);
    if (row === null) this.source.delete(id);
    else this.source.set(id, { table, row });
    this.#lsn += 1;
    const change = { table, operation, key, formerKey: null, row } as unknown as RowChange;
    const rest = { origin: this.#origin(), isNew: true, isRead: false, sweep: null };
    const moments = [momentOf(0, this.offset, 0, rest), momentOf(0, this.offset, 1, rest)] as const;
    this.offset += 1;
    this.#run(foldChange(this.#workspace, change, moments));
    this.sequencer.took('sequencer', 1);
    this.sequencer.recordOutcome('sequencer', 'applied');
  }

  heartbeat(): Watermark {
    this.#lsn += 1;
    const position = positionOf(0, this.offset);
    const { lsn, committedAt, capturedAt } = this.#origin();
    const watermark: Watermark = { kind: 'watermark', position, lsn, committedAt, capturedAt };
    const facts = this.facts();
    this.promised.set(position, facts).set(lsn, facts);
    this.offset += 1;
    this.sequencer.took('sequencer', 1);
    this.sequencer.recordOutcome('sequencer', 'applied');
    for (let partition = 0; partition < this.partitions; partition += 1) {
      this.append(partition, watermark);
    }
    this.#watermark = watermark;
    this.commit();
    return watermark;
  }

  append(partition: number, entry: LogEntry): void {
    const log = this.log[partition] ?? [];
    log.push(entry);
    this.events.appended(partition, log.length - 1, entry);
  }

  /** What was folded lands in the events topic. */
  land(): void {
    for (const entry of this.#workspace.events) {
      if (entry.kind === 'event') this.append(this.events.partitionOf(entry.sessionUid), entry);
    }
    this.#workspace.events = [];
    for (const hint of this.#workspace.hintsToAdd) {
      this.hints.set(`${hint.role} ${hint.uid} ${hint.sessionUid}`, hint);
    }
    this.#workspace.hintsToAdd = [];
  }

  /** The state is written and durable. */
  flush(): void {
    const { containers, rounds } = takePending(this.#workspace);
    for (const { container, segments } of rounds.flat()) {
      const { name } = container;
      for (const { position, rows } of segments) {
        const stored = rows.map(({ ref, value }) => storedRow(ref, value));
        for (const row of stored) {
          const id = `${name} ${row.kind} ${row.uid} ${row.idx} ${row.other}`;
          this.state.set(id, { container: name, row });
        }
        if (stored.length > 0) this.sequencer.stateWritten(name, position, stored);
        this.sequencer.stateWritten(name, position);
        this.sequencer.stateDurable(name, position);
      }
    }
    for (const container of containers) container.written();
  }

  commit(changes: Partial<OffsetCommitted> = {}): void {
    const watermark = this.#watermark && {
      lsn: this.#watermark.lsn,
      committedAtMs: this.#watermark.committedAt,
    };
    const metadata = encodeLedger({ ...firstLedger, watermark });
    const commit = { offset: this.offset, metadata, generation: 1, by: 'sequencer', ...changes };
    this.sequencer.offsetCommitted(commit);
    for (const hint of this.#workspace.takeHintsToRemove()) {
      this.hints.delete(`${hint.role} ${hint.uid} ${hint.sessionUid}`);
    }
    this.#workspace.hintsRemoved();
  }

  /** Every projection takes the next records of the partition, and saves its checkpoint. */
  work(partition: number, recordsMax = 1000): void {
    for (const projection of this.projections) this.workOn(projection, partition, recordsMax);
  }

  workAll(): void {
    for (let partition = 0; partition < this.partitions; partition += 1) this.work(partition);
  }

  workOn(projection: Projection, partition: number, recordsMax = 1000): void {
    const { writes, checkpoint, letters } = this.plan(projection, partition, recordsMax);
    for (const write of writes) this.write(projection, write);
    for (const position of letters) this.checkpoints.deadLetter(projection.name, position);
    this.save(projection, partition, checkpoint);
  }

  write(projection: Projection, write: ModelWrite & { readonly text: string }): void {
    this.writes.written(write);
    const { text, shard, timestamp } = write;
    this.checkpoints.durable(projection.name, text, shard ?? null, timestamp ?? 0);
  }

  save(projection: Projection, partition: number, checkpoint: Checkpoint): void {
    this.#taken.set(`${projection.name} ${partition}`, checkpoint);
    this.checkpoints.exposed(projection.name, partition, checkpoint);
    this.checkpoints.saved(projection.name, partition, checkpoint);
  }

  /** What a batch of the next records comes to; the stored rows are changed as if it were written. */
  plan(projection: Projection, partition: number, recordsMax = 1000) {
    const from = this.#taken.get(`${projection.name} ${partition}`);
    const start: Checkpoint = from ?? { offset: 0, position: -1, watermark: null, deadLetters: 0 };
    const records = (this.log[partition] ?? []).slice(start.offset, start.offset + recordsMax);
    let { position, watermark } = start;
    const events: Extract<LogEntry, { kind: 'event' }>[] = [];
    for (const entry of records) {
      if (entry.position <= position) continue;
      position = entry.position;
      if (entry.kind === 'event') events.push(entry);
      else if (entry.kind === 'watermark') {
        watermark = { lsn: entry.lsn, committedAt: entry.committedAt };
      }
    }
    const { writes, failures } = this.#fold(projection, partition, events);
    const letters = failures.map(({ entryIndex }) => events[entryIndex]?.position ?? -1);
    const checkpoint: Checkpoint = {
      offset: start.offset + records.length,
      position,
      watermark,
      deadLetters: start.deadLetters + letters.length,
    };
    return { writes, letters, checkpoint };
  }

  #fold(
    projection: Projection,
    partition: number,
    events: readonly Extract<LogEntry, { kind: 'event' }>[],
  ) {
    const model = `${projection.name}_v${projection.version}_g1`;
    if (projection.kind === 'map') {
      const buffer: RowBuffer = new Map();
      const failures = foldMap(projection, events, buffer);
      const table = this.#rowsOf(projection);
      const writes = [...buffer].map(([text, write]) => {
        if ((table.get(text)?.position ?? -1) < write.position) table.set(text, write);
        const { op, key, position: timestamp } = write;
        return { model, op, key, text, timestamp, values: op === 'upsert' ? write.values : [] };
      });
      return { writes: writes as (ModelWrite & { readonly text: string })[], failures };
    }
    const { deltas, failures } = foldAggregate(projection, events);
    const table = this.#totalsOf(projection);
    const writes = [...deltas].flatMap(([text, delta]) => {
      const id = `${partition}/${text}`;
      const after = applyDeltas(table.get(id) ?? null, delta);
      if (after === null) return [];
      const { key } = delta;
      table.set(id, { key, shard: partition, ...after });
      const { totals: values, position: timestamp } = after;
      const write = { model, op: 'totals' as const, key, shard: partition, text };
      return [{ ...write, values, position: timestamp, timestamp }];
    });
    return { writes: writes as (ModelWrite & { readonly text: string })[], failures };
  }

  #rowsOf(projection: Projection): RowBuffer {
    const rows = this.rows.get(projection) ?? new Map();
    this.rows.set(projection, rows);
    return rows;
  }

  #totalsOf(projection: Projection): Map<string, StoredTotalsRow> {
    const totals = this.totals.get(projection) ?? new Map<string, StoredTotalsRow>();
    this.totals.set(projection, totals);
    return totals;
  }

  stored(projection: Projection) {
    if (projection.kind === 'aggregate') return [...this.#totalsOf(projection).values()];
    return [...this.#rowsOf(projection).values()].flatMap((row) =>
      row.op === 'upsert' ? [row] : [],
    );
  }

  tables(): SourceTables {
    const of = <T>(table: string) =>
      [...this.source.values()].filter((each) => each.table === table).map(({ row }) => row as T);
    return {
      sessions: of('sessions'),
      humanTurns: of('human_turns'),
      agentTurns: of('agent_turns'),
      steps: of('steps'),
    };
  }

  facts(): readonly Fact[] {
    const { sessions, humanTurns, agentTurns, steps } = this.tables();
    const inSession = (turns: SourceTables['humanTurns']) =>
      turns.flatMap((turn) =>
        turn.sessionUid === null ? [] : [{ ...turn, sessionUid: turn.sessionUid }],
      );
    const turns = { humanTurns: inSession(humanTurns), agentTurns: inSession(agentTurns) };
    return factsOf({ sessions, ...turns, steps });
  }

  end(changes: Partial<FinalState> = {}): FinalState {
    return {
      source: this.tables(),
      models: this.projections
        .filter(({ name }) => name !== 'fragile')
        .map((projection) => ({ projection, rows: this.stored(projection) })),
      state: [...this.state.values()],
      hints: [...this.hints.values()],
      ...changes,
    };
  }

  #origin() {
    const lsn = this.#lsn as Lsn;
    return { lsn, transactionId: 1, committedAt: 1000 + this.#lsn, capturedAt: 0 };
  }

  /** Containers are never forgotten here, so that nothing but them and barriers is asked for. */
  #run<T>(fold: ReturnType<typeof foldChange> | Generator<never, T>): void {
    let step = fold.next();
    while (!step.done) {
      const request = step.value;
      if (request.kind === 'container') this.#workspace.open(request.name, -1);
      else if (request.kind === 'hints') {
        this.#workspace.learnHints(request.role, request.uid, []);
      } else if (request.kind === 'flush') {
        this.land();
        this.flush();
      } else throw new Error(`the small world holds no ${request.kind}`);
      step = fold.next();
    }
  }
}

function fullRow(table: RowChange['table'], key: RowChange['key'], values: object): object {
  if (table === 'sessions') return { uid: key, accountUid: null, title: null, ...values };
  if (table === 'steps') {
    return { ...(key as object), tpe: 1, content: 'text', createdAt: 5, ...values };
  }
  const links = { sessionUid: 's1', parentUid: null, activeChild: null };
  return { uid: key, ...links, prompt: null, createdAt: 1, ...values };
}
