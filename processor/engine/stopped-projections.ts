/**
 * Which projections of a worker have stopped, and why. One that halted, or whose table refuses its
 * writes, keeps its checkpoints where they are; the others go on without it until the process is
 * started again.
 */
import { messageOf, TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';

export class StoppedProjections {
  readonly #names: readonly string[];
  readonly #logger: Logger;
  readonly #errors = new Map<string, TurnstreamError>();
  readonly #onAllStopped: (error: TurnstreamError) => void;

  constructor(
    names: readonly string[],
    logger: Logger,
    onAllStopped: (error: TurnstreamError) => void,
  ) {
    this.#names = names;
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
    if (this.#errors.size === this.#names.length) this.#onAllStopped(allStopped(this.#errors));
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
