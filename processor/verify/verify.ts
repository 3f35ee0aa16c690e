/**
 * Proves that read models equal the source at one moment of it, or says exactly where they do not
 * (DESIGN 3.7). The source is read in a snapshot of Postgres at a known LSN, rows are computed by the same
 * pure functions, and both sides are compared once the read model has taken all that the snapshot sees. What
 * changes meanwhile is known from the log's tail, so a live system under load gives no false alarm.
 *
 * sums-pass.ts looks at everything, detail-pass.ts at what differs, settle-pass.ts again at what was changing,
 * part-pass.ts at some sessions alone.
 */
import type { Clock } from '../engine/clock.ts';
import type { CheckpointStore } from '../engine/store.ts';
import type { EntryDecoder } from '../engine/taken-record.ts';
import type { HoldStore } from '../engine/totals-holds.ts';
import type { Log } from '../kafka/log.ts';
import type { Lsn } from '../source/lsn.ts';
import { detailPass } from './detail-pass.ts';
import { type Findings, noFindings } from './findings.ts';
import { mend } from './mend.ts';
import { mendTotals } from './mend-totals.ts';
import { partPass } from './part-pass.ts';
import type {
  Part,
  ReadModelMender,
  ReadModelReader,
  SourceSnapshot,
  Target,
  VerifiedSource,
} from './ports.ts';
import type { VerifySettings } from './settings.ts';
import { followSessions, openTargets, settlePass } from './settle-pass.ts';
import { openComparable } from './snapshots.ts';
import { type PassContext, type Suspects, sumsPass } from './sums-pass.ts';
import { Tail } from './tail.ts';

export type VerifyDeps = {
  readonly log: Log;
  readonly decoder: EntryDecoder;
  readonly source: VerifiedSource;
  readonly reader: ReadModelReader;
  readonly checkpoints: Pick<CheckpointStore, 'load'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: PassContext['progress'];
  /** Null: what differs is left as it is. */
  readonly repair: {
    readonly mender: ReadModelMender;
    readonly holds: Pick<HoldStore, 'hold' | 'release'>;
    /** Of holds: tells two processes apart, for ever. */
    readonly owner: string;
  } | null;
};

export type VerifyRequest = {
  readonly targets: readonly Target[];
  readonly part: Part;
  readonly eventsTopic: string;
  /** Of the reader of the tail; not met again. */
  readonly group: string;
};

export type Verification = {
  /** Of the first snapshot, by which everything was compared. */
  readonly lsn: Lsn;
  /** Above all positions that it sees, at or below all others. */
  readonly cut: number;
  readonly rounds: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly findings: readonly Findings[];
};

const noSuspects: Suspects = new Map();

export type Verdict = 'equal' | 'differences' | 'unknown';

/** Rejects with VERIFY, or what a part is missing (CONNECT, LOG, STORE), when it could not verify. */
export async function verify(
  deps: VerifyDeps,
  settings: VerifySettings,
  { targets, part, eventsTopic, group }: VerifyRequest,
): Promise<Verification> {
  const startedAtMs = deps.clock.nowMs();
  const { partitions, fluxRowsMax } = settings;
  const tail = new Tail(deps.log, deps.decoder, targets, {
    eventsTopic,
    group,
    partitions,
    fluxRowsMax,
  });
  const findings = new Map(targets.map((target) => [target, noFindings(target)]));
  const context: PassContext = {
    tail,
    reader: deps.reader,
    settings,
    findings,
    progress: deps.progress,
    yield: deps.clock.yield,
  };
  try {
    await tail.start();
    const first = await run(deps, context, targets, part);
    const endedAtMs = deps.clock.nowMs();
    return { ...first, startedAtMs, endedAtMs, findings: [...findings.values()] };
  } finally {
    await tail.stop();
  }
}

async function run(
  deps: VerifyDeps,
  context: PassContext,
  targets: readonly Target[],
  part: Part,
): Promise<Pick<Verification, 'lsn' | 'cut' | 'rounds'>> {
  const { tail, settings } = context;
  let rounds = 0;
  const withSnapshot = async <T>(
    concerned: readonly Target[],
    use: (snapshot: SourceSnapshot) => Promise<T>,
  ): Promise<T> => {
    const snapshot = await openComparable(deps, tail, concerned, settings.waitMsMax);
    try {
      rounds += 1;
      followSessions(context);
      const result = await use(snapshot);
      await mendNew(deps, context);
      return result;
    } finally {
      await snapshot.close();
    }
  };
  const first = await withSnapshot(targets, async (snapshot) => {
    const { lsn } = snapshot;
    const { cut } = tail;
    if (!isWhole(part)) {
      const maps = targets.filter(({ projection }) => projection.kind === 'map');
      await partPass(context, snapshot, maps, part);
      return { lsn, cut, suspects: noSuspects };
    }
    return { lsn, cut, suspects: await sumsPass(context, snapshot, targets, part) };
  });
  const { lsn, cut, suspects } = first;
  if (suspects.size > 0) {
    await withSnapshot([...suspects.keys()], (snapshot) => detailPass(context, snapshot, suspects));
  }
  while (openTargets(context).length > 0 && rounds < settings.roundsMax) {
    await withSnapshot(openTargets(context), (snapshot) => settlePass(context, snapshot));
  }
  return { lsn, cut, rounds };
}

/** With the snapshot by which they were found: what came later is known from the tail. */
async function mendNew(deps: VerifyDeps, { tail, findings, settings }: PassContext): Promise<void> {
  const { repair, reader, clock } = deps;
  if (repair === null) return;
  const nowMicros = () => clock.nowMs() * 1000;
  const mending = { ...deps, ...repair, reader, tail, settings, nowMicros };
  tail.release();
  for (const [target, { differences, mends }] of findings) {
    const fresh = differences.slice(mends.length);
    if (fresh.length === 0) continue;
    if (target.projection.kind === 'aggregate') {
      mends.push(...(await mendTotals(mending, target, fresh)));
    } else {
      for (const difference of fresh) mends.push(await mend(mending, target, difference));
    }
  }
}

export function isWhole({ sample, accountUid, sinceMs }: Part): boolean {
  return sample === null && accountUid === null && sinceMs === null;
}

/** Rows that were still changing when the rounds were over, and were not seen to be as the log has them. */
export function unsettledOf({ open }: Findings): number {
  let count = 0;
  for (const { isAsLogged } of open.values()) if (!isAsLogged) count += 1;
  return count;
}

export function differencesOf({ counts }: Findings): number {
  return counts.missing + counts.extra + counts.different;
}

export function verdictOf({ findings }: Pick<Verification, 'findings'>): Verdict {
  if (findings.some((each) => differencesOf(each) > 0)) return 'differences';
  const isUnknown = findings.some(
    (each) =>
      unsettledOf(each) > 0 ||
      each.refused > 0 ||
      each.unexamined.buckets > 0 ||
      each.problems.size > 0,
  );
  return isUnknown ? 'unknown' : 'equal';
}
