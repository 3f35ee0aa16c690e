/**
 * What the servers show, handed to the checks: every record that lands, every write that takes
 * effect, every offset that is committed. Nothing here decides anything.
 */
import { factsOf } from '../../processor/conversation/final-facts.ts';
import { segmentTailRows } from '../../processor/conversation/limits.ts';
import { checkpointOf } from '../../processor/cql/control-statements.ts';
import { forEachBounded } from '../../processor/cql/limiter.ts';
import { controlTables, tableName } from '../../processor/cql/names.ts';
import type { ReadModelSession } from '../../processor/cql/session.ts';
import { stateRowOf } from '../../processor/cql/state-statements.ts';
import { positionColumn, shardColumn } from '../../processor/cql/statements.ts';
import type { ReadModel } from '../../processor/engine/store.ts';
import { type Hosted, readModelOf } from '../../processor/engine/worker-settings.ts';
import type { LogRecord } from '../../processor/kafka/log.ts';
import type { Cell } from '../../processor/projection/columns.ts';
import { keyTextOf } from '../../processor/projection/key-text.ts';
import type { Key } from '../../processor/projection/projection.ts';
import { retryHeader } from '../../processor/sequencer/dead-letter.ts';
import type { StateStore } from '../../processor/sequencer/state-store.ts';
import { ordinalsPerRecord } from '../../processor/source/position.ts';
import type { CheckContext } from './checks/check.ts';
import { CheckpointCheck } from './checks/checkpoint-check.ts';
import { EventsCheck } from './checks/events-check.ts';
import { LimitsCheck } from './checks/limits-check.ts';
import { SequencerCheck } from './checks/sequencer-check.ts';
import { TokenCheck } from './checks/token-check.ts';
import { WritesCheck } from './checks/writes-check.ts';
import type { SimulatedCluster } from './cql/cluster.ts';
import type { CqlProbes } from './cql/probes.ts';
import type { Write } from './cql/write.ts';
import { batchLimits, codec } from './inside.ts';
import type { KafkaProbes } from './kafka/ports.ts';
import { type Knobs, sequencerGroup, sequencerSettings, topics, workerSettings } from './knobs.ts';
import { sequencer } from './letters.ts';
import { changeDecoder } from './outside.ts';
import { lettersOf, mendableNames, mendables } from './projections.ts';
import type { SimulatedSource } from './source/source.ts';

export type WatchOptions = {
  readonly context: CheckContext;
  readonly knobs: Knobs;
  readonly hosted: readonly Hosted[];
  readonly source: () => SimulatedSource;
  readonly cluster: () => SimulatedCluster;
  readonly count: (name: string) => void;
};

export class Watch {
  readonly events: EventsCheck;
  readonly writes: WritesCheck;
  readonly checkpoints: CheckpointCheck;
  readonly sequencer: SequencerCheck;
  readonly limits: LimitsCheck;
  readonly token: TokenCheck;
  readonly #options: WatchOptions;
  readonly #models = new Map<string, ReadModel>();
  /** Batches sent, by what for. */
  readonly #stateBatches = new Map<string, number>();

  constructor(options: WatchOptions) {
    const { context, knobs, hosted, source } = options;
    this.#options = options;
    for (const each of hosted) this.#models.set(tableName(readModelOf(each)), readModelOf(each));
    this.events = new EventsCheck(context, {
      partitions: knobs.eventsPartitions,
      hosted,
      promised: (position) => {
        const offset = Math.floor((position - knobs.positionBase) / ordinalsPerRecord);
        // What nobody can decode yet is missing, whatever the watermark says.
        const rows = isPoisoned(knobs) ? null : source().promisedAt(offset);
        return rows === null ? null : factsOf(rows);
      },
    });
    this.writes = new WritesCheck(context, this.events);
    this.checkpoints = new CheckpointCheck(context, this.events, (name, key, shard) =>
      this.#rowAtMajority(name, key, shard),
    );
    this.sequencer = new SequencerCheck(context, this.events, knobs.positionBase, (container) =>
      options.cluster().wholeUpTo(controlTables.state, { container }, 'position'),
    );
    const judgedAtTheEnd = mendables.mended.filter(({ name }) => knobs.projections.includes(name));
    const projections = [...hosted.map(({ projection }) => projection), ...judgedAtTheEnd];
    this.limits = new LimitsCheck(context, this.events, {
      sequencer: sequencerSettings(knobs),
      worker: workerSettings(knobs, '', projections),
      cql: batchLimits(knobs),
      segmentTailRows,
    });
    this.token = new TokenCheck(context, this.events, (lsn) =>
      factsOf(source().postgres.rowsAt(lsn)),
    );
  }

