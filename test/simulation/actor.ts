/**
 * An actor is a place for a process of ours, with somebody who starts it again when it ended: one
 * sequencer or one worker, through all its incarnations. Incidents befall it at its calls.
 */
import { messageOf, TurnstreamError } from '../../processor/error.ts';
import type { Fate } from './network.ts';
import type { Incident } from './plan.ts';
import { Process } from './process.ts';
import { type Scheduler, theWorld } from './scheduler.ts';

/** A broker's side of a process's life. */
export type Memberships = {
  readonly died: (process: Process) => void;
  readonly expire: (process: Process) => void;
  readonly notice: (process: Process) => void;
  readonly rebalance: (process: Process) => void;
};

export type ActorParts = {
  readonly scheduler: Scheduler;
  readonly memberships: Memberships;
  readonly run: (process: Process, signal: AbortSignal) => Promise<void>;
  readonly say: (line: string) => void;
  readonly count: (name: string) => void;
  /** It ended with an error that nobody expects. */
  readonly broke: (actor: string, error: unknown) => void;
};

/** After which a broker gives up on a member that stands still. */
const sessionMs = 150;
const restartMs = 20;

export class Actor {
  readonly name: string;
  readonly #parts: ActorParts;
  /** By place and number of the call there; the place is empty for any. */
  readonly #incidents: ReadonlyMap<string, Incident>;
  #process: Process | null = null;
  #stop = new AbortController();
  #incarnations = 0;
  readonly #calls = new Map<string, number>();
  /** No more incidents. */
  calm = false;

  constructor(name: string, incidents: readonly Incident[], parts: ActorParts) {
    this.name = name;
    this.#parts = parts;
    this.#incidents = new Map(
      incidents
        .filter(({ actor }) => actor === name)
        .map((each) => [`${each.place ?? ''} ${each.call}`, each]),
    );
  }

  start(): void {
    const { scheduler, run, say, broke } = this.#parts;
    this.#incarnations += 1;
    const process = new Process(`${this.name}.${this.#incarnations}`);
    this.#process = process;
    const stop = new AbortController();
    this.#stop = stop;
    scheduler.step(process, 'start', () => {
      say(`${process.name} starts`);
      run(process, stop.signal).then(
        () => this.#ended(process, restartMs),
        (error: unknown) => {
          say(`${process.name} ended: ${messageOf(error)}`);
          if (!isPassing(error)) broke(process.name, error);
          this.#ended(process, restartMs);
        },
      );
    });
  }

  /** Killed, and not started again until somebody does. */
  down(): void {
    const process = this.#process;
    this.#process = null;
    if (process === null || process.state === 'dead') return;
    process.kill();
    this.#parts.memberships.died(process);
  }

  /** The process makes a call: what is planned for this moment happens. Answers its fate, if it has one. */
  called(process: Process, label: string): Fate | null {
    if (process !== this.#process) return null;
    const incident = this.#incidentAt('') ?? this.#incidentAt(label);
    if (incident === undefined || this.calm) return null;
    this.#befall(process, incident, label);
    if (incident.kind === 'kill-unheard') return 'unheard';
    return incident.kind === 'kill-slow' || incident.kind === 'expire' ? 'slow' : null;
  }

  #incidentAt(place: string): Incident | undefined {
    const call = (this.#calls.get(place) ?? 0) + 1;
    this.#calls.set(place, call);
    return this.#incidents.get(`${place} ${call}`);
  }

  #befall(process: Process, { kind, forMs }: Incident, label: string): void {
    const { scheduler, memberships, say, count } = this.#parts;
    count(`${kind} at ${label}`);
    switch (kind) {
      case 'kill':
        say(`${process.name} is killed before “${label}” is sent`);
        this.#kill(process, forMs);
        return;
      case 'kill-sent':
      case 'kill-slow':
      case 'kill-unheard':
        scheduler.step(theWorld, `kill ${process.name}`, () => {
          say(`${process.name} is killed with “${label}” under way`);
          this.#kill(process, forMs);
        });
        return;
      case 'pause':
        say(`${process.name} stands still at “${label}” for ${forMs} ms`);
        process.pause();
        if (forMs > sessionMs) {
          scheduler.after(theWorld, sessionMs, 'session time-out', () => {
            say(`the broker gives up on ${process.name}, which stands still`);
            memberships.expire(process);
          });
        }
        scheduler.after(theWorld, forMs, `${process.name} goes on`, () => {
          say(`${process.name} goes on`);
          process.resume();
          if (forMs > sessionMs) this.#noticeLater(process);
        });
        return;
      case 'expire':
        say(`the broker gives up on ${process.name} at “${label}”, which works on`);
        memberships.expire(process);
        scheduler.after(theWorld, forMs, 'heartbeat', () => memberships.notice(process));
        return;
      case 'stop':
        say(`${process.name} is asked to stop at “${label}”`);
        this.#stop.abort();
        return;
      case 'rebalance':
        say(`the group of ${process.name} is rebalanced at “${label}”`);
        memberships.rebalance(process);
    }
  }

  #noticeLater(process: Process): void {
    const { scheduler, memberships } = this.#parts;
    scheduler.after(theWorld, sessionMs, 'heartbeat', () => memberships.notice(process));
  }

  #kill(process: Process, forMs: number): void {
    if (process.state === 'dead') return;
    process.kill();
    this.#parts.memberships.died(process);
    this.#restart(process, forMs);
  }

  #ended(process: Process, forMs: number): void {
    if (process.state === 'dead') return;
    process.kill();
    this.#restart(process, forMs);
  }

  #restart(process: Process, forMs: number): void {
    const { scheduler } = this.#parts;
    scheduler.after(theWorld, forMs, `restart ${this.name}`, () => {
      if (this.#process === process) this.start();
    });
  }
}

/** What a supervisor answers by starting the process again. */
function isPassing(error: unknown): boolean {
  return error instanceof TurnstreamError && error.retriable;
}
