/** `turnstream sequence`: the sequencer as a service. */
import { kafkaConnect } from '../../connectors/kafka-connect.ts';
import { watchConnector } from '../../connectors/watch.ts';
import type { Config } from '../config.ts';
import { openEventCodec } from '../event/codec.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { runSequencer } from '../sequencer/run.ts';
import type { SequencerSettings } from '../sequencer/settings.ts';
import { recordDecoder } from '../source/avro.ts';
import { httpRegistry } from '../source/registry.ts';
import { encodeSweep } from '../source/sweep.ts';
import { checkBeginning } from './check-beginning.ts';
import type { CommandContext, ExitCode } from './context.ts';
import { openStores, warnOfLoss } from './open-cql.ts';
import { openLogBySmallFetches } from './open-log.ts';
import { sequencerObserver } from './sequencer-observer.ts';
import { asService } from './service.ts';
import { systemClock } from './system-clock.ts';

export async function sequenceCommand(context: CommandContext): Promise<ExitCode> {
  const { config } = context;
  const settings = sequencerSettings(config);
  const role = {
    part: 'sequencer' as const,
    topic: settings.changesTopic,
    group: settings.group,
    retry: settings,
    beside: (metrics: Metrics, signal: AbortSignal) => watched(context, metrics, signal),
  };
  await asService(context, role, async ({ metrics, health, log: logger }) => {
    const log = openLogBySmallFetches(config.kafka, logger);
    const stores = await openStores(config);
    try {
      await warnOfLoss(stores, logger);
      const registry = httpRegistry({ url: config.registry.url });
      const codec = await openEventCodec(registry, settings.eventsTopic);
      const deps = {
        log,
        store: stores.state,
        decoder: recordDecoder({
          registry,
          topic: settings.changesTopic,
          note: (note) => logger.warn({ ...note }, 'a value could not be read and counts as null'),
        }),
        letters: stores.letters,
        encodeSweep,
        encode: codec.encode,
        clock: systemClock,
        random: Math.random,
        observer: sequencerObserver(metrics, health),
        logger,
      };
      await checkBeginning(log, stores, settings);
      await runSequencer(deps, settings, context.signal);
    } finally {
      await stores.close();
    }
  });
  return 0;
}

/** Looks after the connector, unless that is not wanted. */
async function watched(
  { config, log }: CommandContext,
  { source }: Metrics,
  signal: AbortSignal,
): Promise<void> {
  const { url, connectorName: name, watchIntervalMs, restartDelayMsMax } = config.connect;
  if (watchIntervalMs === 0) return;
  // Whoever looks again soon waits for nothing.
  const connect = kafkaConnect({ connector: { url, name, startTimeoutMs: 0 } }, systemClock);
  const restarts = source.connectorRestarts(name);
  const deps = {
    connect,
    clock: systemClock,
    random: Math.random,
    log,
    seen: (running: boolean | null) => source.connector(name, running),
    restarted: () => restarts.inc(),
  };
  await watchConnector(deps, { connector: name, watchIntervalMs, restartDelayMsMax }, signal);
}

function sequencerSettings({ kafka, sequencer }: Config): SequencerSettings {
  return {
    ...sequencer,
    changesTopic: kafka.changesTopic,
    eventsTopic: kafka.eventsTopic,
    deadLettersTopic: kafka.deadLettersTopic,
    group: kafka.sequencerGroup,
    eventsPartitions: kafka.eventsPartitions,
  };
}
