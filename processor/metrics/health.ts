/**
 * Liveness and readiness. Live means progress against the source: with something to read, the
 * checkpoints move. A process that holds no partition (it stands by, or the group never settles) is
 * judged by whether its group as a whole moves. Ready means that it has its place in the group and
 * is not draining.
 */
import type { HeldPartition, Progress } from './progress.ts';

export type HealthReport = { readonly ok: boolean; readonly reasons: readonly string[] };

export type ServicePhase = 'starting' | 'running' | 'draining';

export class Health {
  readonly #own: Progress;
  readonly #group: Progress;
  readonly #stalledMsMax: number;
  readonly #nowMs: () => number;
  #phase: ServicePhase = 'starting';

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

  enter(phase: ServicePhase): void {
    if (this.#phase !== 'draining') this.#phase = phase;
  }

  live(): HealthReport {
    const judged = this.#own.held().length > 0 ? this.#own : this.#group;
    const reasons = judged.stalled(this.#stalledMsMax).map((held) => this.#sentence(held));
    return { ok: reasons.length === 0, reasons };
  }

  ready(): HealthReport {
    switch (this.#phase) {
      case 'running':
        return { ok: true, reasons: [] };
      case 'starting':
        return { ok: false, reasons: ['It is starting: its consumer group has not answered yet.'] };
      case 'draining':
        return { ok: false, reasons: ['It is draining and takes no new work.'] };
    }
  }

  #sentence({ reader, partition, offset, endOffset, waitingSinceMs }: HeldPartition): string {
    const seconds = Math.round((this.#nowMs() - (waitingSinceMs ?? 0)) / 1000);
    return `${reader}, partition ${partition}: the checkpoint has stood at offset ${offset} for ${seconds} s while the partition goes on to ${endOffset}.`;
  }
}
