/**
 * A process of ours in a simulated history: one incarnation of a sequencer or a worker. Everything
 * that it asks of the outside goes through a call (network.ts), and at any call it can be killed or
 * paused. A killed process never hears an answer again; a paused one hears them all when it goes on,
 * however much has happened meanwhile: a zombie.
 */
import type { Owner } from './scheduler.ts';

export class Process implements Owner {
  readonly name: string;
  #state: Owner['state'] = 'running';

  constructor(name: string) {
    this.name = name;
  }

  get state(): Owner['state'] {
    return this.#state;
  }

  kill(): void {
    this.#state = 'dead';
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state === 'paused') this.#state = 'running';
  }
}
