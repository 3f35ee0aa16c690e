/** The cluster's own table of columns, by which the product looks up whether a table is there. */
import { apply } from './copy.ts';
import { type Column, keyName, type Partition, type Table } from './table.ts';

export const columnsDdl = `CREATE TABLE IF NOT EXISTS system_schema.columns (
  keyspace_name text, table_name text, column_name text, kind text, type text,
  PRIMARY KEY ((keyspace_name), table_name, column_name)
)`;

const kinds: Readonly<Record<Column['role'], string>> = {
  partition: 'partition_key',
  clustering: 'clustering',
  static: 'static',
  regular: 'regular',
};
const silent = { older: () => undefined, tie: () => undefined };

/** `partition`: of the columns table, that of the table's keyspace. */
export function describeColumns(partition: Partition, table: Table): void {
  const [kindAt, typeAt] = ['kind', 'type'].map((name) => columnAt(partition.table, name));
  for (const { name, role, type } of table.columns.values()) {
    const key = [table.table, name].map((text) => Buffer.from(text));
    const cell = (column: number | undefined, text: string) => {
      return { column: column ?? 0, cell: { value: Buffer.from(text), at: 0, expiresAtS: 0 } };
    };
    const cells = [cell(kindAt, kinds[role]), cell(typeAt, type)];
    const op = { kind: 'row', name: keyName(key), key, marks: true, cells, at: 0 } as const;
    for (const copy of partition.copies) apply(copy, op, silent);
  }
}

function columnAt(table: Table, name: string): number | undefined {
  return table.columns.get(name)?.at;
}
