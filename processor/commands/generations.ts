/** `turnstream generations`: what builds of read models there are, and which of them readers use. */
import { tableName } from '../cql/names.ts';
import type { Generation } from '../engine/generations.ts';
import type { Projection } from '../projection/projection.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import {
  type GenerationFacts,
  generationsReport,
  generationsText,
  type ProjectionFacts,
} from './generations-report.ts';
import { type OpenStores, openStores } from './open-cql.ts';
import { systemClock } from './system-clock.ts';

export async function generationsCommand(
  { config, json, print }: CommandContext,
  { projections }: CommandArguments,
): Promise<ExitCode> {
  const stores = await openStores(config);
  try {
    const facts = await Promise.all(projections.map((each) => factsOf(stores, each)));
    const report = generationsReport(facts, systemClock.nowMs());
    print(json ? JSON.stringify(report) : generationsText(report));
  } finally {
    await stores.close();
  }
  return 0;
}

async function factsOf(stores: OpenStores, projection: Projection): Promise<ProjectionFacts> {
  const { generations: store } = stores;
  const { name, version } = projection;
  const [live, lease, all] = await Promise.all([
    store.live([name]),
    store.leased(name),
    store.list(name),
  ]);
  const generations = await Promise.all(
    all.map((each) => generationFacts(stores, projection, each)),
  );
  return { projection: name, version, live: live.get(name) ?? null, lease, generations };
}

async function generationFacts(
  { checkpoints, sizeOf }: OpenStores,
  { shape }: Projection,
  generation: Generation,
): Promise<GenerationFacts> {
  if (generation.droppedAtMs !== null) return { generation, checkpoints: new Map(), size: null };
  const model = {
    shape: { ...shape, version: generation.version },
    generation: generation.generation,
  };
  const [found, size] = await Promise.all([checkpoints.load(model), sizeOf(tableName(model))]);
  return { generation, checkpoints: found, size };
}
