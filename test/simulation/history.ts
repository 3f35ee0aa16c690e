/**
 * One history, from its plan to its verdict: the source acts, processes come and go, calls fail, and
 * the checks look at every step. Then everything calms down, nothing fails any more, and what is
 * there must be right. The first broken promise ends it.
 */

import { controlTables } from '../../processor/cql/names.ts';
import type { ReadModel } from '../../processor/engine/store.ts';
import { readModelOf } from '../../processor/engine/worker-settings.ts';
import { messageOf } from '../../processor/error.ts';
import { type Logger, silentLogger } from '../../processor/logger.ts';
import type { Projection } from '../../processor/projection/projection.ts';
import { Actor, type ActorParts } from './actor.ts';
import { checkFinal } from './checks/final-check.ts';
import { checkLetterCounts, checkMended, checkPlaceless } from './checks/letters-check.ts';
import { Dice } from './dice.ts';
import { finalState, leftBehind } from './end.ts';
import { type InsideParts, runSimulatedSequencer, runSimulatedWorker } from './inside.ts';
import { sequencerGroup } from './knobs.ts';
import { Mending } from './mending.ts';
import { watchSequencer, watchWorker } from './observers.ts';
import { type Outside, openOutside, startMs } from './outside.ts';
import { actorsOf, type Plan, placeOf } from './plan.ts';
import type { Process } from './process.ts';
import { lettersOf, mendableNames, mendables, simulatedProjections } from './projections.ts';
import { startReaders } from './readers.ts';
import { type SourceLoop, startSource } from './source-loop.ts';
import type { Violation } from './violation.ts';
import { Watch } from './watch.ts';

export type Outcome = {
  readonly violation: Violation | null;
  /** What happened how often, by name (coverage.ts). */
  readonly counts: ReadonlyMap<string, number>;
  readonly steps: number;
};

/** Far above what any history takes: one that takes more goes round in circles. */
const stepsMax = 100_000;

export async function runHistory(
  plan: Plan,
  say: (line: string) => void = () => undefined,
): Promise<Outcome> {
  return new History(plan, say).run();
}

class History {
  readonly #plan: Plan;
  readonly #dice: Dice;
  readonly #outside: Outside;
  readonly #inside: InsideParts;
  readonly #watch: Watch;
  readonly #projections: ReturnType<typeof simulatedProjections>;
  readonly #mending: Mending;
  readonly #isMending: boolean;
  readonly #actors = new Map<string, Actor>();
  readonly #counts = new Map<string, number>();
  readonly #say: (line: string) => void;
  /** By place and number of the call there; the place is empty for any. */
  readonly #faults: ReadonlyMap<string, Plan['faults'][number]['fate']>;
  #violation: Violation | null = null;
  readonly #calls = new Map<string, number>();
  #calm = false;

