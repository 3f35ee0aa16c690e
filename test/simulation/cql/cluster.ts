/**
 * A CQL cluster of one or three replicas in a simulated history. It takes the statements that
 * processor/cql/ builds, through the port that its stores use (session.ts), and answers by CQL's own
 * rules (copy.ts). A write is one mutation for each CQL partition: it comes to each replica as a step
 * of its own, perhaps much later to one or never, and is acknowledged once a majority has it. Reads
 * ask two of three and repair what they read (repair.ts).
 */

import { forEachBounded } from '../../../processor/cql/limiter.ts';
import type { DecodedRow, ReadModelSession } from '../../../processor/cql/session.ts';
import type { Statement } from '../../../processor/cql/statements.ts';
import { TurnstreamError } from '../../../processor/error.ts';
import type { Dice } from '../dice.ts';
import type { Network } from '../network.ts';
import type { Process } from '../process.ts';
import type { Scheduler } from '../scheduler.ts';
import { emptyCopy } from './copy.ts';
import { Delivery, type WriteRequest } from './delivery.ts';
import { type SelectTree, type TableName, treeOf, type WriteTree } from './grammar.ts';
import { columnsDdl, describeColumns } from './information.ts';
import { rowAtMajority, wholeUpTo } from './majority.ts';
import { type PlainRow, type PlainStatics, plainRows, plainStatics } from './omniscience.ts';
import type { CqlHappening, CqlProbes } from './probes.ts';
import { type Cursor, type Page, readPage } from './reading.ts';
import { levelled } from './repair.ts';
import { bindSelect, planSelect, type SelectPlan } from './selection.ts';
import { definitionOf, keyName, type Partition, type Table, tokenOf } from './table.ts';
import { bindWrite, invalid, type PlainCells, planWrite, Write, type WritePlan } from './write.ts';

export type ClusterOptions = {
  readonly network: Network;
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly replicas: 1 | 3;
  /** How probably one of three replicas gets an acknowledged write much later, or never. */
  readonly laggards?: { readonly late: number; readonly never: number };
  readonly count?: (name: CqlHappening) => void;
  readonly probes?: CqlProbes;
};

/** As many as the driver asks for when it is not told. */
const readRowsMax = 5_000;
/** Cassandra's batch_size_fail_threshold, which is of batches over several CQL partitions alone. */
const batchBytesMax = 50 * 1024;
const defaultLaggards = { late: 0.1, never: 0.03 };

