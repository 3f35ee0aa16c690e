/**
 * Hosts what readers use, and follows a switch in place: twice a second it looks which generations are
 * live, and tells the worker, which begins its epoch anew at the checkpoints of the other generation.
 * While that cannot be asked, or a new table cannot be used, it goes on with what it hosts.
 *
 * A projection whose totals are held is not hosted meanwhile, and afterwards again: an epoch that begins
 * knows nothing of the totals that another one had in memory (totals-holds.ts).
 */
import { messageOf } from '../error.ts';
import type { Logger } from '../logger.ts';
import type { Definitions } from '../projection/definitions.ts';
import type { Clock } from './clock.ts';
import { type FirstPorts, makeFirstLive } from './first-generation.ts';
import { isSameGeneration, type Live } from './generations.ts';
import { type Hosting, type Place, placeOf, placeSentence } from './hosting.ts';
import type { ReadModel } from './store.ts';
import type { HoldStore } from './totals-holds.ts';
import { type Hosted, readModelOf } from './worker-settings.ts';

export type HostingPorts = FirstPorts & {
  readonly holds: Pick<HoldStore, 'held'>;
  readonly clock: Pick<Clock, 'nowMs' | 'delay'>;
  /** Looks whether the tables are there and of the right shape; throws SCHEMA when not. */
  readonly prepare: (models: readonly ReadModel[]) => Promise<void>;
  /** Of all projections, at first and after each change. */
  readonly told: (places: readonly Place[]) => void;
  /** The last sentence of each projection, for as long as the process lives: none is said again. */
  readonly said: Map<string, string>;
  readonly logger: Logger;
};

const lookIntervalMs = 500;

export class LiveHosting implements Hosting {
  readonly #ports: HostingPorts;
  readonly #definitions: readonly Definitions[];
  #places: readonly Place[] = [];
  #hosted: readonly Hosted[] = [];
  #failing: string | null = null;

  private constructor(ports: HostingPorts, definitions: readonly Definitions[]) {
    this.#ports = ports;
    this.#definitions = definitions;
  }

  /** Makes a first generation live where nothing is. Rejects when that cannot be asked or decided. */
  static async open(
    ports: HostingPorts,
    definitions: readonly Definitions[],
  ): Promise<LiveHosting> {
    const hosting = new LiveHosting(ports, definitions);
    await hosting.#begin();
    return hosting;
  }

  readonly current = (): readonly Hosted[] => this.#hosted;

  get places(): readonly Place[] {
    return this.#places;
  }

  readonly follow = async (changed: () => void, signal: AbortSignal): Promise<void> => {
    const { clock, logger } = this.#ports;
    while (!signal.aborted) {
      await clock.delay(lookIntervalMs, signal);
      if (signal.aborted) return;
      try {
        const isChanged = await this.#look();
        if (this.#failing !== null) logger.info({}, 'it is seen again which generations are live');
        this.#failing = null;
        if (isChanged && !signal.aborted) changed();
      } catch (thrown) {
        if (!signal.aborted) this.#complain(thrown);
      }
    }
  };

  async #begin(): Promise<void> {
    const { generations, logger } = this.#ports;
    const live = await generations.live(this.#definitions.map(({ present }) => present.name));
    const held = await this.#heldNow();
    const places: Place[] = [];
    for (const definitions of this.#definitions) {
      const { name } = definitions.present;
      let known = live.get(name);
      if (known === undefined) {
        known = await makeFirstLive(this.#ports, definitions);
        logger.info(
          { projection: name, ...wordsOf(known) },
          `nothing of ${name} was live until now`,
        );
      }
      places.push(placeOf(definitions, known, held.has(name)));
    }
    await this.#take(places, places);
  }

  /** True when something else is hosted now. */
  async #look(): Promise<boolean> {
    const names = this.#definitions.map(({ present }) => present.name);
    const live = await this.#ports.generations.live(names);
    const held = await this.#heldNow();
    const places = this.#places.map((place, at) => {
      const now = live.get(place.present.name);
      const definitions = this.#definitions[at];
      if (now === undefined || definitions === undefined) return place;
      const isHeld = held.has(place.present.name);
      const isSame = isSameGeneration(now, place.live) && isHeld === place.isHeld;
      return isSame ? place : placeOf(definitions, now, isHeld);
    });
    const changed = places.filter((place) => !this.#places.includes(place));
    if (changed.length === 0) return false;
    await this.#take(places, changed);
    return true;
  }

  /** Only totals are ever in a worker's memory. */
  async #heldNow(): Promise<ReadonlySet<string>> {
    const { holds, clock } = this.#ports;
    const isAggregate = ({ present, former }: Definitions) =>
      [present, ...former].some(({ kind }) => kind === 'aggregate');
    const names = this.#definitions.filter(isAggregate).map(({ present }) => present.name);
    const held = [...(await holds.held(names))].filter(
      ([, { untilMs }]) => untilMs > clock.nowMs(),
    );
    return new Set(held.map(([name]) => name));
  }

  async #take(places: readonly Place[], changed: readonly Place[]): Promise<void> {
    const { prepare, told } = this.#ports;
    await prepare(hostedOf(changed).map(readModelOf));
    this.#places = places;
    this.#hosted = hostedOf(places);
    for (const place of changed) this.#say(place);
    told(places);
  }

  #say(place: Place): void {
    const { said, logger } = this.#ports;
    const { name } = place.present;
    const { level, text } = placeSentence(place);
    if (said.get(name) === text) return;
    said.set(name, text);
    logger[level]({ projection: name, ...wordsOf(place.live) }, text);
  }

  /** Once for each reason: it is tried again twice a second. */
  #complain(thrown: unknown): void {
    const reason = messageOf(thrown);
    if (reason === this.#failing) return;
    this.#failing = reason;
    this.#ports.logger.warn(
      { err: thrown },
      `which generations are live, and what is held, cannot be seen at present; what was hosted goes on: ${reason}`,
    );
  }
}

function hostedOf(places: readonly Place[]): readonly Hosted[] {
  return places.map(({ hosted }) => hosted).filter((hosted) => hosted !== null);
}

function wordsOf({ version, generation }: Live) {
  return { version, generation };
}
