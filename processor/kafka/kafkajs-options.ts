/**
 * How the Kafka form of the log is set up: addresses, credentials and limits, each with its unit,
 * and what kafkajs makes of them. Its own defaults are never relied on.
 */
import {
  CompressionTypes,
  Kafka,
  type KafkaConfig,
  type LogEntry,
  logLevel,
  type RetryOptions,
  type SASLOptions,
} from 'kafkajs';
import { Sockets } from './sockets.ts';

export type KafkaLogLevel = 'error' | 'warn' | 'info';
export type KafkaLogger = (level: KafkaLogLevel, message: string, details: object) => void;

export type KafkaSasl = {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
};

export type KafkaOptions = {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly logger: KafkaLogger;
  readonly tls: boolean;
  readonly sasl: KafkaSasl | null;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Failures that one consumer, append or request survives before it is given up. */
  readonly retriesMax: number;
  readonly retryDelayMsMin: number;
  readonly retryDelayMsMax: number;
  /** What an `append` sends at a time: also the largest record batch, so below max.message.bytes. */
  readonly requestBytesMax: number;
  readonly compression: 'none' | 'gzip' | 'lz4';
  /** What one fetch brings from one broker. A single larger record still comes. */
  readonly fetchBytesMax: number;
  /** Not below the largest record: a broker gives a larger one for one partition at a time only. */
  readonly partitionFetchBytesMax: number;
  /** How long a broker may hold a fetch that finds nothing. It answers at once when something comes. */
  readonly fetchWaitMsMax: number;
  /** Fetched records of one partition that wait for the handler; beyond, fetching it pauses. */
  readonly partitionQueueBytesMax: number;
  /** Most records that one `batch` call hands over. */
  readonly batchRecordsMax: number;
  /** A member that is silent for so long is dropped by the broker. */
  readonly sessionTimeoutMs: number;
  /** Also how long a member may take to see that the group rebalances. */
  readonly heartbeatIntervalMs: number;
  /** How long the broker waits for members to join again. */
  readonly rebalanceTimeoutMs: number;
  /** How long `stop` waits for an orderly leaving; without a broker there is none. */
  readonly leaveMsMax: number;
  /** A consumer that fetches nothing for so long, though there is something, ends as STALLED. */
  readonly fetchStalledMsMax: number;
};

const mebibyte = 1024 * 1024;

/** All but what only the caller knows. */
export const kafkaDefaults = {
  tls: false,
  sasl: null,
  connectTimeoutMs: 3_000,
  requestTimeoutMs: 30_000,
  retriesMax: 10,
  retryDelayMsMin: 100,
  retryDelayMsMax: 5_000,
  requestBytesMax: 900_000,
  compression: 'none',
  fetchBytesMax: 33 * mebibyte,
  partitionFetchBytesMax: 33 * mebibyte,
  fetchWaitMsMax: 50,
  partitionQueueBytesMax: 4 * mebibyte,
  batchRecordsMax: 10_000,
  sessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 1_000,
  rebalanceTimeoutMs: 10_000,
  leaveMsMax: 10_000,
  fetchStalledMsMax: 30_000,
} as const satisfies Partial<KafkaOptions>;

/**
 * A client of its own for every producer, consumer and administration: consumers of one client
 * share a table of committed offsets, which members of one group must not.
 */
export function createClient(options: KafkaOptions, sockets: Sockets = new Sockets()): Kafka {
  const config: KafkaConfig = {
    brokers: [...options.brokers],
    clientId: options.clientId,
    ssl: options.tls,
    socketFactory: sockets.create,
    connectionTimeout: options.connectTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    retry: retryOf(options),
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => report(options.logger, entry),
  };
  if (options.sasl !== null) config.sasl = { ...options.sasl } as SASLOptions;
  return new Kafka(config);
}

/** Bounded, and without kafkajs' restarts for ever, which look like health. */
export function retryOf(options: KafkaOptions): RetryOptions {
  return {
    retries: options.retriesMax,
    initialRetryTime: options.retryDelayMsMin,
    maxRetryTime: options.retryDelayMsMax,
    factor: 0.2,
    multiplier: 2,
    restartOnFailure: async () => false,
  };
}

export function compressionOf({ compression }: KafkaOptions): CompressionTypes {
  if (compression === 'lz4') return CompressionTypes.LZ4;
  return compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None;
}

/** Rebalances are the ordinary course of a group, though kafkajs calls them errors. */
function report(logger: KafkaLogger, entry: LogEntry): void {
  const { message, timestamp: _timestamp, logger: _logger, ...details } = entry.log;
  const text = `${message} ${String(details['error'] ?? '')}`;
  const ordinary = /rebalanc|re-joining|not aware of this member/i.test(text);
  const level = ordinary ? 'info' : entry.level === logLevel.ERROR ? 'error' : 'warn';
  logger(level, `Kafka client: ${message}`, details);
}
