/**
 * The CQL that the product speaks, as trees: what processor/cql/ builds, and no more. Parameters are
 * told by their order in the text. A text is read once.
 */
import { Reader } from './reader.ts';

export type TableName = { readonly keyspace: string; readonly table: string };
export type Comparison = '<' | '<=' | '>' | '>=';

export type Relation =
  | { readonly kind: 'equals'; readonly column: string }
  | { readonly kind: 'compares'; readonly column: string; readonly by: Comparison }
  | { readonly kind: 'among'; readonly columns: readonly string[]; readonly tuples: number };

export type WriteTree = {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly of: TableName;
  /** Inserted or set; none for a delete. */
  readonly columns: readonly string[];
  readonly where: readonly Relation[];
  readonly hasTimestamp: boolean;
  readonly hasTtl: boolean;
};

export type SelectTree = {
  readonly kind: 'select';
  readonly of: TableName;
  readonly distinct: boolean;
  readonly columns: readonly string[];
  /** `WRITETIME("column") AS name`, after the columns. */
  readonly writeTimes: readonly { readonly column: string; readonly name: string }[];
  readonly where: readonly Relation[];
  readonly order: readonly { readonly column: string; readonly descending: boolean }[];
  readonly hasLimit: boolean;
};

export type Tree = WriteTree | SelectTree;

const read = new Map<string, Tree>();

export function treeOf(text: string): Tree {
  const known = read.get(text);
  if (known !== undefined) return known;
  const tree = parse(new Reader(text));
  read.set(text, tree);
  return tree;
}

function parse(reader: Reader): Tree {
  if (reader.has('INSERT', 'INTO')) return insert(reader);
  if (reader.has('UPDATE')) return update(reader);
  if (reader.has('DELETE', 'FROM')) return remove(reader);
  if (reader.has('SELECT')) return select(reader);
  return reader.refuse('INSERT, UPDATE, DELETE FROM or SELECT');
}

function insert(reader: Reader): Tree {
  const of = tableName(reader);
  const columns = reader.inBrackets(() => reader.name());
  reader.needs('VALUES');
  const values = reader.inBrackets(() => reader.sign('?'));
  if (values.length !== columns.length) reader.refuse(`${columns.length} values`);
  const hasTimestamp = reader.has('USING', 'TIMESTAMP');
  if (hasTimestamp) reader.sign('?');
  const hasTtl = reader.has(hasTimestamp ? 'AND' : 'USING', 'TTL');
  if (hasTtl) reader.sign('?');
  reader.end();
  return { kind: 'insert', of, columns, where: [], hasTimestamp, hasTtl };
}

function update(reader: Reader): Tree {
  const of = tableName(reader);
  const hasTimestamp = usesTimestamp(reader);
  reader.needs('SET');
  const columns = reader.list(() => {
    const column = reader.name();
    reader.sign('=');
    reader.sign('?');
    return column;
  });
  const found = where(reader);
  reader.end();
  return { kind: 'update', of, columns, where: found, hasTimestamp, hasTtl: false };
}

function remove(reader: Reader): Tree {
  const of = tableName(reader);
  const hasTimestamp = usesTimestamp(reader);
  const found = where(reader);
  reader.end();
  return { kind: 'delete', of, columns: [], where: found, hasTimestamp, hasTtl: false };
}

function select(reader: Reader): Tree {
  const distinct = reader.has('DISTINCT');
  const columns: string[] = [];
  const writeTimes: { readonly column: string; readonly name: string }[] = [];
  reader.list(() => {
    if (reader.has('WRITETIME')) writeTimes.push(writeTime(reader));
    else if (writeTimes.length === 0) columns.push(reader.name());
    else reader.refuse('WRITETIME');
  });
  reader.needs('FROM');
  const of = tableName(reader);
  const found = where(reader);
  const order = reader.has('ORDER', 'BY')
    ? reader.list(() => {
        const column = reader.name();
        const descending = reader.has('DESC');
        if (!descending) reader.has('ASC');
        return { column, descending };
      })
    : [];
  const hasLimit = reader.has('LIMIT');
  if (hasLimit) reader.sign('?');
  reader.end();
  return { kind: 'select', of, distinct, columns, writeTimes, where: found, order, hasLimit };
}

function writeTime(reader: Reader): { readonly column: string; readonly name: string } {
  reader.sign('(');
  const column = reader.name();
  reader.sign(')');
  reader.needs('AS');
  return { column, name: reader.name() };
}

function usesTimestamp(reader: Reader): boolean {
  const uses = reader.has('USING', 'TIMESTAMP');
  if (uses) reader.sign('?');
  return uses;
}

export function tableName(reader: Reader): TableName {
  const keyspace = reader.name();
  reader.sign('.');
  return { keyspace, table: reader.name() };
}

function where(reader: Reader): readonly Relation[] {
  if (!reader.has('WHERE')) return [];
  const relations = [relation(reader)];
  while (reader.has('AND')) relations.push(relation(reader));
  return relations;
}

function relation(reader: Reader): Relation {
  if (reader.hasSign('(')) {
    const columns = reader.list(() => reader.name());
    reader.sign(')');
    reader.needs('IN');
    const tuples = reader.inBrackets(() => {
      const marks = reader.inBrackets(() => reader.sign('?'));
      if (marks.length !== columns.length) reader.refuse(`${columns.length} values`);
    });
    return { kind: 'among', columns, tuples: tuples.length };
  }
  const column = reader.name();
  const by = (['<', '<=', '>', '>='] as const).find((sign) => reader.hasSign(sign));
  if (by === undefined) reader.sign('=');
  reader.sign('?');
  return by === undefined ? { kind: 'equals', column } : { kind: 'compares', column, by };
}
