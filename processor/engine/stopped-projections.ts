/**
 * Which projections of a worker have stopped, and why. One that halted, or whose table refuses its
 * writes, keeps its checkpoints where they are; the others go on without it until the process is
 * started again.
 */
import { messageOf, TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';
import type { Hosting } from './hosting.ts';
import type { Hosted } from './worker-settings.ts';

export class StoppedProjections {
  readonly #hosting: Pick<Hosting, 'current'>;
  readonly #logger: Logger;
  readonly #errors = new Map<string, TurnstreamError>();
  readonly #onAllStopped: (error: TurnstreamError) => void;

  constructor(
    hosting: Pick<Hosting, 'current'>,
    logger: Logger,
    onAllStopped: (error: TurnstreamError) => void,
  ) {
    this.#hosting = hosting;
    this.#logger = logger;
    this.#onAllStopped = onAllStopped;
  }

  has(name: string): boolean {
    return this.#errors.has(name);
  }

  errorOf(name: string): TurnstreamError | null {
    return this.#errors.get(name) ?? null;
  }

  /** The first reason counts. */
  stop(name: string, thrown: unknown): void {
    if (this.#errors.has(name)) return;
    const error = asStop(name, thrown);
    this.#errors.set(name, error);
    this.#logger.error(
      { projection: name, err: error },
      `projection ${name} has stopped, its checkpoints stay: ${error.message}`,
    );
    const names = this.#hosting.current().map(({ projection }) => projection.name);
    if (names.every((each) => this.#errors.has(each))) this.#onAllStopped(allStopped(this.#errors));
  }

  /** What stopped one generation of it says nothing of another. */
  switched(former: readonly Hosted[], present: readonly Hosted[]): void {
    for (const { projection, generation } of former) {
      const goesOn = present.some(
        (each) => each.projection === projection && each.generation === generation,
      );
      if (!goesOn) this.#errors.delete(projection.name);
    }
  }
}

function asStop(name: string, thrown: unknown): TurnstreamError {
  if (thrown instanceof TurnstreamError) return thrown;
  return new TurnstreamError(
    'PROJECTION',
    `projection ${name} met an error that it can't go on from: ${messageOf(thrown)}`,
    { cause: thrown },
  );
}

function allStopped(errors: ReadonlyMap<string, TurnstreamError>): TurnstreamError {
  const [only] = errors.values();
  if (errors.size === 1 && only !== undefined) return only;
  const reasons = [...errors].map(([name, { message }]) => `${name}: ${message}`);
  return new TurnstreamError(
    only?.code ?? 'PROJECTION',
    `every projection of this worker has stopped. ${reasons.join(' · ')}`,
    { cause: only },
  );
}
