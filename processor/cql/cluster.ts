/**
 * The connection to the CQL cluster, and the way every statement goes: prepared, at LOCAL_QUORUM,
 * bounded in number, never repeated here (whoever asked knows when to), with errors of the
 * project's family. A session is shared by all stores of a process, and so are its bounds (I10).
 *
 * What goes through `write` may take effect twice, late, and in any order: it carries its own
 * timestamp. So it is told to the driver as idempotent, and a node that hangs is passed by: the same
 * request goes to another one meanwhile (slow-nodes.ts). A conditional write goes through `decide`.
 */
import {
  auth,
  Client,
  type ClientOptions,
  policies,
  type QueryOptions,
  types,
} from 'cassandra-driver';
import { keepRefreshing, refreshingOf } from './control-connection.ts';
import { cqlConnectError, storeError } from './errors.ts';
import { createLimiter, forEachBounded, type Limiter } from './limiter.ts';
import type { DecidingSession, DecodedRow, ReadModelSession } from './session.ts';
import { SecondNodePolicy, SlowNodes, SlowNodesLast } from './slow-nodes.ts';
import type { Statement } from './statements.ts';
import type { CqlValue } from './values.ts';

export type CqlOptions = {
  /** `host` or `host:port`. */
  readonly contactPoints: readonly string[];
  /** Of nodes that a contact point tells about; null for the first contact point's, else 9042. */
  readonly port: number | null;
  readonly localDataCenter: string;
  readonly credentials: { readonly username: string; readonly password: string } | null;
  readonly tls: boolean;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** A request that a node has not answered for so long goes to a second one too; 0: never. */
  readonly secondNodeDelayMs: number;
  /** For so long such a node is asked last. */
  readonly slowNodeMs: number;
  /** The longest pause before a node that was lost is tried again; the driver's own is ten minutes. */
  readonly reconnectDelayMsMax: number;
  /** Writes under way at a time: batches, not rows. */
  readonly writesInFlightMax: number;
  readonly readsInFlightMax: number;
};

/** All but what only the caller knows. */
export const cqlDefaults = {
  port: null,
  credentials: null,
  tls: false,
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  // Longer than a node takes to say that replicas did not answer a write: it hangs itself.
  secondNodeDelayMs: 2_500,
  slowNodeMs: 10_000,
  reconnectDelayMsMax: 2_000,
  writesInFlightMax: 64,
  readsInFlightMax: 128,
} as const satisfies Partial<CqlOptions>;

/** The first pause before a node is tried again; each later one is twice as long. */
const reconnectDelayMsMin = 100;

const consistency = types.consistencies.localQuorum;
const writing = { prepare: true, consistency, isIdempotent: true } as const;
const writingBatch = { ...writing, logged: false } as const;
/** Agreed on within the local data centre: all processes that decide are to be in one. */
const serialConsistency = types.consistencies.localSerial;
const deciding = { prepare: true, consistency, serialConsistency, isIdempotent: false } as const;
const readingDecided = {
  prepare: true,
  consistency: serialConsistency,
  isIdempotent: true,
} as const;

export class DriverSession implements ReadModelSession, DecidingSession {
  readonly client: Client;
  private readonly writes: Limiter;
  private readonly reads: Limiter;

  constructor(client: Client, options: CqlOptions) {
    this.client = client;
    this.writes = createLimiter(options.writesInFlightMax);
    this.reads = createLimiter(options.readsInFlightMax);
  }

  write(doing: string, statements: readonly Statement[]): Promise<void> {
    return this.writes(() => this.send(doing, statements));
  }

  writeEach(
    doing: string,
    batches: Iterable<readonly Statement[]>,
    inFlightMax: number,
  ): Promise<unknown> {
    return forEachBounded(batches, inFlightMax, (batch) => this.send(doing, batch), this.writes);
  }

  decide(doing: string, { query, params }: Statement): Promise<boolean> {
    return this.writes(async () => {
      try {
        const { rows } = await this.client.execute(query, mutable(params), deciding);
        return rows[0]?.['[applied]'] === true;
      } catch (error) {
        throw storeError(doing, error);
      }
    });
  }

  read(doing: string, statement: Statement): Promise<readonly DecodedRow[]> {
    return this.readWith(doing, statement, writing);
  }

  readDecided(doing: string, statement: Statement): Promise<readonly DecodedRow[]> {
    return this.readWith(doing, statement, readingDecided);
  }