  constructor(plan: Plan, say: (line: string) => void) {
    const { knobs } = plan;
    this.#plan = plan;
    this.#dice = new Dice(plan.schedule);
    this.#faults = new Map(
      plan.faults.map(({ call, place = '', fate }) => [`${place} ${call}`, fate]),
    );
    this.#say = (line) => say(`${this.#time()}  ${line}`);
    // Cut events let two facts own one row in between, which `slots` cannot bear.
    const cutsEvents = knobs.eventBytesTarget < 100_000;
    this.#projections = simulatedProjections({ names: knobs.projections, cutsEvents });
    const hosted = this.#projections.hosted.map((projection) => ({ projection, generation: 1 }));
    this.#watch = new Watch({
      context: { violate: (violation) => this.#violate(violation), step: () => this.#steps() },
      knobs,
      hosted,
      source: () => this.#outside.source,
      cluster: () => this.#outside.cluster,
      count: this.#count,
    });
    this.#outside = openOutside({
      dice: this.#dice,
      knobs,
      models: [...hosted.map(readModelOf), ...mendables.mended.map(modelOf)],
      fates: (process, label) => this.#fateOf(process, label),
      count: this.#count,
      kafkaProbes: this.#watch.kafka,
      cqlProbes: this.#watch.cql,
    });
    this.#isMending = knobs.projections.some((name) => mendableNames.includes(name));
    this.#mending = new Mending({
      outside: this.#outside,
      dice: this.#dice.forked('mending'),
      knobs,
      workers: () => [...this.#actors.values()].filter(({ name }) => name.startsWith('worker')),
      say: this.#say,
      count: this.#count,
    });
    this.#inside = {
      outside: this.#outside,
      knobs,
      dice: this.#dice.forked('inside'),
      session: (process) => this.#watch.session(this.#outside.cluster.session(process)),
      watch: this.#watch,
      logger: (process) => this.#logger(process),
      isReadable: () => this.#mending.isReadable,
    };
  }

  async run(): Promise<Outcome> {
    const { scheduler } = this.#outside;
    const { script, knobs } = this.#plan;
    const strayed = (error: unknown) => this.#broke('a promise that nobody awaits', error);
    process.on('unhandledRejection', strayed);
    try {
      for (const name of actorsOf(knobs)) this.#startActor(name);
      if (this.#isMending) this.#mending.start();
      const source = startSource(
        this.#outside,
        script,
        knobs,
        this.#dice.forked('source'),
        this.#say,
      );
      this.#startReaders();
      const ended = () => this.#violation !== null;
      await scheduler.runUntil(() => ended() || source.isDone(), stepsMax);
      if (!ended()) await this.#comeToRest(source, ended);
      if (!ended()) {
        checkFinal(this.#context(), this.#watch.events, this.#final());
        for (const { projection, rows } of this.#isDiscarding
          ? this.#stored(this.#mendables())
          : []) {
          checkMended(this.#context(), this.#watch.events, this.#outside, projection, rows);
        }
        this.#watch.checkpoints.atRest();
      }
    } finally {
      process.off('unhandledRejection', strayed);
    }
    this.#countChecks();
    return { violation: this.#violation, counts: this.#counts, steps: scheduler.steps };
  }

  /** With faults until nothing can happen any more, then without. */
  async #comeToRest(source: SourceLoop, ended: () => boolean): Promise<void> {
    const { scheduler } = this.#outside;
    source.settle();
    await scheduler.runUntil(ended, stepsMax);
    if (ended()) return;
    this.#calm = true;
    for (const actor of this.#actors.values()) actor.calm = true;
    this.#say('all is calm from now on');
    this.#startReaders();
    source.settle();
    // A commit that was applied late may have moved the offset back; whoever works does not know.
    this.#outside.kafka.rebalance(sequencerGroup);
    let outcome = await scheduler.runUntil(ended, stepsMax);
    // First as people do; then all that wait are taken, or discarded where letters are.
    for (const chanceOfDiscard of this.#isMending ? [undefined, 1] : []) {
      if (!ended()) checkLetterCounts(this.#context(), this.#outside, this.#mendables());
      if (ended() || this.#mending.waiting().length === 0) break;
      this.#mending.ask(this.#isDiscarding ? chanceOfDiscard : 0);
      outcome = await scheduler.runUntil(ended, stepsMax);
    }
    if (!ended()) checkPlaceless(this.#context(), this.#outside);
    if (this.#isMending && !ended() && this.#mending.isHealingNeeded) {
      this.#say('the source says all that there is once more');
      this.#count('mending: a snapshot healed what was discarded');
      this.#outside.source.act({ kind: 'snapshot' });
      source.settle();
      outcome = await scheduler.runUntil(ended, stepsMax);
    }
    if (ended()) return;
    const models = [...this.#projections.hosted, ...this.#mendables()].map(modelOf);
    const left = leftBehind(this.#outside, models, this.#plan.knobs);
    if (outcome === 'idle' && left === null && !this.#isDegraded()) return;
    const why = outcome === 'idle' ? 'nothing can happen any more' : `after ${stepsMax} more steps`;
    this.#violate({
      invariant: 'liveness',
      at: this.#steps(),
      what: `${why}, and ${left ?? (this.#isDegraded() ? 'dead letters wait' : 'something still does')}`,
    });
  }

  /** By the letters' rows, or by the checkpoints. */
  #isDegraded(): boolean {
    if (!this.#isMending) return false;
    const counted = this.#outside.cluster
      .rows(controlTables.checkpoints)
      .some(({ values }) => Number(values['dead_letters']) !== 0);
    return counted || this.#mending.waiting().length > 0;
  }

  #startActor(name: string): void {
    const parts: ActorParts = {
      scheduler: this.#outside.scheduler,
      memberships: {
        died: (process) => this.#outside.kafka.died(process),
        expire: (process) => this.#outside.kafka.expire(process),
        notice: (process) => this.#outside.kafka.notice(process),
        rebalance: (process) => this.#outside.kafka.rebalanceOf(process),
      },
      run: (process, signal) => this.#service(name, process, signal),
      say: this.#say,
      count: this.#count,
      broke: (actor, error) => this.#broke(actor, error),
    };
    const actor = new Actor(name, this.#plan.incidents, parts);
    this.#actors.set(name, actor);
    actor.start();
  }

  #service(name: string, process: Process, signal: AbortSignal): Promise<void> {
    const { knobs } = this.#plan;
    if (name.startsWith('sequencer')) {
      const observer = watchSequencer(process, this.#watch, this.#count);
      return runSimulatedSequencer(this.#inside, process, observer, signal);
    }
    const number = Number(name.split(' ')[1]);
    const group = (number - 1) % Math.min(knobs.workers, knobs.workerGroups);
    const mendable = this.#isMending ? this.#mending.build() : [];
    const projections = [...this.#projections.hosted, ...mendable].filter(
      (_, at) => at % Math.min(knobs.workers, knobs.workerGroups) === group,
    );
    const observer = watchWorker(process, this.#watch, this.#count);
    const work = { group: `workers ${group + 1}`, projections, observer };
    return runSimulatedWorker(this.#inside, process, work, signal);
  }

  #startReaders(): void {
    const { knobs } = this.#plan;
    const models = this.#projections.compared.map((projection) =>
      readModelOf({ projection, generation: 1 }),
    );
    startReaders(
      this.#outside,
      models,
      knobs,
      this.#dice.forked(`readers ${this.#calm}`),
      this.#watch.token,
      (who, error) => this.#broke(who, error),
    );
  }

  /** What a process warns of belongs to the story, and to what must happen. */
  #logger({ name }: Process): Logger {
    const hear = (_fields: unknown, message: string) => {
      if (message === 'trying again') return;
      if (!/\d/.test(message)) this.#count(`log: ${message}`);
      this.#say(`${name} says: ${message}`);
    };
    return { ...silentLogger, warn: hear, error: hear };
  }

  #fateOf(process: Process, label: string) {
    const place = placeOf(label);
    this.#count(`call: ${place}`);
    const [actor = ''] = process.name.split('.');
    const befallen = this.#actors.get(actor)?.called(process, place) ?? 'answered';
    const planned = this.#faultAt('') ?? this.#faultAt(place);
    const fate = this.#calm ? undefined : planned;
    if (fate === undefined) return befallen;
    this.#count(`${fate}: ${place}`);
    this.#say(`${process.name}: “${label}” is ${fateInWords[fate]}`);
    return fate;
  }

  #faultAt(place: string) {
    const call = (this.#calls.get(place) ?? 0) + 1;
    this.#calls.set(place, call);
    return this.#faults.get(`${place} ${call}`);
  }

  get #isDiscarding(): boolean {
    return lettersOf(this.#plan.knobs).discards;
  }

  #mendables() {
    return this.#isMending ? mendables.mended : [];
  }

  #final() {
    const { compared } = this.#projections;
    const mended = this.#isDiscarding ? [] : this.#mendables();
    return finalState(this.#outside, [...compared, ...mended]);
  }

  #stored(projections: readonly Projection[]) {
    return finalState(this.#outside, projections).models;
  }

  #context() {
    return {
      violate: (violation: Violation) => this.#violate(violation),
      step: () => this.#steps(),
    };
  }

  #violate(violation: Violation): void {
    this.#violation ??= violation;
  }

  #broke(who: string, error: unknown): void {
    const what = `${who} ended with an error that nobody expects: ${messageOf(error)}`;
    this.#violate({ invariant: 'crash', at: this.#steps(), what });
  }

  readonly #count = (name: string, times = 1): void => {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  };

  #countChecks(): void {
    const { events, checkpoints, token, sequencer, writes } = this.#watch;
    const counted = {
      'events that came again': events.counts.repeated,
      'watermarks compared with commits': events.counts.watermarksCompared,
      'checkpoints compared with writes': checkpoints.counts.saved,
      'offsets compared with state': sequencer.counts.commits,
      'state rows compared with facts': sequencer.counts.rows,
      'writes compared with events': writes.count,
      'reads with a token compared': token.counts.conclusive,
      'rows read with a token compared': token.counts.rowsCompared,
    };
    for (const [name, times] of Object.entries(counted)) {
      if (times > 0) this.#count(`checks: ${name}`, times);
    }
  }

  #steps(): number {
    return this.#outside.scheduler.steps;
  }

  #time(): string {
    return (this.#outside.scheduler.nowMs() - startMs).toFixed(0).padStart(6);
  }
}

function modelOf(projection: Projection): ReadModel {
  return readModelOf({ projection, generation: 1 });
}

const fateInWords = {
  slow: 'slow',
  lost: 'lost: no effect, no answer',
  unheard: 'unheard: it takes effect, the answer is lost',
  late: 'late: no answer, and it takes effect much later',
} as const;
