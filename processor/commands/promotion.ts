/**
 * Switching readers to another build by hand: which one is meant, whether that may be, and the one
 * conditional write. Nothing else changes: workers and readers follow what is live.
 */
import type { Clock } from '../engine/clock.ts';
import {
  droppedGeneration,
  type Generation,
  type GenerationId,
  type GenerationStore,
  generationName,
  isSameGeneration,
  type Live,
} from '../engine/generations.ts';
import type { Checkpoint, CheckpointStore } from '../engine/store.ts';
import { TurnstreamError } from '../error.ts';
import type { TableShape } from '../projection/projection.ts';
import { leastWatermark, untilText } from './generations-report.ts';

/** `newest`: what a replay has built last. `back`: what readers used before. */
export type Wanted =
  | { readonly kind: 'newest' }
  | { readonly kind: 'back' }
  /** A number, or the table's name, which also says the version. */
  | { readonly kind: 'named'; readonly name: string };

export type PromotionPorts = {
  readonly generations: GenerationStore;
  readonly checkpoints: Pick<CheckpointStore, 'load'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Reads what a generation lacks, up to the live one's watermark, and verifies it; null: that cannot be done here. */
  readonly bringUpToDate: ((id: GenerationId) => Promise<void>) | null;
};

export type PromotionOptions = {
  readonly wanted: Wanted;
  /** Without bringing it up to date. */
  readonly asIs: boolean;
  readonly acceptDeadLetters: boolean;
};

export type Promotion = {
  readonly to: Generation;
  readonly from: Live | null;
  /** What it is exact as of, at the switch. */
  readonly watermark: Checkpoint['watermark'];
};

/** Throws GENERATION with the reason why not, and what to do. */
export async function promote(
  ports: PromotionPorts,
  shape: TableShape,
  options: PromotionOptions,
): Promise<Promotion> {
  const { generations } = ports;
  const { projection } = shape;
  const from = (await generations.live([projection])).get(projection) ?? null;
  const to = targetOf(await generations.list(projection), from, projection, options.wanted);
  checkPromotable(to, from);
  const marks = (id: GenerationId) => ports.checkpoints.load(modelOf(shape, id));
  if (!options.asIs && from !== null && isBehind(await marks(to), await marks(from))) {
    if (ports.bringUpToDate === null) throw notUpToDate(to, from, projection);
    await ports.bringUpToDate(to);
  }
  const reached = await marks(to);
  checkLetters(to, reached, options.acceptDeadLetters);
  await switchReaders(ports, to, from);
  return { to, from, watermark: leastWatermark(reached) };
}

/** Repeats what got no answer with the same words, which is deciding once. */
export async function switchReaders(
  { generations, clock }: Pick<PromotionPorts, 'generations' | 'clock'>,
  to: GenerationId,
  from: GenerationId | null,
): Promise<void> {
  const atMs = clock.nowMs();
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (await generations.promote(to, from, atMs)) return;
      break;
    } catch (thrown) {
      if (!(thrown instanceof TurnstreamError && thrown.retriable) || attempt === attemptsMax) {
        throw thrown;
      }
    }
  }
  const now = (await generations.live([to.projection])).get(to.projection) ?? null;
  throw refused(
    `${generationName(to)} is not promoted: somebody else was first, readers use ${now === null ? 'another one' : generationName(now)} by now, and not ${from === null ? 'nothing' : generationName(from)} as was seen; look at \`turnstream generations ${to.projection}\`, then promote again if it is still wanted`,
  );
}

const attemptsMax = 3;

export function targetOf(
  all: readonly Generation[],
  live: Live | null,
  projection: string,
  wanted: Wanted,
): Generation {
  if (wanted.kind === 'named') return namedOf(all, projection, wanted.name);
  const others = all.filter(
    (each) => each.droppedAtMs === null && each.until === null && !isSameGeneration(each, live),
  );
  if (wanted.kind === 'back') {
    const former = newestBy(others, ({ promotedAtMs }) => promotedAtMs);
    if (former !== undefined) return former;
    throw refused(
      `there is nothing to go back to: readers of ${projection} have used no other generation that is still there`,
    );
  }
  const built = newestBy(
    others.filter(({ promotedAtMs }) => promotedAtMs === null),
    ({ builtAtMs, createdAtMs }) => (builtAtMs === null ? null : createdAtMs),
  );
  if (built !== undefined) return built;
  throw refused(
    `${projection} has no generation that is built and was not promoted yet: \`turnstream replay ${projection}\` builds one, --back returns to the former one, --generation names one`,
  );
}

function namedOf(all: readonly Generation[], projection: string, name: string): Generation {
  const found = all.filter(
    (each) => generationName(each) === name || `${each.generation}` === name,
  );
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return only;
  if (only === undefined) {
    throw refused(
      `${projection} has no generation ${name}; \`turnstream generations ${projection}\` lists what there is`,
    );
  }
  throw refused(
    `${name} may be ${found.map(generationName).join(' or ')}: name the one that is meant`,
  );
}

function checkPromotable(to: Generation, live: Live | null): void {
  const name = generationName(to);
  if (to.droppedAtMs !== null) throw droppedGeneration(to);
  if (isSameGeneration(to, live)) throw refused(`${name} is what readers use already`);
  if (to.until !== null) {
    throw refused(
      `${name} is a read model as of ${untilText(to.until)}, which nobody keeps up to date: it is not for readers of the present; query it under its own name`,
    );
  }
  if (to.builtAtMs === null && to.promotedAtMs === null) {
    throw refused(
      `${name} is not finished: readers would see a part of it; \`turnstream replay ${to.projection}\` goes on building it`,
    );
  }
}

function checkLetters(
  to: Generation,
  reached: ReadonlyMap<number, Checkpoint>,
  accepted: boolean,
): void {
  let waiting = 0;
  for (const { deadLetters } of reached.values()) waiting += deadLetters;
  if (waiting === 0 || accepted) return;
  const name = generationName(to);
  throw refused(
    `${name} lacks ${waiting} ${waiting === 1 ? 'event that its function threw' : 'events that its function threw'} on: \`turnstream dead-letters list ${name}\` says which; mend it and retry them, or give --accept-dead-letters`,
  );
}

/** It has not all that readers have by now. */
function isBehind(
  own: ReadonlyMap<number, Checkpoint>,
  live: ReadonlyMap<number, Checkpoint>,
): boolean {
  for (const [partition, { offset }] of live) {
    if ((own.get(partition)?.offset ?? 0) < offset) return true;
  }
  return false;
}

function notUpToDate(to: Generation, from: Live, projection: string): TurnstreamError {
  return refused(
    `${generationName(to)} is behind ${generationName(from)}, and readers would go back in time: \`turnstream replay ${projection}\` builds a generation that is up to date; --as-is switches all the same, and says as of when it is`,
  );
}

function modelOf(shape: TableShape, { version, generation }: GenerationId) {
  return { shape: { ...shape, version }, generation };
}

function newestBy(
  all: readonly Generation[],
  at: (generation: Generation) => number | null,
): Generation | undefined {
  let newest: Generation | undefined;
  for (const each of all) {
    const atMs = at(each);
    if (atMs === null) continue;
    if (newest === undefined || atMs >= (at(newest) ?? 0)) newest = each;
  }
  return newest;
}

function refused(message: string): TurnstreamError {
  return new TurnstreamError('GENERATION', `${message}.`);
}
