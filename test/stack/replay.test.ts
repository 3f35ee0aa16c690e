/**
 * Replay on the real log and database, under a load of events, in one process: what readers see all the
 * while, a second version of a definition, a read model as of the past. `test/chaos/replay.test.ts` has the
 * whole of it with Postgres, as processes that are killed.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { replaySettings } from '../../processor/commands/open-replay.ts';
import { loadConfig } from '../../processor/config.ts';
import { dropTable } from '../../processor/cql/drop-table.ts';
import { readAll, readAllTotals } from '../../processor/cql/read.ts';
import { tableColumns } from '../../processor/cql/schema.ts';
import { LiveHosting } from '../../processor/engine/live-hosting.ts';
import { MemoryHolds } from '../../processor/engine/memory-holds.ts';
import type { StoredRow } from '../../processor/engine/read-out.ts';
import { createWorker } from '../../processor/engine/worker.ts';
import { eventCodec } from '../../processor/event/codec.ts';
import { definitionsOf } from '../../processor/projection/definitions.ts';
import type { Projection } from '../../processor/projection/projection.ts';
import { modelOf } from '../../processor/replay/choose.ts';
import type { ReplayPorts, ReplaySettings } from '../../processor/replay/ports.ts';
import { silentReporter } from '../../processor/replay/ports.ts';
import { bringBack, replay } from '../../processor/replay/replay.ts';
import { memoryRegistry } from '../../processor/source/memory-registry.ts';
import type { Position } from '../../processor/source/position.ts';
import { projections } from '../../projections/index.ts';
import { pause, until } from '../support/wait.ts';
import { projected, sortedByKey, summed } from '../worker/history.ts';
import { openRealWorld, type RealWorld } from '../worker/real-world.ts';
import { upToNow } from '../worker/replay-world.ts';
import { type Synthetic, synthesise } from '../worker/synthetic.ts';

const partitions = 2;
const turns = 900;
const limitMs = 60_000;
const [steps] = projections as readonly [Projection, ...Projection[]];
/** What a changed definition gives: another value of the same row. */
const changedSteps: Projection =
  steps.kind === 'map'
    ? {
        ...steps,
        version: 2,
        shape: { ...steps.shape, version: 2 },
        rows: (fact) =>
          steps.rows(fact).map(({ key, values }) => ({
            key,
            values: values.map((value) => (typeof value === 'string' ? `second ${value}` : value)),
          })),
      }
    : steps;

let world: RealWorld;
let ports: ReplayPorts;
let settings: ReplaySettings;
let history: Synthetic;
/** Events that are in the log. */
let appended = 0;
const stop = new AbortController();
let worker: { readonly running: Promise<void> };

beforeAll(async () => {
  world = await openRealWorld(projections, partitions);
  history = synthesise(turns, partitions, Date.now());
  const codec = eventCodec(memoryRegistry(), 1);
  const { session, keyspace } = world.cql;
  ports = {
    ...world.deps,
    decoder: codec,
    generations: world.generations,
    dropTable: (model) => dropTable(session, keyspace, model),
    verify: async () => ({ equal: true, summary: '' }),
  };
  const { config } = loadConfig({ TURNSTREAM_EVENTS_PARTITIONS: String(partitions) });
  const { eventsTopic, deadLettersTopic, group } = world.settings;
  const topics = { eventsTopic, deadLettersTopic, partitions, groupPrefix: `${group}.replay` };
  settings = { ...replaySettings(config!, projections), ...topics };
  await append(Math.floor(history.events.length / 2));
  // The build knows a second version already; readers use the first.
  const first = await world.generations.first(steps.name, steps.version);
  expect(await world.generations.promote(first, null, Date.now())).toBe(true);
  worker = await startWorker();
  await until(isLevel, 100);
}, limitMs);

afterAll(async () => {
  stop.abort();
  await worker?.running;
  await world.close();
}, limitMs);

async function startWorker() {
  const { checkpoints, clock, logger, store } = world.deps;
  const prepare = store.ensure.bind(store);
  const hosting = await LiveHosting.open(
    {
      generations: world.generations,
      holds: new MemoryHolds(clock),
      checkpoints,
      clock,
      logger,
      prepare,
      told: () => undefined,
      said: new Map(),
    },
    definitionsOf([changedSteps, ...projections.slice(1)], [steps]),
  );
  const started = createWorker({ ...world.deps, hosting }, world.settings);
  return { running: started.run(stop.signal) };
}

/** So many more events, and the watermark behind them; answers its position. */
async function append(events: number): Promise<number> {
  const part = history.events.slice(appended, appended + events);
  appended += part.length;
  // Positions of the history are multiples of 1024.
  const position = (appended * 1024 - 1) as Position;
  const mark = { kind: 'watermark', position, lsn: position, committedAt: position } as const;
  await world.append([
    ...part.map(({ partition, event }) => ({ partition, entry: event })),
    ...Array.from({ length: partitions }, (_, partition) => ({
      partition,
      entry: { ...mark, lsn: position as never, capturedAt: position },
    })),
  ]);
  return position;
}

