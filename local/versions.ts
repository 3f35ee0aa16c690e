/**
 * The versions of everything that the local stack downloads, in one table: `make up` asks Maven for
 * these, and local/compose.yaml is held to the same lines by a test. Postgres comes from npm, so its
 * version stands in package.json.
 */

export const versions = {
  kafka: '4.3.1',
  /** 3.6.x loses rows that share an LSN after a restart: 3.7.0 or later. */
  debezium: '3.7.0.Final',
  /** The newest line of the converter that Maven has; it speaks to a 3.x registry. */
  converter: '2.6.13.Final',
  /** 3.3 wants Java 21. */
  registry: '3.0.9',
  /** Runs on Java 17 only. */
  cassandra: '5.0.9',
} as const;

/** Cassandra is the strictest of the servers; all of them run on the one JDK that it accepts. */
export const javaMajor = 17;
