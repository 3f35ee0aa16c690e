/** What `turnstream generations` says, as data and as text. Pure. */
import type { SizeEstimate } from '../cql/size-estimates.ts';
import {
  type Generation,
  generationName,
  isSameGeneration,
  type Lease,
  type Live,
  type Until,
} from '../engine/generations.ts';
import type { Checkpoint } from '../engine/store.ts';
import { formatLsn } from '../source/lsn.ts';
import { bytes, duration } from './lag-report.ts';
import { textTable } from './text-table.ts';

export type GenerationFacts = {
  readonly generation: Generation;
  /** By partition; none for one that was dropped. */
  readonly checkpoints: ReadonlyMap<number, Checkpoint>;
  readonly size: SizeEstimate | null;
};

export type ProjectionFacts = {
  readonly projection: string;
  /** Of this build's definition. */
  readonly version: number;
  readonly live: Live | null;
  readonly lease: Lease | null;
  readonly generations: readonly GenerationFacts[];
};

/** `kept`: readers used it once. `unfinished`: it was begun, and nobody builds it at present. */
export type GenerationState = 'live' | 'building' | 'unfinished' | 'built' | 'kept' | 'dropped';

export function generationsReport(all: readonly ProjectionFacts[], nowMs: number) {
  return {
    at: new Date(nowMs).toISOString(),
    projections: all.map((facts) => {
      const { projection, version, live, lease, generations } = facts;
      const building = lease !== null && lease.untilMs > nowMs ? lease : null;
      return {
        projection,
        definitionVersion: version,
        live: live && generationName(live),
        buildingBy: building?.about ?? null,
        generations: generations.map((each) => generationReport(facts, each, nowMs)),
      };
    }),
  };
}

export type GenerationsReport = ReturnType<typeof generationsReport>;

function generationReport(facts: ProjectionFacts, each: GenerationFacts, nowMs: number) {
  const { generation, checkpoints, size } = each;
  const watermark = leastWatermark(checkpoints);
  const deadLetters = [...checkpoints.values()].reduce((sum, one) => sum + one.deadLetters, 0);
  const isLive = isSameGeneration(facts.live, generation);
  const promotedAtMs = isLive ? (facts.live?.promotedAtMs ?? null) : generation.promotedAtMs;
  return {
    table: generationName(generation),
    version: generation.version,
    generation: generation.generation,
    state: stateOf(facts, generation, nowMs),
    createdAt: isoOf(generation.createdAtMs),
    builtAt: isoOf(generation.builtAtMs),
    promotedAt: isoOf(promotedAtMs),
    droppedAt: isoOf(generation.droppedAtMs),
    until: untilText(generation.until),
    watermarkLsn: watermark && formatLsn(watermark.lsn),
    watermarkAgeMs: watermark && Math.max(0, Math.round(nowMs - watermark.committedAt)),
    deadLetters,
    estimatedBytes: size?.bytes ?? null,
    estimatedPartitions: size?.partitions ?? null,
  };
}

export function stateOf(
  { live, lease, generations }: Pick<ProjectionFacts, 'live' | 'lease' | 'generations'>,
  generation: Generation,
  nowMs: number,
): GenerationState {
  if (generation.droppedAtMs !== null) return 'dropped';
  if (isSameGeneration(live, generation)) return 'live';
  if (generation.promotedAtMs !== null) return 'kept';
  if (generation.builtAtMs !== null) return 'built';
  // A lease is of the projection, and who has it builds the newest that is not finished.
  const begun = generations.map((each) => each.generation).filter(isBegun);
  const isNewest = begun.every(({ createdAtMs }) => createdAtMs <= generation.createdAtMs);
  return isNewest && lease !== null && lease.untilMs > nowMs ? 'building' : 'unfinished';
}

function isBegun({ builtAtMs, promotedAtMs, droppedAtMs }: Generation): boolean {
  return builtAtMs === null && promotedAtMs === null && droppedAtMs === null;
}

/** Null while a partition has none, or nothing was read. */
export function leastWatermark(
  checkpoints: ReadonlyMap<number, Checkpoint>,
): Checkpoint['watermark'] {
  let least: Checkpoint['watermark'] = null;
  for (const { watermark } of checkpoints.values()) {
    if (watermark === null) return null;
    if (least === null || watermark.lsn < least.lsn) least = watermark;
  }
  return least;
}

export function untilText(until: Until | null): string | null {
  if (until === null) return null;
  return 'lsn' in until ? formatLsn(until.lsn) : isoOf(until.committedAtMs);
}

export function generationsText(report: GenerationsReport): string {
  const nowMs = Date.parse(report.at);
  const ago = (at: string | null) =>
    at === null ? '-' : `${duration(nowMs - Date.parse(at))} ago`;
  const rows = report.projections.flatMap(({ generations }) =>
    generations.map((each) => [
      each.table,
      each.state,
      ago(each.createdAt),
      ago(each.builtAt),
      ago(each.promotedAt),
      each.watermarkLsn ?? '-',
      each.watermarkAgeMs === null ? '-' : duration(each.watermarkAgeMs),
      each.estimatedBytes === null ? '-' : `about ${bytes(each.estimatedBytes)}`,
      [
        each.until === null ? '' : `as of ${each.until}`,
        each.deadLetters === 0 ? '' : `degraded: ${each.deadLetters} dead letters`,
      ]
        .filter((text) => text !== '')
        .join('; '),
    ]),
  );
  const header = ['table', 'state', 'created', 'built', 'promoted', 'watermark', 'age', 'size', ''];
  const table = textTable(header, rows, { alignRight: [5, 6, 7] });
  return [table, ...report.projections.flatMap(remarksOf)].join('\n');
}

function remarksOf(of: GenerationsReport['projections'][number]): readonly string[] {
  const { projection, definitionVersion, live, buildingBy, generations } = of;
  const remarks: string[] = [];
  if (live === null) {
    remarks.push(
      `${projection}: nothing is live; the first \`turnstream run\` of it changes that.`,
    );
  }
  const liveVersion = generations.find(({ state }) => state === 'live')?.version;
  if (liveVersion !== undefined && liveVersion !== definitionVersion) {
    const advice =
      liveVersion < definitionVersion
        ? `\`turnstream replay ${projection}\` builds it and switches readers over`
        : 'this build is the older one';
    remarks.push(
      `${projection}: readers use version ${liveVersion}, this build defines version ${definitionVersion}; ${advice}.`,
    );
  }
  if (buildingBy !== null) remarks.push(`${projection}: ${buildingBy} has the lease to build one.`);
  return remarks.length === 0 ? [] : ['', ...remarks];
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