  private readWith(
    doing: string,
    { query, params }: Statement,
    options: QueryOptions,
  ): Promise<readonly DecodedRow[]> {
    return this.reads(async () => {
      try {
        const { rows } = await this.client.execute(query, mutable(params), options);
        return rows;
      } catch (error) {
        throw storeError(doing, error);
      }
    });
  }

  async *pages(
    doing: string,
    { query, params }: Statement,
    pageRowsMax: number,
  ): AsyncIterable<readonly DecodedRow[]> {
    let pageState: string | undefined;
    do {
      const { rows, next } = await this.reads(() =>
        this.page(doing, { query, params }, pageRowsMax, pageState),
      );
      pageState = next;
      if (rows.length > 0) yield rows;
    } while (pageState !== undefined);
  }

  async define(doing: string, ddl: string): Promise<boolean> {
    try {
      const { info } = await this.client.execute(ddl);
      // The driver's types leave it out.
      return (info as { readonly isSchemaInAgreement?: boolean }).isSchemaInAgreement === true;
    } catch (error) {
      throw storeError(doing, error);
    }
  }

  close(): Promise<void> {
    return this.client.shutdown();
  }

  private async send(doing: string, statements: readonly Statement[]): Promise<void> {
    const [only] = statements;
    try {
      if (only === undefined) return;
      if (statements.length === 1)
        await this.client.execute(only.query, mutable(only.params), writing);
      else await this.client.batch(statements as Statement[], writingBatch);
    } catch (error) {
      throw storeError(doing, error);
    }
  }

  private async page(
    doing: string,
    { query, params }: Statement,
    fetchSize: number,
    pageState: string | undefined,
  ): Promise<{ readonly rows: readonly DecodedRow[]; readonly next: string | undefined }> {
    const options = { ...writing, fetchSize, ...(pageState === undefined ? {} : { pageState }) };
    try {
      const result = await this.client.execute(query, mutable(params), options);
      return { rows: result.rows, next: result.pageState ?? undefined };
    } catch (error) {
      throw storeError(doing, error);
    }
  }
}

/** Connects, or rejects with a CONNECT error that says where it looked. */
export async function connectCql(options: CqlOptions): Promise<DriverSession> {
  const client = new Client(clientOptions(options));
  keepRefreshing(refreshingOf(client), options.reconnectDelayMsMax);
  try {
    await client.connect();
  } catch (error) {
    await client.shutdown();
    throw cqlConnectError(options.contactPoints, error);
  }
  return new DriverSession(client, options);
}

function clientOptions(options: CqlOptions): ClientOptions {
  const { credentials } = options;
  return {
    contactPoints: [...options.contactPoints],
    localDataCenter: options.localDataCenter,
    protocolOptions: { port: options.port ?? portOf(options.contactPoints) },
    socketOptions: {
      connectTimeout: options.connectTimeoutMs,
      readTimeout: options.requestTimeoutMs,
    },
    // A timestamp that was forgotten must be an error, not the server's time (I9).
    encoding: { useUndefinedAsUnset: false, useBigIntAsLong: true },
    policies: policiesOf(options),
    // By the one that executes it: a node that hangs would hold up each new statement otherwise.
    prepareOnAllHosts: false,
    ...(credentials === null
      ? {}
      : {
          authProvider: new auth.PlainTextAuthProvider(credentials.username, credentials.password),
        }),
    ...(options.tls ? { sslOptions: {} } : {}),
  };
}

function policiesOf(options: CqlOptions): NonNullable<ClientOptions['policies']> {
  const { localDataCenter, reconnectDelayMsMax, secondNodeDelayMs, slowNodeMs } = options;
  const slow = new SlowNodes(slowNodeMs, () => performance.now());
  return {
    retry: new policies.retry.FallthroughRetryPolicy(),
    reconnection: new policies.reconnection.ExponentialReconnectionPolicy(
      Math.min(reconnectDelayMsMin, reconnectDelayMsMax),
      reconnectDelayMsMax,
    ),
    loadBalancing: new SlowNodesLast(localDataCenter, slow),
    speculativeExecution:
      secondNodeDelayMs === 0
        ? new policies.speculativeExecution.NoSpeculativeExecutionPolicy()
        : new SecondNodePolicy(secondNodeDelayMs, slow),
  };
}

function portOf(contactPoints: readonly string[]): number {
  const port = /^[^:]+:(\d+)$/.exec(contactPoints[0] ?? '')?.[1];
  return port === undefined ? 9042 : Number(port);
}

/** The driver only reads them, though its types do not say so. */
function mutable(params: readonly CqlValue[]): CqlValue[] {
  return params as CqlValue[];
}
