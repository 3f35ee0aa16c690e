/** Writes bound to their table: a statement's parameters become an operation on one CQL partition. */
import { TurnstreamError } from '../../../processor/error.ts';
import type { NewCells, Op, RangeDelete, StoredCell } from './copy.ts';
import type { Relation, WriteTree } from './grammar.ts';
import { type Column, keyName, type Table } from './table.ts';
import { int64, type PlainCell, typeRules } from './types.ts';

export type Params = readonly (Buffer | null)[];
export type PlainCells = Readonly<Record<string, PlainCell>>;

/** Where in the parameters everything is. */
export type WritePlan = {
  readonly table: Table;
  readonly op: 'insert' | 'update' | 'delete' | 'range';
  readonly paramsCount: number;
  readonly timestamp: number | null;
  readonly ttl: number | null;
  readonly partition: readonly Bound[];
  /** All of the key, or what a range delete names of it. */
  readonly clustering: readonly Bound[];
  readonly bound: { readonly by: '<' | '<=' | '>' | '>='; readonly value: Bound } | null;
  readonly cells: readonly Bound[];
};

type Bound = { readonly column: Column; readonly param: number };

/** One statement's effect; what probes are shown. */
export class Write {
  readonly table: string;
  readonly label: string;
  readonly op: WritePlan['op'];
  readonly timestamp: number;
  /** Whether the timestamp is the statement's own. */
  readonly hasPosition: boolean;
  /** The process. */
  readonly by: string;
  readonly effect: Op;
  readonly #plan: WritePlan;
  readonly #params: Params;

  constructor(plan: WritePlan, params: Params, by: string, effect: Op) {
    this.table = plan.table.table;
    this.label = plan.table.label;
    this.op = plan.op;
    this.timestamp = effect.at;
    this.hasPosition = plan.timestamp !== null;
    this.by = by;
    this.effect = effect;
    this.#plan = plan;
    this.#params = params;
  }

  /** A range delete's has only what its rows have in common. */
  get key(): PlainCells {
    return this.#plain([...this.#plan.partition, ...this.#plan.clustering]);
  }

  /** A range delete's is its bound. */
  get values(): PlainCells {
    const { bound, cells } = this.#plan;
    return this.#plain(bound === null ? cells : [bound.value]);
  }

  #plain(bounds: readonly Bound[]): PlainCells {
    const plain: Record<string, PlainCell> = {};
    for (const { column, param } of bounds) {
      const value = this.#params[param] ?? null;
      plain[column.name] = value === null ? null : typeRules[column.type].plain(value);
    }
    return plain;
  }
}

export function invalid(why: string): TurnstreamError {
  return new TurnstreamError('STORE', `${why}; it will not pass by itself`);
}

/** Not an answer of the cluster but the end of the history: the model is to be extended. */
export function unknown(what: string): Error {
  return new Error(`the simulated cluster does not know ${what}`);
}

export function planWrite(table: Table, tree: WriteTree): WritePlan {
  const columns = tree.columns.map((name) => columnOf(table, name));
  const extra = Number(tree.hasTimestamp) + Number(tree.hasTtl);
  if (tree.kind === 'insert') {
    const bounds = columns.map((column, param) => ({ column, param }));
    const of = (role: Column['role']) => bounds.filter(({ column }) => column.role === role);
    if (of('static').length > 0) throw unknown('an INSERT of a static column');
    return {
      table,
      op: 'insert',
      paramsCount: bounds.length + extra,
      timestamp: tree.hasTimestamp ? bounds.length : null,
      ttl: tree.hasTtl ? bounds.length + extra - 1 : null,
      partition: wholeKey(table.partition, of('partition')),
      clustering: wholeKey(table.clustering, of('clustering')),
      bound: null,
      cells: of('regular'),
    };
  }
  const { partition, clustering, bound } = keyPlan(table, tree.where, extra + columns.length);
  const isWhole = clustering.length === table.clustering.length && bound === null;
  const statics = columns.filter(({ role }) => role === 'static').length;
  if (tree.kind === 'update') {
    const isStatic = statics === columns.length && clustering.length === 0 && bound === null;
    if (!isStatic && !(isWhole && columns.every(({ role }) => role === 'regular'))) {
      throw unknown(
        `an UPDATE of ${table.table} that names neither one row nor static columns alone`,
      );
    }
  }
  return {
    table,
    op: tree.kind === 'update' ? 'update' : isWhole ? 'delete' : 'range',
    paramsCount: extra + columns.length + tree.where.length,
    timestamp: tree.hasTimestamp ? 0 : null,
    ttl: null,
    partition,
    clustering,
    bound,
    cells: columns.map((column, at) => ({ column, param: extra + at })),
  };
}

