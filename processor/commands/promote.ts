/** `turnstream promote`: switches the readers of a projection to another build of it. */
import { generationName } from '../engine/generations.ts';
import { TurnstreamError } from '../error.ts';
import { formatLsn } from '../source/lsn.ts';
import { bringingUpToDate } from './bring-up-to-date.ts';
import type { CommandArguments, CommandContext, CommandOptions, ExitCode } from './context.ts';
import { openStores } from './open-cql.ts';
import { type Promotion, promote, type Wanted } from './promotion.ts';
import { selectProjections } from './select-projections.ts';
import { systemClock } from './system-clock.ts';

export async function promoteCommand(
  context: CommandContext,
  { names, options }: CommandArguments,
): Promise<ExitCode> {
  const { config, json, print } = context;
  const [projection] = selectProjections(names);
  if (names.length !== 1 || projection === undefined) {
    throw new TurnstreamError('CONFIGURATION', 'Name one projection.');
  }
  const wanted = wantedOf(options);
  const stores = await openStores(config);
  try {
    const { generations, checkpoints } = stores;
    const bringUpToDate = bringingUpToDate(context, projection);
    const ports = { generations, checkpoints, clock: systemClock, bringUpToDate };
    const promotion = await promote(ports, projection.shape, {
      wanted,
      asIs: options.asIs === true,
      acceptDeadLetters: options.acceptDeadLetters === true,
    });
    print(json ? JSON.stringify(promotionJson(promotion)) : promotionText(promotion));
  } finally {
    await stores.close();
  }
  return 0;
}

function wantedOf({ back, generation }: CommandOptions): Wanted {
  if (back === true && generation !== undefined) {
    throw new TurnstreamError('CONFIGURATION', 'Give --back or --generation, but not both.');
  }
  if (generation !== undefined) return { kind: 'named', name: generation };
  return { kind: back === true ? 'back' : 'newest' };
}

export function promotionJson({ to, from, watermark }: Promotion) {
  return {
    projection: to.projection,
    live: generationName(to),
    former: from && generationName(from),
    asOfLsn: watermark && formatLsn(watermark.lsn),
    asOf: watermark && new Date(watermark.committedAt).toISOString(),
  };
}

export function promotionText(promotion: Promotion): string {
  const { projection, live, former, asOfLsn, asOf } = promotionJson(promotion);
  const exact =
    asOfLsn === null
      ? 'It has no watermark yet: nothing says as of when it is.'
      : `It has everything that was committed by ${asOf}, LSN ${asOfLsn}.`;
  const before = former === null ? 'nothing was live' : `it was ${former}`;
  return `Readers of ${projection} use ${live} now; ${before}. ${exact} Workers that have its definition go on from there within a second.`;
}
