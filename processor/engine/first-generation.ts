/**
 * The first generation of a projection: a worker that starts while nothing of it is live makes one
 * live, so that a fresh installation begins by itself, and one from before there were generations goes
 * on with the tables that it has (`…_v1_g1`). Whoever starts at the same time comes to the same one.
 */
import { TurnstreamError } from '../error.ts';
import type { Definitions } from '../projection/definitions.ts';
import type { Clock } from './clock.ts';
import type { Generation, GenerationStore, Live } from './generations.ts';
import type { CheckpointStore } from './store.ts';

export type FirstPorts = {
  readonly generations: GenerationStore;
  readonly checkpoints: Pick<CheckpointStore, 'load'>;
  readonly clock: Pick<Clock, 'nowMs'>;
};

/** What is live afterwards, whoever made it so. */
export async function makeFirstLive(ports: FirstPorts, definitions: Definitions): Promise<Live> {
  const { generations, clock } = ports;
  const { name } = definitions.present;
  const version = await versionToBegin(ports, definitions);
  const first = await generations.first(name, version);
  const chosen = isUsable(first) ? first : await anotherOf(generations, name, version);
  await generations.promote(chosen, null, clock.nowMs());
  const live = (await generations.live([name])).get(name);
  if (live !== undefined) return live;
  throw new TurnstreamError(
    'STORE',
    `what is live of ${name} cannot be read yet, though it was just decided; it is worth another try`,
    { retriable: true },
  );
}

/** That of the tables that are in use already; else the present one. */
async function versionToBegin(
  { checkpoints }: FirstPorts,
  { present, former }: Definitions,
): Promise<number> {
  for (const { shape, version } of [present, ...former]) {
    if ((await checkpoints.load({ shape, generation: 1 })).size > 0) return version;
  }
  return present.version;
}

async function anotherOf(
  generations: GenerationStore,
  name: string,
  version: number,
): Promise<Generation> {
  const usable = (await generations.list(name)).find(
    (each) => each.version === version && isUsable(each),
  );
  return usable ?? (await generations.create(name, version, null));
}

function isUsable({ until, droppedAtMs }: Generation): boolean {
  return until === null && droppedAtMs === null;
}
