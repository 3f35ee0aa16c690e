/**
 * The leases that a replay holds on its projections (engine/generations.ts): taken before anything is
 * written, renewed all the while, and given back. Two replays of one projection would be harmless to
 * its rows, since everything carries its position (I6), but would cost twice; and only one may promote.
 *
 * It is lost when somebody else has it: `lost` aborts. One that could not be renewed in time, since the
 * database was slow, is taken again if it is still free; before a promotion all are asked for once more.
 */
import type { Clock } from '../engine/clock.ts';
import type { GenerationStore, Lease } from '../engine/generations.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';

export type LeaseSettings = {
  readonly owner: string;
  readonly about: string;
  readonly leaseMs: number;
};

type Ports = {
  readonly generations: Pick<GenerationStore, 'lease' | 'leased' | 'release'>;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Renewals in the time of a lease. */
const renewals = 3;
/** A lease that nobody renews is looked at so often until it is free. */
const looks = 15;

export class Leases {
  readonly #ports: Ports;
  readonly #settings: LeaseSettings;
  readonly #taken = new Set<string>();
  readonly #lost = new AbortController();
  readonly #over = new AbortController();
  #renewing: Promise<void> = Promise.resolve();

  constructor(ports: Ports, settings: LeaseSettings) {
    this.#ports = ports;
    this.#settings = settings;
  }

  /** Aborted with the error, once one of them is lost. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether all of them are held: renews each. Rejects when that cannot be asked. */
  async confirm(): Promise<boolean> {
    for (const projection of this.#taken) {
      const held = await this.#ask(projection);
      if (held !== null) this.#lose(projection, held);
    }
    return !this.#lost.signal.aborted;
  }

  /**
   * Takes one, or throws GENERATION with who has it. One that nobody renews is waited for: its owner
   * was killed.
   */
  async take(projection: string, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#ports;
    const { leaseMs } = this.#settings;
    let first: Lease | null = null;
    for (;;) {
      const held = await this.#ask(projection);
      if (held === null) return;
      if (first === null) {
        const seconds = Math.ceil((held.untilMs - clock.nowMs()) / 1000);
        const text = `${projection} was being replayed by ${held.about}; if that is no more, its lease runs out within ${seconds} s`;
        logger.info({ projection, holder: held.about }, text);
      }
      first ??= held;
      const isRenewed = held.untilMs !== first.untilMs || held.owner !== first.owner;
      if (isRenewed || signal.aborted) throw refused(projection, held);
      await clock.delay(leaseMs / looks, signal);
    }
  }

  /** Renews them from now on. */
  keep(): void {
    this.#renewing = this.#renew();
  }

  /** Gives them back, so that the next one needs not wait. Does not reject: they run out by themselves. */
  async release(): Promise<void> {
    this.#over.abort();
    await this.#renewing;
    const { generations, logger } = this.#ports;
    for (const projection of this.#taken) {
      try {
        await generations.release(projection, this.#settings.owner);
      } catch (thrown) {
        const text = `the lease on ${projection} was not given back (${messageOf(thrown)}): it runs out by itself`;
        logger.warn({ projection, err: thrown }, text);
      }
    }
    this.#taken.clear();
  }

  async #ask(projection: string): Promise<Lease | null> {
    const { generations, clock } = this.#ports;
    const { owner, about, leaseMs } = this.#settings;
    // From before the question: the answer may take its time.
    const untilMs = clock.nowMs() + leaseMs;
    const held = await generations.lease(projection, { owner, about, untilMs });
    if (held === null) this.#taken.add(projection);
    return held;
  }

  async #renew(): Promise<void> {
    const { clock, logger } = this.#ports;
    const { leaseMs } = this.#settings;
    const { signal } = this.#over;
    for (;;) {
      await clock.delay(leaseMs / renewals, signal);
      if (signal.aborted) return;
      for (const projection of this.#taken) {
        try {
          const held = await this.#ask(projection);
          if (held !== null) return this.#lose(projection, held);
        } catch (thrown) {
          const text = `the lease on ${projection} could not be renewed, and is tried again: ${messageOf(thrown)}`;
          logger.warn({ projection, err: thrown }, text);
        }
      }
    }
  }

  #lose(projection: string, { about }: Lease): void {
    this.#lost.abort(
      new TurnstreamError(
        'GENERATION',
        `the lease on ${projection} is lost (${about} has it now): this replay stops at once; what it has written is right, and the other one goes on from its checkpoints`,
      ),
    );
  }
}

function refused(projection: string, { about, untilMs }: Lease): TurnstreamError {
  return new TurnstreamError(
    'GENERATION',
    `${projection} is being replayed by ${about}, which renewed its lease until ${new Date(untilMs).toISOString()}: wait for it, or stop it (SIGTERM) and start again`,
  );
}

/** Does it while this process has the leases of all that are named, and renews them meanwhile. */
export async function leased<T>(
  ports: Ports,
  settings: LeaseSettings,
  names: readonly string[],
  signal: AbortSignal,
  work: (leases: Leases) => Promise<T>,
): Promise<T> {
  const leases = new Leases(ports, settings);
  try {
    leases.keep();
    for (const name of names) await leases.take(name, signal);
    return await work(leases);
  } finally {
    await leases.release();
  }
}