/** `first`: the place of the first parameter of the WHERE. */
function keyPlan(table: Table, where: readonly Relation[], first: number) {
  const equal: Bound[] = [];
  let bound: WritePlan['bound'] = null;
  for (const [at, relation] of where.entries()) {
    if (relation.kind === 'among') throw unknown('a write to a list of rows');
    const value = { column: columnOf(table, relation.column), param: first + at };
    if (relation.kind === 'equals') equal.push(value);
    else if (bound === null) bound = { by: relation.by, value };
    else throw unknown('two bounds in one write');
  }
  const of = (role: Column['role']) => equal.filter(({ column }) => column.role === role);
  const clustering = prefixOf(table.clustering, of('clustering'));
  if (equal.length !== of('partition').length + clustering.length) {
    throw invalid(`a write to ${table.table} by what is not its key`);
  }
  if (bound !== null && bound.value.column !== table.clustering[clustering.length]) {
    throw invalid(`a range of ${bound.value.column.name} without what comes before it`);
  }
  return { partition: wholeKey(table.partition, of('partition')), clustering, bound };
}

export function wholeKey<Item extends { readonly column: Column }>(
  columns: readonly Column[],
  items: readonly Item[],
): readonly Item[] {
  const prefix = prefixOf(columns, items);
  if (prefix.length !== columns.length) {
    const missing = columns[prefix.length]?.name ?? '';
    throw invalid(`the key column ${missing} is missing`);
  }
  return prefix;
}

/** In the columns' order; without a gap. */
export function prefixOf<Item extends { readonly column: Column }>(
  columns: readonly Column[],
  items: readonly Item[],
): readonly Item[] {
  const prefix: Item[] = [];
  for (const column of columns.slice(0, items.length)) {
    const item = items.find((one) => one.column === column);
    if (item === undefined) throw invalid(`the key column ${column.name} is missing`);
    prefix.push(item);
  }
  return prefix;
}

export function columnOf(table: Table, name: string): Column {
  const column = table.columns.get(name);
  if (column === undefined) throw invalid(`table ${table.table} has no column ${name}`);
  return column;
}

/** Its timestamp is the server's, in microseconds, where it brings none. */
export function bindWrite(
  plan: WritePlan,
  params: Params,
  serverMicros: () => number,
): { readonly partition: readonly Buffer[]; readonly effect: Op } {
  checkCount(plan, params);
  const at = plan.timestamp === null ? serverMicros() : int64(given(params, plan.timestamp, 8));
  const partition = plan.partition.map((bound) => keyValue(bound, params));
  return { partition, effect: effectOf(plan, params, at, serverMicros) };
}

function effectOf(plan: WritePlan, params: Params, at: number, serverMicros: () => number): Op {
  const key = plan.clustering.map((bound) => keyValue(bound, params));
  if (plan.op === 'range') {
    const bound =
      plan.bound === null ? null : { by: plan.bound.by, value: keyValue(plan.bound.value, params) };
    const range: RangeDelete = { prefix: key, bound, at };
    return { kind: 'deleteRange', range, at };
  }
  if (plan.op === 'delete') return { kind: 'deleteRow', name: keyName(key), key, at };
  const seconds = plan.ttl === null ? 0 : given(params, plan.ttl, 4).readInt32BE(0);
  const expiresAtS = seconds === 0 ? 0 : Math.floor(serverMicros() / 1_000_000) + seconds;
  const cells = plan.cells.map(({ column, param }) => {
    const value = givenValue(column, params[param]);
    // A tombstone does not expire.
    const cell: StoredCell = { value, at, expiresAtS: value === null ? 0 : expiresAtS };
    return { column: column.at, cell };
  }) satisfies NewCells;
  const isStatic = plan.cells.some(({ column }) => column.role === 'static');
  if (isStatic) return { kind: 'static', cells, at };
  return { kind: 'row', name: keyName(key), key, marks: plan.op === 'insert', cells, at };
}

export function checkCount({ paramsCount }: { paramsCount: number }, params: Params): void {
  if (params.length !== paramsCount) {
    throw invalid(`${params.length} parameters were given for ${paramsCount}`);
  }
}

export function keyValue({ column, param }: Bound, params: Params): Buffer {
  const value = givenValue(column, params[param]);
  if (value === null) throw invalid(`the key column ${column.name} is null`);
  return value;
}

export function givenValue(column: Column, value: Buffer | null | undefined): Buffer | null {
  if (value === null) return null;
  if (!Buffer.isBuffer(value)) {
    throw new Error(`the parameter for ${column.name} is not encoded: ${String(value)}`);
  }
  const { bytes } = typeRules[column.type];
  if (bytes !== null && value.length !== bytes) {
    throw invalid(`${value.length} bytes for ${column.name}, which is ${column.type}`);
  }
  return value;
}

export function given(params: Params, at: number, bytes: number): Buffer {
  const value = params[at];
  if (!Buffer.isBuffer(value) || value.length !== bytes) {
    throw invalid(`parameter ${at} is not a number of ${bytes} bytes`);
  }
  return value;
}
