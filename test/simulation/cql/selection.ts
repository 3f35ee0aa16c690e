/**
 * Reads bound to their table, and what they find in one CQL partition. A partition is looked at as
 * one copy; where the replicas asked differ, that is their merge (repair.ts).
 */
import {
  type Cells,
  type Copy,
  isLive,
  partitionDeletedAt,
  type Row,
  rowDeletedAt,
  shows,
  within,
} from './copy.ts';
import type { Comparison, SelectTree } from './grammar.ts';
import { type Column, compareClustering, keyName, type Partition, type Table } from './table.ts';
import { typeRules } from './types.ts';
import {
  checkCount,
  columnOf,
  given,
  invalid,
  keyValue,
  type Params,
  prefixOf,
  unknown,
  wholeKey,
} from './write.ts';

type Bound = { readonly column: Column; readonly param: number };

export type SelectPlan = {
  readonly table: Table;
  readonly distinct: boolean;
  readonly columns: readonly Column[];
  /** Shown by the write time of their cells. */
  readonly writeTimes: readonly { readonly column: Column; readonly name: string }[];
  /** All that are looked at, and so repaired. */
  readonly asked: readonly Column[];
  readonly paramsCount: number;
  /** null: the whole table. */
  readonly partition: readonly Bound[] | null;
  readonly prefix: readonly Bound[];
  readonly bound: { readonly by: Comparison; readonly value: Bound } | null;
  readonly tuples: readonly (readonly Bound[])[] | null;
  readonly reversed: boolean;
  readonly limit: number | null;
};

/** A select with its parameters. */
export type Selection = {
  readonly plan: SelectPlan;
  readonly partition: readonly Buffer[] | null;
  readonly prefix: readonly Buffer[];
  readonly bound: { readonly by: Comparison; readonly value: Buffer } | null;
  /** Whole clustering keys, in clustering order; null for a slice. */
  readonly names: readonly (readonly Buffer[])[] | null;
  readonly limit: number;
};

/** What a look into one partition found. `row` null: only the partition's static columns. */
export type Found = {
  readonly rows: readonly (Row | null)[];
  /** All that was looked at, rows that do not show as well. */
  readonly covered: readonly Row[];
  /** It ended because there were enough. */
  readonly isFull: boolean;
};

export type DecodedCells = Record<string, unknown>;

export function planSelect(table: Table, tree: SelectTree): SelectPlan {
  const columns = tree.columns.map((name) => columnOf(table, name));
  const writeTimes = tree.writeTimes.map(({ column, name }) => {
    return { column: columnOf(table, column), name };
  });
  const asked = [...new Set([...columns, ...writeTimes.map(({ column }) => column)])];
  if (writeTimes.some(({ column: { role } }) => role === 'partition' || role === 'clustering')) {
    throw invalid('the write time of a key');
  }
  const equal: Bound[] = [];
  let bound: SelectPlan['bound'] = null;
  let tuples: SelectPlan['tuples'] = null;
  let param = 0;
  for (const relation of tree.where) {
    if (relation.kind === 'among') {
      const names = relation.columns.map((name) => columnOf(table, name));
      tuples = Array.from({ length: relation.tuples }, () => {
        const tuple = names.map((column) => ({ column, param: param++ }));
        return wholeKey(table.clustering, tuple);
      });
      continue;
    }
    const value = { column: columnOf(table, relation.column), param: param++ };
    if (relation.kind === 'equals') equal.push(value);
    else if (bound === null) bound = { by: relation.by, value };
    else throw unknown('two bounds in one read');
  }
  const of = (role: Column['role']) => equal.filter(({ column }) => column.role === role);
  const prefix = prefixOf(table.clustering, of('clustering'));
  const readable = equal.length === of('partition').length + prefix.length;
  const bounded = bound === null || bound.value.column === table.clustering[prefix.length];
  const narrowed = prefix.length > 0 || bound !== null || tuples !== null;
  if (!readable || !bounded || (tuples !== null && (prefix.length > 0 || bound !== null))) {
    throw unknown(`a read of ${table.table} by what is not its key`);
  }
  if (tree.where.length === 0 ? tree.order.length > 0 : tree.distinct && narrowed) {
    throw unknown(`such a read of ${table.table}`);
  }
  const ofRows = asked.some(({ role }) => role === 'clustering' || role === 'regular');
  if (tree.distinct && ofRows) throw invalid('DISTINCT is of partition keys and static columns');
  return {
    table,
    distinct: tree.distinct,
    columns,
    writeTimes,
    asked,
    paramsCount: param + Number(tree.hasLimit),
    partition: tree.where.length === 0 ? null : wholeKey(table.partition, of('partition')),
    prefix,
    bound,
    tuples,
    reversed: isReversed(table, tree),
    limit: tree.hasLimit ? param : null,
  };
}

/** The order must be the table's or its reverse. */
function isReversed({ clustering }: Table, { order }: SelectTree): boolean {
  const turned = order.map(({ column, descending }, at) => {
    const expected = clustering[at];
    if (expected?.name !== column) throw invalid(`an order by ${column} is not the table's`);
    return descending !== expected.descending;
  });
  if (turned.some((one) => one !== turned[0]))
    throw invalid('an order that is not the reverse of the table');
  return turned[0] ?? false;
}

