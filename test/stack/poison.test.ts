/** Poison of every kind on the real stack: what can't be taken is set aside, the rest goes on, and it comes in. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { serviceEnvironment } from '../../local/services.ts';
import { readSettings } from '../../local/settings.ts';
import { findLetters, retryLetters } from '../../processor/commands/dead-letters-retry.ts';
import { chosen, sourcesOf } from '../../processor/commands/letter-id.ts';
import { firstBuild } from '../../processor/commands/live-builds.ts';
import { createWorker, type Worker } from '../../processor/engine/worker.ts';
import { createKafkaLog } from '../../processor/kafka/kafkajs-log.ts';
import { kafkaDefaults } from '../../processor/kafka/kafkajs-options.ts';
import { silentLogger } from '../../processor/logger.ts';
import { int, text } from '../../processor/projection/columns.ts';
import { defineMap } from '../../processor/projection/define.ts';
import { MemoryStateStore } from '../../processor/sequencer/memory-state-store.ts';
import { silentObserver } from '../../processor/sequencer/observer.ts';
import { runSequencer } from '../../processor/sequencer/run.ts';
import type { SequencerSettings } from '../../processor/sequencer/settings.ts';
import { recordDecoder } from '../../processor/source/avro.ts';
import { memoryRegistry } from '../../processor/source/memory-registry.ts';
import { encodeSweep } from '../../processor/source/sweep.ts';
import { cards, counts, History, type Mending, poison, projected } from '../worker/history.ts';
import { openRealWorld } from '../worker/real-world.ts';
import { RegistryProxy } from './support/registry-proxy.ts';
import { Spine } from './support/spine.ts';
import { TurnstreamProcess } from './support/turnstream-process.ts';

const patience = { timeout: 60_000, interval: 50 };

describe('records that do not decode', () => {
  const registry = new RegistryProxy(
    serviceEnvironment(readSettings(process.env))['TURNSTREAM_REGISTRY_URL'] ?? '',
  );
  let spine: Spine;
  let sequencer: TurnstreamProcess;
  let worker: TurnstreamProcess;

  beforeAll(async () => {
    spine = new Spine({ TURNSTREAM_REGISTRY_URL: await registry.start() });
    await spine.prepare();
    ({ sequencer, worker } = spine.startBoth());
    await session('s0', 'account');
    await spine.caughtUp();
  });

  afterAll(async () => {
    await spine.drop();
    await registry.stop();
  });

  const sql = (query: string) => spine.pool.query(query);

  async function session(uid: string, account: string): Promise<void> {
    await sql(
      `INSERT INTO sessions (uid, account_uid, title) VALUES ('${uid}', '${account}', 't')`,
    );
    await sql(
      `INSERT INTO human_turns (uid, session_uid, prompt, created_at) VALUES ('h-${uid}', '${uid}', 'p', now())`,
    );
  }

  async function deadLetters(...args: readonly string[]) {
    const run = new TurnstreamProcess(['dead-letters', ...args, '--json'], spine.env);
    const code = await run.exited;
    return { code, answer: JSON.parse(run.stdout || 'null'), log: run.log() };
  }

  // The connector registers a table's schema with the first row of it.
  test('a schema that the registry is not there to give is waited for, and nothing is set aside', async () => {
    registry.mode = 'away';
    const before = registry.asked;
    await sql(
      "INSERT INTO agent_turns (uid, session_uid, parent_uid, created_at) VALUES ('a0', 's0', 'h-s0', now())",
    );
    await session('s1', 'account');
    await vi.waitFor(() => expect(registry.asked).toBeGreaterThan(before + 1), patience);
    registry.mode = 'there';
    expect(await spine.judged()).toBeNull();
    expect((await deadLetters('list')).answer).toEqual({ letters: [], waiting: 0 });
  });

  test('one that the registry lacks is set aside, and comes in by a retry, in order against later changes', async () => {
    registry.mode = 'lacking';
    for (const idx of [0, 1]) {
      await sql(
        `INSERT INTO steps (agent_turn_uid, idx, tpe, content, created_at) VALUES ('a0', ${idx}, 1, '{"text":"old"}', now())`,
      );
    }
    await session('s2', 'account');
    await spine.caughtUp();
    // What came beside them went on, and what lacks says so.
    expect(await spine.judged()).toMatch(/steps_by_type_day/);
    expect(await sequencer.metrics()).toMatch(
      /turnstream_dead_letters_waiting\{origin="sequencer",partition="0"\} 2/,
    );
    registry.mode = 'there';
    await sql("UPDATE steps SET tpe = 3, content = '{}' WHERE agent_turn_uid = 'a0' AND idx = 1");
    await spine.caughtUp();
    const { code, answer } = await deadLetters('list');
    expect([code, answer.waiting]).toEqual([1, 2]);
    expect(answer.letters[0]).toMatchObject({ origin: 'sequencer', partition: 0, tries: 0 });
    expect(answer.letters[0].error).toMatch(/the registry has no schema \d+/);
    const shown = await deadLetters('show', answer.letters[0].id);
    expect(Buffer.from(shown.answer.value, 'base64').length).toBeGreaterThan(100);

    const retried = await deadLetters('retry', '--all');
    expect(retried, retried.log).toMatchObject({
      code: 0,
      answer: { results: [{ outcome: 'retried' }, { outcome: 'retried' }] },
    });
    // The one that was changed since stays as it is; the other one comes in.
    expect(await spine.judged()).toBeNull();
    expect((await deadLetters('list')).code).toBe(0);
  });

  test('an undecodable event degrades every read model, and each refuses or tries it', async () => {
    const log = createKafkaLog({
      ...kafkaDefaults,
      brokers: spine.addresses.kafka.brokers,
      clientId: spine.name,
      logger: () => undefined,
    });
    const producer = await log.producer();
    const topic = spine.env['TURNSTREAM_KAFKA_EVENTS_TOPIC'] ?? '';
    await producer.append([{ topic, partition: 1, key: null, value: Buffer.from('torn') }]);
    await producer.close();
    await session('s4', 'account');
    expect(await spine.judged()).toBeNull();
    const { answer } = await deadLetters('list');
    expect(answer.waiting).toBe(3);
    expect(await worker.metrics()).toMatch(
      /turnstream_dead_letters_waiting\{origin="steps_by_type_day",partition="1"\} 1/,
    );
    const retried = await deadLetters('retry', '--all');
    expect(retried.code).toBe(1);
    const outcomes = retried.answer.results.map(({ id, outcome, reason }: RetryLine) => {
      return [id.split('/')[0], outcome, reason];
    });
    expect(outcomes.sort()).toEqual([
      ['latency_histogram', 'refused', expect.stringContaining('replay the read model')],
      ['steps_by_type_day', 'failed', expect.stringContaining('does not decode')],
      ['turns_by_account', 'failed', expect.stringContaining('does not decode')],
    ]);
  });

  test('what will never be taken is discarded, and nobody waits for it any more', async () => {
    const discarded = await deadLetters('discard', '--all');
    expect(discarded, discarded.log).toMatchObject({ code: 0 });
    const outcomes = discarded.answer.results.map(({ outcome }: RetryLine) => outcome);
    expect(outcomes).toEqual(['discarded', 'discarded', 'discarded']);
    const { code, answer } = await deadLetters('list', '--settled');
    expect([code, answer.waiting]).toEqual([0, 0]);
    const states = answer.letters.map(({ state }: { state: string }) => state).sort();
    expect(states).toEqual(['discarded', 'discarded', 'discarded', 'retried', 'retried']);
    const gauge = /turnstream_dead_letters_waiting\{origin="steps_by_type_day",partition="1"\} 0/;
    await vi.waitFor(async () => expect(await worker.metrics()).toMatch(gauge), patience);
    expect(await spine.judged()).toBeNull();
  });
});

type RetryLine = { readonly id: string; readonly outcome: string; readonly reason: string };

describe('projections that throw', () => {
  const partitions = 2;
  const mending: Mending = { mended: false };
  const step = {
    of: 'step',
    about: 'A step.',
    version: 1,
    key: { turn: text, idx: int },
    partitionBy: ['turn'],
    values: { content: text },
  } as const;
  const plain = defineMap({
    ...step,
    name: 'plain',
    rows: ({ agentTurnUid: turn, idx, content }) => [{ turn, idx, content: content ?? '' }],
  });
  const always = defineMap({
    ...step,
    name: 'always',
    onError: 'halt',
    rows: () => {
      throw new Error('it always throws');
    },
  });
  const mended = [cards('dead-letter', mending), counts('dead-letter', mending), plain];
  const projections = [...mended, always];
  const history = new History();
  const stops: AbortController[] = [];
  let world: Awaited<ReturnType<typeof openRealWorld>>;

  beforeAll(async () => {
    world = await openRealWorld(projections, partitions);
  });

  afterAll(async () => {
    for (const stop of stops) stop.abort();
    await world.close();
  });

  function start(hosted = projections): { worker: Worker; stop: () => Promise<void> } {
    const stop = new AbortController();
    stops.push(stop);
    const hostings = hosted.map((projection) => ({ projection, generation: 1 }));
    const worker = createWorker(world.deps, { ...world.settings, hosted: hostings });
    const running = worker.run(stop.signal);
    return {
      worker,
      stop: async () => {
        stop.abort();
        await running;
      },
    };
  }

  async function apply(entity: number, content: string, account: string): Promise<void> {
    const to = { account, tpe: 1, content, partition: entity % partitions };
    await world.append(history.apply({ entity, to }));
  }

  async function behind(): Promise<readonly string[]> {
    return (await world.laggards()).filter((name) => name !== 'always');
  }

  test('others go on, and what was set aside comes in once they are mended', async () => {
    for (let entity = 0; entity < 60; entity += 1) {
      await apply(entity, entity % 5 === 0 ? poison : 'fine', entity % 2 === 0 ? 'a' : 'b');
    }
    const broken = start();
    await vi.waitFor(async () => expect(await behind()).toEqual([]), patience);
    const states = broken.worker.status().projections.map(({ state }) => state);
    expect(states).toEqual(['degraded', 'degraded', 'running', 'halted']);
    expect(await world.readModel(plain)).toEqual(projected(plain, history.facts()));
    await broken.stop();

    mending.mended = true;
    for (let entity = 0; entity < 60; entity += 7) await apply(entity, 'later', 'c');
    const repaired = start(mended);
    await vi.waitFor(async () => expect(await behind()).toEqual([]), patience);
    const stopSequencer = await startSequencer();
    const retried = await retryAll();
    // Asking again, while it is under way or later, changes nothing.
    await retryAll();
    expect(new Set(retried.map(({ outcome }) => outcome))).toEqual(new Set(['retried']));
    expect(retried).toHaveLength(24);
    for (const projection of mended) {
      expect(await world.readModel(projection)).toEqual(projected(projection, history.facts()));
    }
    await vi.waitFor(() => {
      const now = repaired.worker.status().projections.map(({ state }) => state);
      expect(now).toEqual(['running', 'running', 'running']);
    }, patience);
    await repaired.stop();
    await stopSequencer();
  });

  async function retryAll() {
    const { letters, log, clock } = world.deps;
    const found = await findLetters(
      letters,
      chosen([], sourcesOf(mended.map(firstBuild), partitions)),
    );
    const ports = { log, letters, clock, signal: new AbortController().signal };
    return await retryLetters(
      ports,
      {
        changesTopic: world.changesTopic,
        deadLettersTopic: world.settings.deadLettersTopic,
        group: `${world.settings.group}-retry`,
        recordBytesMax: 1_000_000,
        mapAgeMsMax: 1_000_000,
        sequencerAgeMsMax: 1_000_000,
        waitMsMax: 30_000,
      },
      found,
    );
  }

  /** It reads nothing but what asks for retries. */
  async function startSequencer(): Promise<() => Promise<void>> {
    const stop = new AbortController();
    stops.push(stop);
    const settings: SequencerSettings = {
      changesTopic: world.changesTopic,
      eventsTopic: world.settings.eventsTopic,
      deadLettersTopic: world.settings.deadLettersTopic,
      group: `${world.settings.group}-sequencer`,
      eventsPartitions: partitions,
      positionBase: 1_000_000,
      batchRecordsMax: 100,
      batchBytesMax: 1_000_000,
      bytesInFlightMax: 1_000_000,
      cacheBytesMax: 1_000_000,
      hintsMax: 100,
      containerBytesMax: 100_000,
      eventBytesTarget: 100_000,
      pendingEventsMax: 100,
      pendingEventBytesMax: 1_000_000,
      writeConcurrencyMax: 1,
      idleWatermarkMs: 1000,
      retryDelayMsMin: 50,
      retryDelayMsMax: 500,
      drainMsMax: 5000,
    };
    const { log, letters, clock } = world.deps;
    const running = runSequencer(
      {
        log,
        letters,
        clock,
        store: new MemoryStateStore(),
        decoder: recordDecoder({ registry: memoryRegistry(), topic: settings.changesTopic }),
        encodeSweep,
        encode: world.encode,
        random: Math.random,
        observer: silentObserver,
        logger: silentLogger,
      },
      settings,
      stop.signal,
    );
    return async () => {
      stop.abort();
      await running;
    };
  }
});
