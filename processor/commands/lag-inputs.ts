/**
 * Asks everybody at once what `turnstream lag` needs. A source that is away becomes null and a
 * sentence in `problems`; the others still answer.
 */
import type { CheckpointStore, ReadModel } from '../engine/store.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import type { LogAdmin } from '../kafka/log.ts';
import type { PrimaryReport } from '../metrics/primary.ts';
import type { LagInputs } from './lag-report.ts';

type Offsets = Pick<LogAdmin, 'partitionCount' | 'endOffsets' | 'committedOffsets'>;

/** Each is opened when asked; whoever made them closes them. */
export type LagPorts = {
  readonly admin: () => Promise<Offsets>;
  /** The builds that readers use, one for each name that is asked for, and where they stand. */
  readonly readModels: () => Promise<{
    readonly checkpoints: Pick<CheckpointStore, 'load'>;
    readonly models: readonly ReadModel[];
  }>;
  readonly primary: () => Promise<PrimaryReport>;
  readonly nowMs: () => number;
};

export type LagTopics = {
  readonly changesTopic: string;
  readonly eventsTopic: string;
  readonly sequencerGroup: string;
};

export async function lagInputs(
  ports: LagPorts,
  topics: LagTopics,
  names: readonly string[],
): Promise<LagInputs> {
  const problems: string[] = [];
  const asked = async <T>(question: () => Promise<T>): Promise<T | null> => {
    try {
      return await question();
    } catch (thrown) {
      const problem = messageOf(thrown);
      if (!problems.includes(problem)) problems.push(problem);
      return null;
    }
  };
  const [ends, sequencer, primary, builds] = await Promise.all([
    asked(async () => endOffsets(await ports.admin(), topics.eventsTopic)),
    asked(async () => sequencerOffsets(await ports.admin(), topics)),
    asked(ports.primary),
    asked(async () => {
      const { checkpoints, models } = await ports.readModels();
      return await Promise.all(
        models.map(async (model) => ({ model, checkpoints: await checkpoints.load(model) })),
      );
    }),
  ]);
  const projections = names.map((name) => {
    const found = builds?.find(({ model }) => model.shape.projection === name);
    if (found === undefined) return { name, version: null, generation: null, checkpoints: null };
    const { model, checkpoints } = found;
    return { name, version: model.shape.version, generation: model.generation, checkpoints };
  });
  return { nowMs: ports.nowMs(), ends, projections, sequencer, primary, problems };
}

async function sequencerOffsets(
  admin: Offsets,
  { changesTopic, sequencerGroup }: LagTopics,
): Promise<LagInputs['sequencer']> {
  const ends = await endOffsets(admin, changesTopic);
  const committed = await admin.committedOffsets(sequencerGroup, changesTopic);
  return { end: ends[0] ?? 0, committed: committed[0] ?? null };
}

/** Asked for an absent topic, a Kafka client tries again and again: it might be about to appear. */
async function endOffsets(admin: Offsets, topic: string): Promise<readonly number[]> {
  if ((await admin.partitionCount(topic)) === undefined) {
    throw new TurnstreamError(
      'LOG',
      `There is no topic ${topic} yet; \`turnstream connect\` creates the topics.`,
    );
  }
  return await admin.endOffsets(topic);
}