export function bindSelect(plan: SelectPlan, params: Params): Selection {
  checkCount(plan, params);
  const values = (bounds: readonly Bound[]) => bounds.map((bound) => keyValue(bound, params));
  const prefix = values(plan.prefix);
  const isName = plan.prefix.length > 0 && plan.prefix.length === plan.table.clustering.length;
  const limit = plan.limit === null ? Infinity : given(params, plan.limit, 4).readInt32BE(0);
  if (limit <= 0) throw invalid(`a limit of ${limit}`);
  return {
    plan,
    partition: plan.partition === null ? null : values(plan.partition),
    prefix,
    bound:
      plan.bound === null ? null : { by: plan.bound.by, value: keyValue(plan.bound.value, params) },
    names: isName ? [prefix] : plan.tuples === null ? null : inOrder(plan, plan.tuples.map(values)),
    limit,
  };
}

/** Each once, as the rows come. */
function inOrder(
  { table, reversed }: SelectPlan,
  keys: readonly (readonly Buffer[])[],
): readonly (readonly Buffer[])[] {
  const distinct = [...new Map(keys.map((key) => [keyName(key), key])).values()];
  const sign = reversed ? -1 : 1;
  return distinct.sort((one, other) => sign * compareClustering(table, one, other));
}

/** From behind the key `after` on; at most so many rows. */
export function find(
  copy: Copy,
  selection: Selection,
  after: readonly Buffer[] | null,
  rowsMax: number,
): Found {
  const { plan, names } = selection;
  const rows: (Row | null)[] = [];
  const covered: Row[] = [];
  const enough = plan.distinct ? 1 : rowsMax;
  const sign = plan.reversed ? -1 : 1;
  const count = names === null ? copy.sorted.length : names.length;
  for (let at = 0; at < count; at += 1) {
    const row = candidate(copy, selection, at);
    if (row === undefined) continue;
    if (after !== null && sign * compareClustering(plan.table, row.key, after) <= 0) continue;
    covered.push(row);
    if (!shows(row, rowDeletedAt(copy, row))) continue;
    rows.push(row);
    if (rows.length >= enough) return { rows, covered, isFull: true };
  }
  const whole = selection.prefix.length === 0 && selection.bound === null;
  const alone = rows.length === 0 && after === null && whole && names === null;
  // Also where no static column is asked for.
  if (alone && hasStatics(copy)) rows.push(null);
  return { rows, covered, isFull: false };
}

/** The row at that place in the order of the read, unless it is not there or not asked for. */
function candidate(
  { rows, sorted }: Copy,
  { plan, names, prefix, bound }: Selection,
  at: number,
): Row | undefined {
  if (names !== null) return rows.get(keyName(names[at] as readonly Buffer[]));
  const row = sorted[plan.reversed ? sorted.length - 1 - at : at] as Row;
  for (let part = 0; part < prefix.length; part += 1) {
    if (!(prefix[part] as Buffer).equals(row.key[part] as Buffer)) return undefined;
  }
  if (bound === null) return row;
  const { type } = plan.table.clustering[prefix.length] as Column;
  const order = typeRules[type].compare(row.key[prefix.length] as Buffer, bound.value);
  return within(order, bound.by) ? row : undefined;
}

export function hasStatics(copy: Copy): boolean {
  const deletedAt = copy.statics.length === 0 ? 0 : partitionDeletedAt(copy);
  return copy.statics.some((cell) => isLive(cell, deletedAt));
}

/** As the driver decodes it. */
export function decoded(
  { columns, writeTimes }: SelectPlan,
  partition: Partition,
  copy: Copy,
  row: Row | null,
): DecodedCells {
  const cells: DecodedCells = {};
  const deletedAt = row === null ? 0 : rowDeletedAt(copy, row);
  for (const column of columns) {
    const value = valueIn(column, partition, copy, row, deletedAt);
    cells[column.name] = value === null ? null : typeRules[column.type].decode(value);
  }
  for (const { column, name } of writeTimes) {
    const isNull = valueIn(column, partition, copy, row, deletedAt) === null;
    const cell = column.role === 'static' ? copy.statics[column.at] : row?.cells[column.at];
    cells[name] = isNull || cell === undefined ? null : BigInt(cell.at);
  }
  return cells;
}

export function valueIn(
  { role, at }: Column,
  partition: Partition,
  copy: Copy,
  row: Row | null,
  deletedAt: number,
): Buffer | null {
  if (role === 'partition') return partition.key[at] ?? null;
  if (role === 'clustering') return row?.key[at] ?? null;
  if (role === 'static') return liveValue(copy.statics, at, partitionDeletedAt(copy));
  return row === null ? null : liveValue(row.cells, at, deletedAt);
}

function liveValue(cells: Cells, at: number, deletedAt: number): Buffer | null {
  const cell = cells[at];
  return cell !== undefined && cell.at > deletedAt ? cell.value : null;
}
