/**
 * One pass over the events for a set of targets: the build, a look at it again and again, and the finish
 * of each target once it is up to date (or, with `until`, at its end). One target that fails leaves the
 * others alone; the pass ends when all are done, when it is told to, or when a lease is lost.
 */
import { generationName, isSameGeneration } from '../engine/generations.ts';
import type { WorkerObserver } from '../engine/observer.ts';
import { pauseBefore } from '../engine/retry.ts';
import type { Checkpoint } from '../engine/store.ts';
import type { ProjectionStatus } from '../engine/worker-status.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import { formatLsn } from '../source/lsn.ts';
import { isAtOrAfter } from './bounded-log.ts';
import { type Build, type BuildScope, startBuild } from './build.ts';
import { hasReadOnce, isCaughtUp } from './caught-up.ts';
import { modelOf, type Target } from './choose.ts';
import { type Finished, finish } from './finish.ts';
import type { Leases } from './leases.ts';
import type {
  Phase,
  ReplayOptions,
  ReplayPorts,
  ReplayProgress,
  ReplayReporter,
  ReplayResult,
  ReplaySettings,
} from './ports.ts';
import { PaceMeter, ratioOf } from './progress.ts';
import { sharedBuild } from './shared-build.ts';

type Course = {
  readonly target: Target;
  readonly meter: PaceMeter;
  /** By partition, where this process began. */
  readonly from: Map<number, number>;
  phase: Phase;
  finished: Finished | null;
  /** As last seen: a worker that has ended holds nothing any more. */
  seen: ProjectionStatus | null;
};

export type PassScope = {
  readonly targets: readonly Target[];
  readonly options: ReplayOptions;
  readonly leases: Pick<Leases, 'confirm' | 'lost'>;
  readonly reporter: ReplayReporter;
  readonly signal: AbortSignal;
};

export class Pass {
  readonly #ports: ReplayPorts;
  readonly #settings: ReplaySettings;
  readonly #scope: PassScope;
  readonly #courses: readonly Course[];
  readonly #startedAtMs: number;
  #ends: readonly number[] = [];

