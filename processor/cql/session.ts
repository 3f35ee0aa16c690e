/**
 * The port between the stores and the CQL cluster: statements in, decoded rows out. cluster.ts has
 * it on the driver, test/simulation/cql/ on a simulated cluster; both keep session.contract.ts.
 * Nothing is repeated here: whoever asked knows when to. Failures are STORE errors.
 */
import type { Statement } from './statements.ts';

/** By column name, each value as the driver decodes it (values.ts makes cells of them). */
export type DecodedRow = Readonly<Record<string, unknown>>;

export type CqlSession = {
  /** Several statements to one CQL partition go as an unlogged batch, which is atomic there. */
  write(doing: string, statements: readonly Statement[]): Promise<void>;
  /** For few rows: all of them, or those of the first page. */
  read(doing: string, statement: Statement): Promise<readonly DecodedRow[]>;
  /** Page by page, however many there are. */
  pages(
    doing: string,
    statement: Statement,
    pageRowsMax: number,
  ): AsyncIterable<readonly DecodedRow[]>;
};

/**
 * For what is decided once, by one of many who may ask at once: conditional writes, which the nodes
 * agree on. Read models never need one, and a column that is written so is written no other way.
 */
export type DecidingSession = CqlSession & {
  /**
   * One conditional write: whether its condition held, and it took effect. After a retriable failure
   * nobody knows: read what is decided. It is never sent twice.
   */
  decide(doing: string, statement: Statement): Promise<boolean>;
  /** What has been decided, also by a write whose answer got lost. For few rows. */
  readDecided(doing: string, statement: Statement): Promise<readonly DecodedRow[]>;
};

/** For whoever makes tables. */
export type SchemaSession = CqlSession & {
  /** Executes one statement of DDL; false when not all nodes agree on the schema afterwards. */
  define(doing: string, ddl: string): Promise<boolean>;
};

/** For read models, whose tables are made and filled. */
export type ReadModelSession = SchemaSession & {
  /**
   * Each batch as `write` would, so many of them at a time at most. One is asked for when it can be sent: those
   * of a large call are not encoded long before. After a failure none begins any more; it is thrown once those
   * that began have ended.
   */
  writeEach(
    doing: string,
    batches: Iterable<readonly Statement[]>,
    inFlightMax: number,
  ): Promise<unknown>;
};
