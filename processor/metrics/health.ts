/**
 * Liveness and readiness. Live means progress against the source: with something to read, the
 * checkpoints move. A process that holds no partition (it stands by, or the group never settles) is
 * judged by whether its group as a whole moves. One that waits for what is away, and has tried it
 * lately, is alive: it begins anew with every try, so killing it would bring nothing back. Ready
 * means that it has its place in the group and is not draining.
 */
import type { HeldPartition, Progress } from './progress.ts';

export type HealthReport = { readonly ok: boolean; readonly reasons: readonly string[] };

export type ServicePhase = 'starting' | 'running' | 'draining';

const starting = 'It is starting: its consumer group has not answered yet.';

export class Health {
  readonly #own: Progress;
  readonly #group: Progress;
  readonly #stalledMsMax: number;
  readonly #nowMs: () => number;
  #phase: ServicePhase = 'starting';
  #hasPlace = false;
  #idleFor: string | null = null;
  #waitsFor: { readonly sentence: string; readonly triedAtMs: number } | null = null;

  /** `own`: partitions that this process holds. `group`: those of its whole group. */
  constructor(options: {
    readonly own: Progress;
    readonly group: Progress;
    readonly stalledMsMax: number;
    readonly nowMs: () => number;
  }) {
    this.#own = options.own;
    this.#group = options.group;
    this.#stalledMsMax = options.stalledMsMax;
    this.#nowMs = options.nowMs;
  }

  /** It has its place in the group, or had it when it began to drain. */
  get hasPlace(): boolean {
    return this.#hasPlace;
  }

  enter(phase: ServicePhase): void {
    if (phase !== 'draining') this.#hasPlace = phase === 'running';
    if (this.#phase !== 'draining') this.#phase = phase;
    if (phase === 'running') this.#waitsFor = null;
  }

  /** A try has failed now for what the sentence says; it has no place in the group meanwhile. */
  waits(sentence: string): void {
    this.#waitsFor = { sentence, triedAtMs: this.#nowMs() };
    this.enter('starting');
  }

  /** Nothing is there for it to do, and why; null: there is again. It is alive meanwhile, whatever its group does. */
  idles(sentence: string | null): void {
    this.#idleFor = sentence;
  }

  live(): HealthReport {
    if (this.#idleFor !== null) return { ok: true, reasons: [this.#idleFor, ...this.#waiting()] };
    const judged = this.#own.held().length > 0 ? this.#own : this.#group;
    const reasons = judged.stalled(this.#stalledMsMax).map((held) => this.#sentence(held));
    const ok = reasons.length === 0 || this.#triesOn;
    return { ok, reasons: [...reasons, ...this.#waiting()] };
  }

  ready(): HealthReport {
    switch (this.#phase) {
      case 'running':
        return { ok: true, reasons: [] };
      case 'starting':
        return { ok: false, reasons: this.#waitsFor === null ? [starting] : this.#waiting() };
      case 'draining':
        return { ok: false, reasons: ['It is draining and takes no new work.'] };
    }
  }

  #waiting(): readonly string[] {
    return this.#waitsFor === null ? [] : [`It waits: ${this.#waitsFor.sentence}`];
  }

  get #triesOn(): boolean {
    if (this.#waitsFor === null) return false;
    return this.#nowMs() - this.#waitsFor.triedAtMs <= this.#stalledMsMax;
  }

  #sentence({ reader, partition, offset, endOffset, waitingSinceMs }: HeldPartition): string {
    const seconds = Math.round((this.#nowMs() - (waitingSinceMs ?? 0)) / 1000);
    return `${reader}, partition ${partition}: the checkpoint has stood at offset ${offset} for ${seconds} s while the partition goes on to ${endOffset}.`;
  }
}