  constructor(ports: ReplayPorts, settings: ReplaySettings, scope: PassScope) {
    this.#ports = ports;
    this.#settings = settings;
    this.#scope = scope;
    this.#startedAtMs = ports.clock.nowMs();
    this.#courses = scope.targets.map((target) => {
      return {
        target,
        meter: new PaceMeter(),
        from: new Map(),
        phase: 'building',
        finished: null,
        seen: null,
      };
    });
  }

  /** Rejects when nothing can go on; what happened to each target is in the results. */
  async run(): Promise<readonly ReplayResult[]> {
    const { targets, options, leases, signal } = this.#scope;
    const models = targets.map(({ projection, id }) => modelOf(projection, id));
    await this.#ports.store.ensure(models);
    this.#ends = await endsOf(this.#ports, this.#settings);
    const observer: Partial<WorkerObserver> = {
      held: (projection, partition, { offset }) => {
        const course = this.#courses.find(({ target }) => target.projection.name === projection);
        if (course?.from.has(partition) === false) course.from.set(partition, offset);
      },
    };
    let scope: BuildScope = { targets, options, lost: leases.lost, observer };
    for (let attempt = 1; !(await this.#attempt(scope)); attempt += 1) {
      const pauseMs = pauseBefore(attempt, this.#settings, this.#ports.random);
      await this.#ports.clock.delay(pauseMs, signal);
      // What the former attempt wrote is there.
      scope = { ...scope, targets: targets.map((target) => ({ ...target, isNew: false })) };
    }
    if (signal.aborted) this.#stopped();
    return this.#courses.map((course) => this.#resultOf(course));
  }

  /** False when it ended for something that passes by itself. */
  async #attempt(scope: BuildScope): Promise<boolean> {
    const { leases, signal } = this.#scope;
    const build = sharedBuild(
      startBuild(this.#ports, this.#settings, scope),
      this.#ports.helpers?.(scope) ?? [],
    );
    const over = new AbortController();
    const look = this.#lookOn(build, over.signal);
    try {
      await Promise.race([look, build.failed]);
    } catch (thrown) {
      if (isPassing(thrown) && !leases.lost.aborted && !signal.aborted) {
        const text = `the replay waits, and goes on from its checkpoints: ${messageOf(thrown)}`;
        this.#ports.logger.warn({ err: thrown }, text);
        return false;
      }
      this.#failed(leases.lost.aborted ? leases.lost.reason : thrown);
    } finally {
      over.abort();
      await build.stop();
      await look.catch(() => undefined);
    }
    return true;
  }

  async #lookOn(build: Build, over: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const { leases, signal } = this.#scope;
    while (!signal.aborted && !over.aborted) {
      leases.lost.throwIfAborted();
      for (const course of this.#courses) await this.#advance(course, build);
      this.#report(build);
      if (this.#courses.every(({ finished }) => finished !== null)) return;
      await clock.delay(this.#settings.lookMs, signal);
    }
  }

  async #advance(course: Course, build: Build): Promise<void> {
    if (course.finished !== null) return;
    const { target } = course;
    const status = build.status(target);
    if (status.state === 'halted') {
      course.finished = failed(`${generationName(target.id)} can't go on: ${status.error}`);
      return;
    }
    if (course.phase === 'building' && hasReadOnce(status, this.#ends))
      course.phase = 'catching up';
    if (!(await this.#isComplete(course, build))) return;
    try {
      course.finished = await this.#finish(course, status.deadLetters);
      course.phase = 'done';
    } catch (thrown) {
      if (this.#scope.leases.lost.aborted || this.#scope.signal.aborted) return;
      // A database that is away: the next attempt comes to the end once more.
      if (isPassing(thrown)) throw thrown;
      course.finished = failed(messageOf(thrown));
    }
  }

  async #isComplete({ target, phase }: Course, build: Build): Promise<boolean> {
    const { until } = this.#scope.options;
    if (until !== null) {
      const reached = build.status(target).partitions.map((each) => each.reached);
      const atCut = reached.filter(({ watermark }) => watermark && isAtOrAfter(until, watermark));
      return atCut.length === this.#ends.length && isOneCut(target, atCut);
    }
    if (phase === 'building') return false;
    const live = await this.#live(target);
    return isCaughtUp(build.status(target), { ends: this.#ends, live });
  }

  async #live({ projection, id }: Target): Promise<ReadonlyMap<number, Checkpoint>> {
    const { generations, checkpoints } = this.#ports;
    const live = (await generations.live([projection.name])).get(projection.name) ?? null;
    if (live === null || isSameGeneration(live, id)) return new Map();
    return await checkpoints.load(modelOf(projection, live));
  }

  async #finish(course: Course, deadLetters: number): Promise<Finished> {
    const { options, leases, signal, reporter } = this.#scope;
    const enter = (phase: Phase) => {
      course.phase = phase;
      this.#ports.logger.info(
        { projection: course.target.projection.name, phase },
        `replay: ${phase}`,
      );
      reporter.progress(this.#progress);
    };
    const { target } = course;
    const finishing = { target, deadLetters, options, leases, signal, enter };
    return await finish(this.#ports, this.#settings, finishing);
  }

  #progress: readonly ReplayProgress[] = [];

  #report(build: Build): void {
    const atMs = this.#ports.clock.nowMs();
    this.#progress = this.#courses.map((course) => {
      const { target, phase } = course;
      const { partitions } = build.status(target);
      if (partitions.length > 0) course.seen = build.status(target);
      const held = new Map(partitions.map((each) => [each.partition, each]));
      let [done, total] = [0, 0];
      for (const [partition, end] of this.#ends.entries()) {
        const { reached, endOffset } = held.get(partition) ?? {};
        done += reached?.offset ?? 0;
        total += Math.max(end, endOffset ?? 0);
      }
      const pace = course.meter.see({ atMs, done, total });
      const isDone = phase === 'done';
      const ratio = isDone ? 1 : ratioOf(done, total);
      const etaMs = isDone ? 0 : pace.etaMs;
      const { projection, id: generation } = target;
      return { projection: projection.name, generation, phase, done, total, ratio, ...pace, etaMs };
    });
    this.#scope.reporter.progress(this.#progress);
  }

  #failed(thrown: unknown): void {
    for (const course of this.#courses) course.finished ??= failed(messageOf(thrown));
  }

  #stopped(): void {
    for (const course of this.#courses) {
      const { projection, id } = course.target;
      const message = `${generationName(id)} is left as it is: \`turnstream replay ${projection.name}\` goes on from its checkpoints`;
      course.finished ??= { outcome: 'stopped', verification: null, dropped: [], message };
    }
  }

  #resultOf({ target, finished, from, seen }: Course): ReplayResult {
    const reached = seen?.partitions.map((each) => each.reached) ?? [];
    const done = reached.reduce((sum, { offset }) => sum + offset, 0);
    const { watermark } = seen ?? {};
    return {
      ...(finished ?? failed('it ended before it was done')),
      projection: target.projection.name,
      generation: target.id,
      resumed: !target.isNew,
      records: done - [...from.values()].reduce((sum, offset) => sum + offset, 0),
      seconds: (this.#ports.clock.nowMs() - this.#startedAtMs) / 1000,
      deadLetters: seen?.deadLetters ?? 0,
      asOf: watermark
        ? {
            lsn: formatLsn(watermark.lsn),
            committedAt: new Date(watermark.committedAt).toISOString(),
          }
        : null,
    };
  }
}

function isPassing(thrown: unknown): boolean {
  return thrown instanceof TurnstreamError && thrown.retriable;
}

function failed(message: string): Finished {
  return { outcome: 'failed', verification: null, dropped: [], message };
}

/** A watermark has one position; two cuts would be a read model of two moments. */
function isOneCut({ id }: Target, cuts: readonly Checkpoint[]): boolean {
  const positions = new Set(cuts.map(({ position }) => position));
  if (positions.size === 1) return true;
  const found = cuts.map(({ watermark }) => watermark && formatLsn(watermark.lsn));
  throw new TurnstreamError(
    'LOG',
    `${generationName(id)}: the partitions end at different watermarks (${found.join(', ')}); check the store with \`turnstream events --check\``,
  );
}

async function endsOf({ log }: ReplayPorts, { eventsTopic }: ReplaySettings) {
  const admin = await log.admin();
  try {
    if ((await admin.partitionCount(eventsTopic)) === undefined) {
      throw new TurnstreamError(
        'LOG',
        `There is no topic ${eventsTopic} yet, so there is nothing to replay; \`turnstream connect\` creates the topics.`,
      );
    }
    return await admin.endOffsets(eventsTopic);
  } finally {
    await admin.close();
  }
}
