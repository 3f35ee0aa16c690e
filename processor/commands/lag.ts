/** `turnstream lag`: how far each read model is behind Postgres, once or again and again. */
import type { Config } from '../config.ts';
import type { LogAdmin } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';
import { PrimaryProbe } from '../metrics/primary.ts';
import type { Projection } from '../projection/projection.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { type LagPorts, lagInputs } from './lag-inputs.ts';
import { lagReport, lagText } from './lag-report.ts';
import { liveBuilds, modelOf } from './live-builds.ts';
import { type OpenStores, openStores } from './open-cql.ts';
import { openLogBriefly } from './open-log.ts';
import { reopening } from './reopening.ts';
import { systemClock } from './system-clock.ts';

const watchSecondsDefault = 2;
const clearScreen = '\u001b[H\u001b[2J';

export async function lagCommand(
  context: CommandContext,
  { projections, options }: CommandArguments,
): Promise<ExitCode> {
  const { config, signal } = context;
  const ports = openPorts(config, projections, context.log);
  const names = projections.map(({ name }) => name);
  try {
    if (options.watch === undefined) return await printLag(context, ports, names, '');
    const seconds = options.watch === true ? watchSecondsDefault : options.watch;
    const between = context.interactive && !context.json ? clearScreen : '';
    while (!signal.aborted) {
      await printLag(context, ports, names, between);
      await systemClock.delay(seconds * 1000, signal);
    }
    return 0;
  } finally {
    await ports.close();
  }
}

/** JSON is one line a report, for `--watch` into another program. */
async function printLag(
  context: CommandContext,
  ports: LagPorts,
  names: readonly string[],
  before: string,
): Promise<ExitCode> {
  const report = lagReport(await lagInputs(ports, context.config.kafka, names));
  context.print(before + (context.json ? JSON.stringify(report) : lagText(report)));
  return report.problems.length === 0 ? 0 : 1;
}

type OpenLagPorts = LagPorts & { close(): Promise<void> };

function openPorts(config: Config, projections: readonly Projection[], log: Logger): OpenLagPorts {
  const probe = new PrimaryProbe(config.postgres, config.connect.slotName);
  const admin = reopening<LogAdmin>(() => openLogBriefly(config.kafka, log).admin());
  const stores = reopening<OpenStores>(() => openStores(config));
  return {
    nowMs: systemClock.nowMs,
    admin: admin.get,
    readModels: async () => {
      const { checkpoints, generations } = await stores.get();
      const builds = await liveBuilds(generations, projections);
      return { checkpoints, models: builds.map(modelOf) };
    },
    primary: () => probe.report(),
    close: async () => {
      await Promise.all([admin.close(), stores.close(), probe.close()]);
    },
  };
}