  readonly kafka: KafkaProbes = {
    appended: (topic, partition, record, by) => {
      if (topic === topics.events) this.#eventAppended(partition, record);
      else if (topic === topics.deadLetters) this.#deadLettered(record);
      else if (by === null) this.#changeAppended(record);
    },
    committed: (group, _topic, _partition, { offset, metadata }, { by, generation, isLate }) => {
      if (group !== sequencerGroup) return;
      this.sequencer.offsetCommitted({
        offset,
        metadata,
        generation,
        by: by.name,
        late: isLate,
      });
    },
  };

  readonly cql: CqlProbes = {
    applied: (write) => this.#applied(write),
    durable: (write) => this.#durable(write),
    tie: ({ table, key, by, ...tie }) => {
      if (isHarmless(table, tie)) {
        this.#options.count(`harmless tie: ${table}`);
        return;
      }
      const what = `${by} writes to ${table} ${JSON.stringify(key)} at a timestamp that is there already, with another value`;
      this.#breach('I6', `${what}: ${JSON.stringify(tie)}`);
    },
    serverTime: (write) => {
      this.#breach(
        'I9',
        `${write.by} writes to ${write.table} with the server's time, no position`,
      );
    },
  };

  /** The session, with what goes through it looked at. */
  session(inner: ReadModelSession): ReadModelSession {
    const write: ReadModelSession['write'] = (doing, statements) => {
      const table = doing.replace(/^writing (to )?/, '');
      const [first] = statements;
      this.limits.cqlBatch({
        table,
        statements: statements.map(({ params }) => params),
        isSegment: statements.some(({ query }) => query.startsWith('UPDATE')),
      });
      if (first?.query.includes(`"${controlTables.state}"`)) {
        this.#stateBatches.set(doing, (this.#stateBatches.get(doing) ?? 0) + 1);
      }
      return inner.write(doing, statements);
    };
    return {
      ...inner,
      write,
      writeEach: (doing, batches, inFlightMax) =>
        forEachBounded(batches, inFlightMax, (batch) => write(doing, batch)),
    };
  }

  /** The sequencer's store, to see how many batches a write of a container takes. */
  stateStore(store: StateStore): StateStore {
    const sent = (container: string) =>
      this.#stateBatches.get(`writing the state of ${container}`) ?? 0;
    const write: StateStore['write'] = async (container, segments) => {
      const before = sent(container);
      await store.write(container, segments);
      const batches = sent(container) - before;
      if (batches > 1) this.#options.count('state: a flush of a container over several batches');
      if (batches > segments.length) this.#options.count('state: a segment over several batches');
    };
    return new Proxy(store, {
      get: (target, name) => {
        if (name === 'write') return write;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #eventAppended(partition: number, { offset, value }: LogRecord): void {
    if (value === null) {
      this.events.undecodable(partition, offset);
      return;
    }
    const entry = codec.decode(value);
    const isNews = entry.position > this.events.lastPosition(partition);
    this.events.appended(partition, offset, entry);
    if (entry.kind === 'event' && isNews) this.#checkNews(entry.position, entry.type);
  }

  /** What was delivered before is told already: it causes no event (I2). */
  #checkNews(position: number, type: string): void {
    const { knobs, source } = this.#options;
    const offset = Math.floor((position - knobs.positionBase) / ordinalsPerRecord);
    if (isPoisoned(knobs) || !source().isAgain(offset)) return;
    const what = `${source().wordsAt(offset)} was delivered again, and caused ${type} at ${position}`;
    this.#breach('I2', what);
  }

  #deadLettered({ headers }: LogRecord): void {
    const { projection, offset, position } = headers;
    if (projection === 'sequencer') this.sequencer.deadLettered(Number(offset));
    else if (projection !== undefined && position !== undefined) {
      this.checkpoints.deadLetter(projection, Number(position));
    }
  }

  #changeAppended(record: LogRecord): void {
    // What repeats a letter is noted with that one.
    if (record.headers[retryHeader] !== undefined) return;
    if (record.value === null || isDecodable(record)) return;
    this.sequencer.undecodable(record.offset);
  }

  #applied(write: Write): void {
    const model = this.#models.get(write.table);
    if (model !== undefined) this.writes.written(modelWrite(model, write));
    else if (write.table === controlTables.state) this.#stateWritten(write);
    else if (write.table === controlTables.deadLetters) this.#countLetter(write);
    else if (write.table === controlTables.checkpoints) {
      const { key, values } = write;
      if (mendableNames.includes(String(key['projection']))) return;
      const name = `${key['projection']}_v${key['version']}_g${key['generation']}`;
      this.checkpoints.saved(name, Number(key['partition']), checkpointOf(values));
    }
  }

  #countLetter({ key, values }: Write): void {
    const who = key['projection'] === sequencer ? 'the sequencer' : 'a worker';
    for (const [column, what] of Object.entries(fates)) {
      if (column in values) this.#options.count(`letters: ${who} ${what}`);
    }
  }

  #stateWritten({ op, key, values, timestamp }: Write): void {
    const container = String(key['container']);
    if (op !== 'insert') {
      this.sequencer.stateWritten(container, timestamp);
      return;
    }
    const { row, text } = stateRowOf({ ...key, ...values });
    const stored = { ...row, text: text.chunks > 0 ? undefined : row.text };
    this.sequencer.stateWritten(container, timestamp, [stored]);
  }

  #durable(write: Write): void {
    const model = this.#models.get(write.table);
    if (model !== undefined) {
      const { key, shard } = keyOf(model, write.key);
      this.checkpoints.durable(write.table, keyTextOf(key), shard, write.timestamp);
    } else if (write.table === controlTables.state && write.op === 'update') {
      this.sequencer.stateDurable(String(write.key['container']), Number(write.values['position']));
    }
  }

  #rowAtMajority(name: string, key: Key, shard: number | null): number {
    for (const [table, { shape }] of this.#models) {
      if (table !== name && shape.projection !== name) continue;
      const columns = [...shape.partition, ...shape.clustering];
      const cells = columns.map(({ cqlName }, at) => [cqlName, key[at] ?? null] as const);
      const plain = Object.fromEntries(shard === null ? cells : [...cells, [shardColumn, shard]]);
      return this.#options.cluster().rowAtMajority(table, plain);
    }
    return -1;
  }

  #breach(invariant: string, what: string): void {
    const { violate, step } = this.#options.context;
    violate({ invariant, at: step(), what });
  }
}

