/**
 * Dropping a generation because somebody asks for it: one as of the past, or one that was given up.
 * Never what readers use or may still hold the name of, nor what is being built: its projection's
 * lease is held meanwhile (leases.ts). dropping.ts has what goes by itself.
 */
import {
  type Generation,
  type GenerationStore,
  generationName,
  isSameGeneration,
} from '../engine/generations.ts';
import type { ReadModel } from '../engine/store.ts';
import { TurnstreamError } from '../error.ts';
import type { Projection } from '../projection/projection.ts';
import { modelOf } from './choose.ts';
import { leftAtMs } from './dropping.ts';

type Ports = {
  readonly generations: Pick<GenerationStore, 'list' | 'live' | 'dropped'>;
  readonly dropTable: (model: ReadModel) => Promise<void>;
  readonly clock: { readonly nowMs: () => number };
};

/** The projection and its generation that a table's name says; throws GENERATION when there is none. */
export function generationNamed(
  projections: readonly Projection[],
  table: string,
): { readonly projection: Projection; readonly version: number; readonly generation: number } {
  const [, name, version, generation] = /^(.+)_v(\d+)_g(\d+)$/.exec(table) ?? [];
  const projection = projections.find((each) => each.name === name);
  if (projection !== undefined) {
    return { projection, version: Number(version), generation: Number(generation) };
  }
  const known = projections.map((each) => each.name).join(', ');
  throw new TurnstreamError(
    'CONFIGURATION',
    `${table} is no generation of a read model; name its table, such as steps_by_type_day_v1_g2, of ${known} (\`turnstream generations\` lists what there is)`,
  );
}

/** Once more for one that was dropped already: its table goes if it is still there. */
export async function dropNamed(
  { generations, dropTable, clock }: Ports,
  named: ReturnType<typeof generationNamed>,
  dropDelayMs: number,
): Promise<void> {
  const { projection, version, generation } = named;
  const { name } = projection;
  const id = { projection: name, version, generation };
  const all = await generations.list(name);
  const found = all.find((each) => isSameGeneration(each, id));
  if (found !== undefined) checkUnread(found, all, clock.nowMs() - dropDelayMs);
  // Said before it is done; refused for what is live or was never there.
  if (found === undefined || found.droppedAtMs === null) {
    await generations.dropped(id, clock.nowMs());
  }
  await dropTable(modelOf(projection, id));
}

/** What is live is refused by the store, in the same moment. */
function checkUnread(found: Generation, all: readonly Generation[], leftBeforeMs: number): void {
  if (found.promotedAtMs === null) return;
  const atMs = leftAtMs(found, all);
  if (!Number.isFinite(atMs) || atMs <= leftBeforeMs) return;
  const seconds = Math.ceil((atMs - leftBeforeMs) / 1000);
  throw new TurnstreamError(
    'GENERATION',
    `${generationName(found)} is not dropped: readers used it until a moment ago and may still hold its name; drop it in ${seconds} s`,
  );
}
