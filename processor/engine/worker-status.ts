/** How a worker is, for health checks and people: plain data, worked out when asked for. */
import type { Lane } from './lane.ts';
import type { PartitionPipeline } from './partition-pipeline.ts';
import type { StoppedProjections } from './stopped-projections.ts';
import type { Checkpoint } from './store.ts';
import type { Hosted } from './worker-settings.ts';

export type PartitionStatus = {
  readonly partition: number;
  /** What the acknowledged writes cover; the durable checkpoint follows within its interval. */
  readonly reached: Checkpoint;
  /** As the last fetch said; null before the first. */
  readonly endOffset: number | null;
  /** When the last batch was acknowledged, or the partition taken over. */
  readonly progressAtMs: number;
};

export type ProjectionStatus = {
  readonly projection: string;
  readonly version: number;
  readonly generation: number;
  /** `degraded`: events were set aside; `halted`: it has stopped, see `error`. */
  readonly state: 'running' | 'degraded' | 'halted';
  readonly error: string | null;
  /** In the partitions that this worker holds. */
  readonly deadLetters: number;
  /** The least of those partitions; null while one has none, or none is held. */
  readonly watermark: Checkpoint['watermark'];
  readonly partitions: readonly PartitionStatus[];
};

export type WorkerStatus = {
  readonly epoch: number | null;
  readonly bytesInFlight: number;
  readonly projections: readonly ProjectionStatus[];
};

export function projectionStatus(
  hosted: Hosted,
  pipelines: readonly PartitionPipeline[],
  stopped: StoppedProjections,
): ProjectionStatus {
  const { name, version } = hosted.projection;
  const partitions = pipelines.flatMap((pipeline) =>
    pipeline.lanes
      .filter((lane) => lane.name === name)
      .map((lane): PartitionStatus => partitionStatus(pipeline, lane)),
  );
  const error = stopped.errorOf(name)?.message ?? null;
  return statusOf({ projection: name, version, generation: hosted.generation }, partitions, error);
}

/** Of a generation, from what is held of it. `error`: why it has stopped; null while it goes on. */
export function statusOf(
  id: Pick<ProjectionStatus, 'projection' | 'version' | 'generation'>,
  partitions: readonly PartitionStatus[],
  error: string | null,
): ProjectionStatus {
  const deadLetters = partitions.reduce((sum, { reached }) => sum + reached.deadLetters, 0);
  return {
    ...id,
    state: error !== null ? 'halted' : deadLetters > 0 ? 'degraded' : 'running',
    error,
    deadLetters,
    watermark: leastWatermark(partitions),
    partitions,
  };
}

function partitionStatus(pipeline: PartitionPipeline, lane: Lane): PartitionStatus {
  return {
    partition: pipeline.partition,
    reached: lane.reached,
    endOffset: pipeline.endOffset,
    progressAtMs: pipeline.progressAtMs,
  };
}

function leastWatermark(partitions: readonly PartitionStatus[]): Checkpoint['watermark'] {
  let least: Checkpoint['watermark'] = null;
  for (const { reached } of partitions) {
    if (reached.watermark === null) return null;
    if (least === null || reached.watermark.lsn < least.lsn) least = reached.watermark;
  }
  return least;
}