const fates = {
  error: 'set one aside',
  tried_at: 'could not take one yet',
  retried_at: 'took one',
  discarded_at: 'discarded one',
} as const;

function isPoisoned(knobs: Knobs): boolean {
  return lettersOf(knobs).poison > 0;
}

/**
 * Two values at one timestamp that may differ, since the larger wins and is right: a checkpoint that
 * read further without meeting a new position; a text that one owner knew to be written and another
 * wrote again, under a higher position; when a dead letter was set aside, by whom it was first or again; the tails of batches that two owners cut differently, of which
 * each leaves out only what its owner knew to be acknowledged.
 */
function isHarmless(table: string, tie: object): boolean {
  const column = 'column' in tie ? String(tie.column) : '';
  if (table === controlTables.deadLetters) return column === 'at';
  if (table === controlTables.checkpoints) return ['offset', 'dead_letters'].includes(column);
  return table === controlTables.state && ['text_position', 'tail'].includes(column);
}

function modelWrite(model: ReadModel, write: Write) {
  const { key, shard } = keyOf(model, write.key);
  const timestamp = write.hasPosition ? write.timestamp : null;
  const op =
    write.op !== 'insert' ? 'delete' : model.shape.kind === 'aggregate' ? 'totals' : 'upsert';
  const cells = write.values;
  const values =
    write.op === 'insert' ? model.shape.values.map(({ cqlName }) => cells[cqlName] as Cell) : [];
  return {
    model: write.table,
    op,
    key,
    values,
    timestamp,
    ...(shard === null ? {} : { shard }),
    ...(positionColumn in cells ? { position: Number(cells[positionColumn]) } : {}),
  } as const;
}

function keyOf({ shape }: ReadModel, cells: Write['key']): { key: Key; shard: number | null } {
  const key = [...shape.partition, ...shape.clustering].map(
    ({ cqlName }) => cells[cqlName] as string | number,
  );
  return { key, shard: shape.kind === 'aggregate' ? Number(cells[shardColumn]) : null };
}

function isDecodable(record: LogRecord): boolean {
  try {
    changeDecoder.decode(record);
    return true;
  } catch {
    return false;
  }
}
