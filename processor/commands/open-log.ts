/** The log on Kafka, from the settings. */
import type { Config } from '../config.ts';
import { createKafkaLog } from '../kafka/kafkajs-log.ts';
import { type KafkaOptions, kafkaDefaults } from '../kafka/kafkajs-options.ts';
import type { Log } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';

export function openLog(settings: Config['kafka'], logger: Logger): Log {
  return createKafkaLog(kafkaOptions(settings, logger));
}

/**
 * For whoever is behind for most of its time: of a fetch of many megabytes all records would be in memory at once, and
 * fetched bytes are counted as they travel, which Connect compresses (I10). A record above the limit comes
 * all the same, as soon as its partition is the first of a fetch: that of `changes` always is, and of several
 * partitions kafkajs deals the order anew each time.
 */
export function openLogBySmallFetches(settings: Config['kafka'], logger: Logger): Log {
  const bytesMax = Math.min(settings.fetchBytesMax, settings.partitionQueueBytesMax);
  return createKafkaLog({
    ...kafkaOptions(settings, logger),
    fetchBytesMax: bytesMax,
    partitionFetchBytesMax: bytesMax,
  });
}

/** For a question that somebody waits for: it gives up soon, and its own error says enough. */
export function openLogBriefly(settings: Config['kafka'], logger: Logger): Log {
  return createKafkaLog({
    ...kafkaOptions(settings, logger),
    logger: (level, message, details) => logger.debug({ ...details, level }, message),
    requestTimeoutMs: 10_000,
    retriesMax: 1,
  });
}

function kafkaOptions(settings: Config['kafka'], logger: Logger): KafkaOptions {
  const { saslMechanism: mechanism, saslUser: username, saslPassword: password } = settings;
  return {
    ...kafkaDefaults,
    brokers: settings.brokers,
    clientId: settings.clientId,
    // kafkajs repeats each of its complaints with every try.
    logger: (level, message, details) => logger[level]({ attempt: 1, ...details }, message),
    tls: settings.tls === 'enabled',
    sasl: mechanism === 'none' ? null : { mechanism, username, password },
    compression: settings.compression,
    fetchBytesMax: settings.fetchBytesMax,
    partitionFetchBytesMax: settings.fetchBytesMax,
    fetchWaitMsMax: settings.fetchWaitMsMax,
    partitionQueueBytesMax: settings.partitionQueueBytesMax,
    sessionTimeoutMs: settings.sessionTimeoutMs,
    fetchStalledMsMax: settings.fetchStalledMsMax,
    heartbeatIntervalMs: settings.heartbeatIntervalMs,
    rebalanceTimeoutMs: Math.max(kafkaDefaults.rebalanceTimeoutMs, settings.sessionTimeoutMs),
  };
}
