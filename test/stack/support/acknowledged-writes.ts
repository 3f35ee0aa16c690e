/**
 * Writes to the CQL server without end, several at a time, and remembers which were acknowledged: after a
 * crash all of those must be there (docs/decisions/0024).
 */
import { randomUUID } from 'node:crypto';
import { stackAddresses } from '../../../local/stack.ts';
import { connectCql, cqlDefaults, type DriverSession } from '../../../processor/cql/cluster.ts';
import { intValue } from '../../../processor/cql/values.ts';
import { until } from '../../support/wait.ts';

const { contactPoints, port, datacenter: localDataCenter } = stackAddresses().cql;
const lanes = 8;

export class AcknowledgedWrites {
  readonly #keyspace = `acknowledged_${randomUUID().replaceAll('-', '')}`;
  readonly #acknowledged: number[] = [];
  #session: DriverSession | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #next = 0;

  async start(): Promise<void> {
    const session = await connect();
    this.#session = session;
    const replication = `{'class': 'NetworkTopologyStrategy', '${localDataCenter}': 1}`;
    await session.define('', `CREATE KEYSPACE ${this.#keyspace} WITH replication = ${replication}`);
    await session.define('', `CREATE TABLE ${this.#table} (number int PRIMARY KEY)`);
    this.#writing = Promise.all(Array.from({ length: lanes }, () => this.#write(session)));
  }

  get #table(): string {
    return `${this.#keyspace}.written`;
  }

  /** Until the first write that fails. */
  async #write(session: DriverSession): Promise<void> {
    for (;;) {
      const number = this.#next++;
      const query = `INSERT INTO ${this.#table} (number) VALUES (?)`;
      const failed = await session.write('writing', [{ query, params: [intValue(number)] }]).then(
        () => false,
        () => true,
      );
      if (failed) return;
      this.#acknowledged.push(number);
    }
  }

  /** Resolves when so many are. */
  acknowledged(count: number): Promise<void> {
    return until(() => this.#acknowledged.length >= count);
  }

  /** Resolves when the server has gone away. */
  async ended(): Promise<void> {
    await this.#writing;
    await this.#session?.close();
  }

  /** The acknowledged ones that are not there. */
  async lost(): Promise<readonly number[]> {
    const session = await connect();
    try {
      const found = new Set<unknown>();
      const statement = { query: `SELECT number FROM ${this.#table}`, params: [] };
      for await (const page of session.pages('reading', statement, 1_000)) {
        for (const { number } of page) found.add(number);
      }
      await session.define('', `DROP KEYSPACE ${this.#keyspace}`);
      return this.#acknowledged.filter((number) => !found.has(number));
    } finally {
      await session.close();
    }
  }
}

function connect(): Promise<DriverSession> {
  return connectCql({ ...cqlDefaults, contactPoints, port, localDataCenter });
}
