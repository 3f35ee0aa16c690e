/**
 * How fast a replay is, on the local stack, from a topic filled beforehand with conversations that go on
 * at the same time. Each form in a process of its own (replay-form.ts), one after the other, round by round, so that
 * the ratios hold on a machine that has other work:
 *
 * - a live worker that builds one generation at a time, with the settings of `turnstream run`;
 * - a replay, one pass for all of them, with those of `turnstream replay`;
 * - the bare driver, which writes what that pass wrote, in the same batches.
 *
 * Wanted: a replay of all is at least 3 times as fast as the live worker, one generation after the other,
 * and takes at most 1 / 0.6 of the bare driver's time.
 * Run: `make up`, then `npx tsx benchmarks/replay.bench.ts [turns] [rounds]`.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ConversationEvent } from '../processor/event/event.ts';
import type { Position } from '../processor/source/position.ts';
import { projections } from '../projections/index.ts';
import { openRealWorld } from '../test/worker/real-world.ts';
import { type SyntheticEvent, synthesise } from '../test/worker/synthetic.ts';
import type { FormResult, FormTask } from './replay-form.ts';

const turns = Number(process.argv[2] ?? 12_000);
const rounds = Number(process.argv[3] ?? 3);
const partitions = 4;
const chunkEvents = 5_000;
/** Conversations that go on at the same time. */
const concurrent = 400;
/** Generations that one process may make. */
const generationsEach = 4;

const world = await openRealWorld(projections, partitions);
const events = await fill();
let generation = 1;

async function run(
  form: FormTask['form'],
  hosted: readonly { readonly name: string }[],
): Promise<FormResult> {
  const task: FormTask = {
    world: world.id,
    partitions,
    events,
    form,
    projections: hosted.map(({ name }) => name),
    generation,
  };
  generation += generationsEach;
  const file = fileURLToPath(new URL('./replay-form.ts', import.meta.url));
  // The young generation that docs/operating.md has for large replays.
  const args = ['--max-semi-space-size=64', '--import', 'tsx', file, JSON.stringify(task)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as FormResult;
}

async function fill(): Promise<number> {
  const events = interleaved(synthesise(turns, partitions, Date.now()).events);
  for (let start = 0; start < events.length; start += chunkEvents) {
    const chunk = events.slice(start, start + chunkEvents);
    await world.append(chunk.map(({ partition, event }) => ({ partition, entry: event })));
  }
  return events.length;
}

/** Event by event of many conversations in turn; positions rise as they stand. */
function interleaved(events: readonly SyntheticEvent[]): readonly SyntheticEvent[] {
  const bySession = new Map<string, SyntheticEvent[]>();
  for (const each of events) {
    const session = bySession.get(each.event.sessionUid) ?? [];
    bySession.set(each.event.sessionUid, session);
    session.push(each);
  }
  const waiting = [...bySession.values()].map((all) => [...all]).toReversed();
  const going: SyntheticEvent[][] = [];
  const result: SyntheticEvent[] = [];
  for (;;) {
    while (going.length < concurrent) {
      const next = waiting.pop();
      if (next === undefined) break;
      going.push(next);
    }
    if (going.length === 0) return result;
    for (const [at, session] of [...going.entries()].toReversed()) {
      const next = session.shift();
      if (next === undefined) going.splice(at, 1);
      else {
        const event: ConversationEvent = {
          ...next.event,
          position: (result.length * 1024) as Position,
        };
        result.push({ partition: next.partition, event });
      }
    }
  }
}

const perSecond = (count: number, took: number) => Math.round(count / took);
const ratio = (one: number, other: number) => Number((one / other).toFixed(2));

function median(of: readonly number[]): number {
  const sorted = [...of].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? 0)) / 2;
}

const mean = (one: FormResult, other: FormResult) => (one.seconds + other.seconds) / 2;
const times: number[] = [];
const shares: number[] = [];
for (let round = 1; round <= rounds; round += 1) {
  // A machine has slow and fast minutes: what is compared takes turns.
  const live: number[] = [];
  const passes: FormResult[] = [];
  const bares: FormResult[] = [];
  for (const projection of projections) {
    live.push((await run('live', [projection])).seconds);
    if (passes.length < 2) passes.push(await run('replay', projections));
    if (bares.length < 2) bares.push(await run('bare driver', projections));
  }
  const [pass, laterPass] = passes as [FormResult, FormResult];
  const [bare, laterBare] = bares as [FormResult, FormResult];
  const passSeconds = mean(pass, laterPass);
  const bareSeconds = mean(bare, laterBare);
  times.push(live.reduce((sum, each) => sum + each, 0) / passSeconds);
  shares.push(bareSeconds / passSeconds);
  const liveEventsPerSecond = projections.map(({ name }, at) => [
    name,
    perSecond(events, live[at] ?? 0),
  ]);
  console.log(
    JSON.stringify({
      round,
      events,
      rows: bare.rows,
      batches: bare.batches,
      liveEventsPerSecond: Object.fromEntries(liveEventsPerSecond),
      onePass: {
        eventsPerSecond: perSecond(events, passSeconds),
        rowsPerSecond: perSecond(bare.rows, passSeconds),
        cpuSeconds: passes.map(({ cpuSeconds }) => ratio(cpuSeconds, 1)),
        rssMebibytes: pass.rssMebibytes,
      },
      bareDriver: {
        rowsPerSecond: perSecond(bare.rows, bareSeconds),
        cpuSeconds: bares.map(({ cpuSeconds }) => ratio(cpuSeconds, 1)),
      },
      timesTheLiveWorker: ratio(times.at(-1) ?? 0, 1),
      shareOfTheBareDriver: ratio(shares.at(-1) ?? 0, 1),
    }),
  );
}
console.log(
  JSON.stringify({
    rounds,
    timesTheLiveWorker: ratio(median(times), 1),
    shareOfTheBareDriver: ratio(median(shares), 1),
  }),
);
await world.close();