/** The facts as the events that are in the log have left them. */
function factsNow() {
  const facts = new Map<string, (typeof history.facts)[number]>();
  for (const { event } of history.events.slice(0, appended)) {
    for (const { kind, after } of event.changes) {
      if (after === null) continue;
      const id = after.kind === 'step' ? `${after.agentTurnUid}/${after.idx}` : after.uid;
      facts.set(`${kind}/${id}`, after);
    }
  }
  return [...facts.values()];
}

async function liveOf({ name }: Projection) {
  const live = (await world.generations.live([name])).get(name);
  if (live === undefined) throw new Error(`nothing of ${name} is live`);
  return live;
}

async function rowsOf(projection: Projection, generation?: number): Promise<readonly StoredRow[]> {
  const { session, keyspace } = world.cql;
  const live = await liveOf(projection);
  const model = modelOf(projection, generation === undefined ? live : { ...live, generation });
  if (projection.kind === 'map') return sortedByKey(await readAll(session, keyspace, model));
  return summed(await readAllTotals(session, keyspace, model));
}

async function isLevel(): Promise<boolean> {
  const admin = await world.deps.log.admin();
  const ends = await admin.endOffsets(settings.eventsTopic).finally(() => admin.close());
  for (const projection of projections) {
    const live = await liveOf(projection);
    const marks = await world.deps.checkpoints.load(modelOf(projection, live));
    if (ends.some((end, at) => (marks.get(at)?.offset ?? 0) < end)) return false;
  }
  return true;
}

test(
  'under load every read model is replayed and promoted; who reads meanwhile never sees less',
  async () => {
    const over = new AbortController();
    let looks = 0;
    // Rows are only added by this load: what is there now is there in every look.
    const before = new Map<string, number>();
    for (const each of projections) before.set(each.name, (await rowsOf(each)).length);
    const reader = (async () => {
      while (!over.signal.aborted) {
        for (const projection of projections) {
          const { length } = await rowsOf(projection);
          const { name } = projection;
          expect(length, name).toBeGreaterThanOrEqual(before.get(name) ?? 1);
          looks += 1;
        }
      }
    })();
    const load = (async () => {
      for (let part = 0; part < 20 && !over.signal.aborted; part += 1) {
        await append(40);
        await pause(100);
      }
    })();
    const results = await replay(
      ports,
      settings,
      projections,
      upToNow,
      silentReporter,
      stop.signal,
    );
    await load;
    await until(isLevel, 100);
    over.abort();
    await reader;
    expect(results.map(({ outcome, generation }) => [outcome, generation.generation])).toEqual(
      projections.map(() => ['promoted', 2]),
    );
    for (const projection of projections) {
      expect(await rowsOf(projection)).toEqual(projected(projection, factsNow()));
    }
    expect(looks).toBeGreaterThan(projections.length);
  },
  limitMs,
);

test(
  'a definition that was changed: replayed, promoted, taken back up to date, promoted again',
  async () => {
    const wanted = { ...upToNow, keep: 2 };
    const run = (more: object) =>
      replay(ports, settings, [changedSteps], { ...wanted, ...more }, silentReporter, stop.signal);
    const [second] = await run({});
    expect(second).toMatchObject({ outcome: 'promoted', generation: { version: 2 } });
    await append(100);
    await until(isLevel, 100);
    expect(await rowsOf(changedSteps)).toEqual(projected(changedSteps, factsNow()));
    // Back: the former one lacks what came meanwhile.
    const former = (await world.generations.list(steps.name)).findLast(
      ({ version, promotedAtMs }) => version === 1 && promotedAtMs !== null,
    )!;
    const back = await bringBack(
      ports,
      settings,
      { projection: steps, generation: former },
      wanted,
      silentReporter,
      stop.signal,
    );
    expect(back).toMatchObject({ outcome: 'promoted', generation: { version: 1 } });
    expect(await rowsOf(steps)).toEqual(projected(steps, factsNow()));
    const [again] = await run({});
    expect(again).toMatchObject({ outcome: 'promoted', generation: { version: 2 } });
    expect(await rowsOf(changedSteps)).toEqual(projected(changedSteps, factsNow()));
  },
  limitMs,
);

test(
  'as of the past: the facts as of that watermark; what was dropped is gone',
  async () => {
    const position = await append(60);
    const then = factsNow();
    await append(80);
    const past = { ...upToNow, until: { lsn: position as never } };
    const [old] = await replay(ports, settings, [steps], past, silentReporter, stop.signal);
    expect(old).toMatchObject({ outcome: 'built' });
    const live = await liveOf(steps);
    const { session, keyspace } = world.cql;
    const model = modelOf(steps, { ...live, ...old!.generation });
    expect(sortedByKey(await readAll(session, keyspace, model))).toEqual(projected(steps, then));
    await dropTable(session, keyspace, model);
    await dropTable(session, keyspace, model);
    const table = `${steps.name}_v1_g${old!.generation.generation}`;
    expect((await tableColumns(session, keyspace, table)).size).toBe(0);
  },
  limitMs,
);