export class SimulatedCluster {
  readonly #options: ClusterOptions;
  readonly #count: (name: CqlHappening) => void;
  readonly #delivery: Delivery;
  readonly #keyspaces = new Set<string>(['system_schema']);
  readonly #tables = new Map<string, Table>();
  readonly #plans = new Map<WriteTree | SelectTree, WritePlan | SelectPlan>();
  #serverMicros = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#count = options.count ?? (() => undefined);
    this.#delivery = new Delivery({
      ...options,
      laggards: options.laggards ?? defaultLaggards,
      count: this.#count,
      probes: options.probes ?? {},
    });
    this.createTable(columnsDdl);
  }

  /** Or a keyspace. At once, on all replicas. */
  createTable(ddl: string): void {
    const definition = definitionOf(ddl);
    if (definition.kind === 'keyspace') {
      this.#keyspaces.add(definition.keyspace);
      return;
    }
    const { table } = definition;
    if (!this.#keyspaces.has(table.keyspace)) throw invalid(`no keyspace ${table.keyspace}`);
    const name = `${table.keyspace}.${table.table}`;
    if (this.#tables.has(name)) return;
    this.#tables.set(name, table);
    const columns = this.#table({ keyspace: 'system_schema', table: 'columns' });
    describeColumns(this.#partition(columns, [Buffer.from(table.keyspace)]), table);
  }

  session(process: Process): ReadModelSession {
    return {
      write: (doing, statements) => this.#write(process, doing, statements),
      writeEach: (doing, batches, inFlightMax) =>
        forEachBounded(batches, inFlightMax, (batch) => this.#write(process, doing, batch)),
      read: async (doing, statement) =>
        (await this.#page(process, doing, statement, null, readRowsMax)).rows,
      pages: (doing, statement, pageRowsMax) => this.#pages(process, doing, statement, pageRowsMax),
      define: (doing, ddl) =>
        this.#options.network.call(process, {
          label: 'define a table',
          timedOut: () => timedOut(doing),
          serve: () => {
            this.createTable(ddl);
            return true;
          },
        }),
    };
  }

  /** All that shows in the merge of all replicas; nobody's step. `name`: without the keyspace. */
  rows(name: string): readonly PlainRow[] {
    return plainRows(this.#named(name));
  }

  /** The static columns of all partitions that have any, with rows or without. */
  statics(name: string): readonly PlainStatics[] {
    return plainStatics(this.#named(name));
  }

  /** At once: every replica has all that any of them has of the table. */
  repairTable(name: string): void {
    for (const { copies } of this.#named(name).partitions.values()) levelled(copies);
  }

  /** The newest timestamp of a row that a majority has; -1 for none. */
  rowAtMajority(name: string, key: PlainCells): number {
    return rowAtMajority(this.#named(name), key);
  }

  /** Up to which value of its static column a CQL partition is whole on a majority. */
  wholeUpTo(name: string, key: PlainCells, column: string): number {
    return wholeUpTo(this.#named(name), key, column);
  }

  async #write(process: Process, doing: string, statements: readonly Statement[]): Promise<void> {
    if (statements.length === 0) return;
    const plans = statements.map(({ query }) => this.#planned(query));
    const [first] = plans;
    const label = first instanceof Error || first === undefined ? doing : writeLabel(first);
    const request: WriteRequest = { process, label, isGivenUp: false, isApplied: false };
    const { network } = this.#options;
    await network.request<void>(
      process,
      label,
      () => {
        request.isGivenUp = true;
        const { isApplied } = request;
        this.#count(`cql: a write timed out and was ${isApplied ? 'applied' : 'not applied'}`);
        return timedOut(doing);
      },
      (answer, fail, fate) => {
        const mutations = answered(fail, () => this.#mutations(process, statements, plans));
        if (mutations !== undefined) this.#delivery.deliver(request, mutations, fate, answer);
      },
    );
  }

  /** One for each CQL partition. */
  #mutations(
    process: Process,
    statements: readonly Statement[],
    plans: readonly (WritePlan | SelectPlan | Error)[],
  ): ReadonlyMap<Partition, readonly Write[]> {
    if (statements.length > 1) this.#count('cql: a batch of several statements');
    let time: number | null = null;
    const serverMicros = () => {
      time ??= this.#nextServerMicros();
      return time;
    };
    const mutations = new Map<Partition, Write[]>();
    for (const [at, { params }] of statements.entries()) {
      const plan = plans[at];
      if (plan === undefined || plan instanceof Error) throw plan ?? new Error('no plan');
      if (!('op' in plan)) throw new Error('a read was given as a write');
      const { partition: key, effect } = bindWrite(plan, params, serverMicros);
      const partition = this.#partition(plan.table, key);
      const write = new Write(plan, params, process.name, effect);
      const writes = mutations.get(partition);
      if (writes === undefined) mutations.set(partition, [write]);
      else writes.push(write);
    }
    if (mutations.size > 1 && sizeOf(statements) > batchBytesMax) throw invalid('Batch too large');
    return mutations;
  }

  async *#pages(
    process: Process,
    doing: string,
    statement: Statement,
    pageRowsMax: number,
  ): AsyncIterable<readonly DecodedRow[]> {
    let cursor: Cursor | null = null;
    do {
      const page: Page = await this.#page(process, doing, statement, cursor, pageRowsMax);
      cursor = page.next;
      if (page.rows.length > 0) yield page.rows;
      if (cursor !== null) this.#count('cql: a second page');
    } while (cursor !== null);
  }

  #page(
    process: Process,
    doing: string,
    { query, params }: Statement,
    cursor: Cursor | null,
    rowsMax: number,
  ): Promise<Page> {
    const plan = this.#planned(query);
    const label = plan instanceof Error || 'op' in plan ? doing : readLabel(plan);
    return this.#options.network.request<Page>(
      process,
      label,
      () => {
        this.#count('cql: a read timed out');
        return timedOut(doing);
      },
      (answer, fail) => {
        const page = answered(fail, () => {
          if (plan instanceof Error) throw plan;
          if ('op' in plan) throw new Error('a write was given as a read');
          const selection = bindSelect(plan, params);
          return readPage(selection, cursor, rowsMax, this.#asked(), this.#differed);
        });
        if (page !== undefined) answer(page);
      },
    );
  }

  readonly #differed = (): void => this.#count('cql: a read met replicas that differ');

  /** A majority of the replicas. */
  #asked(): readonly number[] {
    const { replicas, dice } = this.#options;
    if (replicas === 1) return [0];
    const left = dice.below(replicas);
    return [0, 1, 2].filter((replica) => replica !== left);
  }

  /** An error is what the statement will be answered with, or the end of the history. */
  #planned(query: string): WritePlan | SelectPlan | Error {
    try {
      const tree = treeOf(query);
      const known = this.#plans.get(tree);
      if (known !== undefined) return known;
      const table = this.#table(tree.of);
      const plan = tree.kind === 'select' ? planSelect(table, tree) : planWrite(table, tree);
      this.#plans.set(tree, plan);
      return plan;
    } catch (thrown) {
      return thrown instanceof Error ? thrown : new Error(String(thrown));
    }
  }

  #table({ keyspace, table }: TableName): Table {
    const found = this.#tables.get(`${keyspace}.${table}`);
    if (found === undefined) throw invalid(`table ${keyspace}.${table} does not exist`);
    return found;
  }

  #named(name: string): Table {
    const found = [...this.#tables.values()].filter(({ table }) => table === name);
    const [only] = found;
    if (only === undefined || found.length > 1) throw new Error(`${found.length} tables ${name}`);
    return only;
  }

  #partition(table: Table, key: readonly Buffer[]): Partition {
    const name = keyName(key);
    const known = table.partitions.get(name);
    if (known !== undefined) return known;
    const copies = Array.from({ length: this.#options.replicas }, () => emptyCopy(table));
    const partition: Partition = { table, name, key, token: tokenOf(name), copies, uneven: 0 };
    table.partitions.set(name, partition);
    table.byToken = null;
    return partition;
  }

  /** Rising, as a server's are. */
  #nextServerMicros(): number {
    const now = Math.floor(this.#options.scheduler.nowMs() * 1000);
    this.#serverMicros = Math.max(this.#serverMicros + 1, now);
    return this.#serverMicros;
  }
}

/** What the cluster refuses is its answer; anything else ends the history at once. */
function answered<T>(fail: (error: unknown) => void, serve: () => T): T | undefined {
  try {
    return serve();
  } catch (thrown) {
    if (!(thrown instanceof TurnstreamError)) throw thrown;
    fail(thrown);
    return undefined;
  }
}

function timedOut(doing: string): TurnstreamError {
  return new TurnstreamError(
    'STORE',
    `${doing} failed: no answer came in time; it is worth another try`,
    { retriable: true },
  );
}

function writeLabel({ table }: { readonly table: Table }): string {
  return table.table === 'checkpoints' ? 'checkpoint' : `write ${table.label}`;
}

function readLabel({ table, partition }: SelectPlan): string {
  return partition === null ? `scan ${table.label}` : `read ${table.label}`;
}

function sizeOf(statements: readonly Statement[]): number {
  let bytes = 0;
  for (const { params } of statements) {
    for (const param of params) bytes += param?.length ?? 0;
  }
  return bytes;
}
