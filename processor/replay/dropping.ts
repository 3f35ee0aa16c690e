/**
 * Dropping what nobody reads any more, after a promotion: the table goes, the row of the generation
 * stays, so that its number stays taken. Never what readers use, nor what they may still hold the
 * name of, nor a read model as of the past, which somebody asked for.
 */
import {
  type Generation,
  type GenerationId,
  type GenerationStore,
  generationName,
  isSameGeneration,
} from '../engine/generations.ts';
import type { ReadModel } from '../engine/store.ts';
import type { Logger } from '../logger.ts';
import type { Projection } from '../projection/projection.ts';
import { modelOf } from './choose.ts';

export type Keeping = {
  readonly nowMs: number;
  /** Former generations that are kept. */
  readonly keep: number;
  readonly dropDelayMs: number;
};

/** Pure. `live` is what readers use; null: nothing, so nothing is dropped. */
export function toDrop(
  all: readonly Generation[],
  live: GenerationId | null,
  { nowMs, keep, dropDelayMs }: Keeping,
): readonly Generation[] {
  const current = all.find((each) => isSameGeneration(each, live));
  if (current === undefined) return [];
  const others = all.filter(
    (each) => each !== current && each.droppedAtMs === null && each.until === null,
  );
  const former = others
    .filter((each) => each.promotedAtMs !== null)
    .toSorted((one, other) => (other.promotedAtMs ?? 0) - (one.promotedAtMs ?? 0))
    .slice(keep)
    .filter((each) => nowMs - leftAtMs(each, all) >= dropDelayMs);
  // Nobody ever read them: builds that were given up, or found to be different.
  const givenUp = others.filter(
    (each) => each.promotedAtMs === null && each.createdAtMs < current.createdAtMs,
  );
  return [...former, ...givenUp];
}

/** When readers were switched from it at the latest: the next promotion after its own last one. */
export function leftAtMs({ promotedAtMs }: Generation, all: readonly Generation[]): number {
  const own = promotedAtMs ?? 0;
  const later = all.map((each) => each.promotedAtMs ?? 0).filter((ms) => ms > own);
  return later.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...later);
}

/** So long ago dropping was done for certain, or seen to have failed. */
const repeatMsMax = 3 * 24 * 60 * 60 * 1000;

type Ports = {
  readonly generations: Pick<GenerationStore, 'list' | 'live' | 'dropped'>;
  readonly dropTable: (model: ReadModel) => Promise<void>;
  readonly logger: Logger;
};

/** Answers the names of what was dropped. The projection's lease is held. */
export async function dropFormer(
  { generations, dropTable, logger }: Ports,
  projection: Projection,
  keeping: Keeping,
): Promise<readonly string[]> {
  const { name } = projection;
  const live = (await generations.live([name])).get(name) ?? null;
  const dropped: string[] = [];
  const all = await generations.list(name);
  // One that was killed between saying and doing has left a table.
  const late = all.filter(
    ({ droppedAtMs }) => droppedAtMs !== null && keeping.nowMs - droppedAtMs < repeatMsMax,
  );
  for (const old of late) await dropTable(modelOf(projection, old));
  for (const old of toDrop(all, live, keeping)) {
    // Said before it is done, and refused for what is live by now.
    await generations.dropped(old, keeping.nowMs);
    await dropTable(modelOf(projection, old));
    dropped.push(generationName(old));
    logger.info({ projection: name, table: generationName(old) }, 'a former generation is dropped');
  }
  return dropped;
}
