/**
 * The column types of a read model: what a projection function returns (TypeScript) and what the
 * table stores (CQL). `value` is a phantom: it carries the type and is never set.
 */

export type CqlType = 'text' | 'int' | 'bigint' | 'double' | 'boolean' | 'date' | 'timestamp';

export type Column<T = unknown> = {
  readonly cql: CqlType;
  readonly nullable: boolean;
  readonly value?: T;
};

export type Columns = Readonly<Record<string, Column>>;

export type RowOf<C extends Columns> = {
  readonly [Name in keyof C]: C[Name] extends Column<infer T> ? T : never;
};

/** A cell as a projection gives it; see RowOf for the exact type of each column. */
export type Cell = string | number | boolean | null;

const column = <T>(cql: CqlType): Column<T> => ({ cql, nullable: false });

export const text = column<string>('text');
/** 32 bits, signed. */
export const int = column<number>('int');
/** 64 bits in CQL; a safe integer here. */
export const bigint = column<number>('bigint');
export const double = column<number>('double');
export const boolean = column<boolean>('boolean');
/** A UTC day: whole days since 1970-01-01. */
export const date = column<number>('date');
/** An Instant; CQL keeps its whole milliseconds (the floor). */
export const timestamp = column<number>('timestamp');

/** The same column with null allowed. Key columns can't be nullable. */
export function nullable<T>(of: Column<T>): Column<T | null> {
  return { cql: of.cql, nullable: true };
}
