/** Members, deaths and failing calls at random: what holds whatever happens, and that it ends. */
import { expect, test } from 'vitest';
import { TurnstreamError } from '../../../processor/error.ts';
import type { FetchedBatch, LogConsumer } from '../../../processor/kafka/log.ts';
import { Dice } from '../dice.ts';
import { type Fate, Network } from '../network.ts';
import { Process } from '../process.ts';
import { Scheduler, theWorld } from '../scheduler.ts';
import { group, topic } from './faults-bench.ts';
import { kafkaHappenings } from './happenings.ts';
import { SimulatedKafka } from './simulated-kafka.ts';

const partitions = 3;
const callsWithIncidents = 150;
const appends = 20;

/** Commits what it has read, batch by batch, as long as it can. */
async function read(consumer: LogConsumer, check: (batch: FetchedBatch) => void): Promise<void> {
  const next = new Map<number, number>();
  await consumer.run({
    assigned: async (_epoch, owned) => {
      next.clear();
      for (const [partition, commit] of owned) next.set(partition, commit?.offset ?? 0);
      return new Map();
    },
    revoked: () => undefined,
    batch: async (epoch, partition, batch) => {
      expect(batch.records[0]?.offset).toBe(next.get(partition));
      check(batch);
      const offset = (next.get(partition) ?? 0) + batch.records.length;
      next.set(partition, offset);
      for (;;) {
        const outcome = await consumer
          .commit(epoch, new Map([[partition, { offset }]]))
          .catch((error: unknown) => {
            if (error instanceof TurnstreamError && error.retriable) return 'again' as const;
            throw error;
          });
        if (outcome !== 'again') return;
      }
    },
  });
}

async function history(seed: number) {
  const dice = new Dice(seed);
  const incidents = dice.forked('incidents');
  const scheduler = new Scheduler(dice.forked('schedule'), 0);
  const counts = new Map<string, number>();
  const committed = new Map<number, number>();
  const problems: unknown[] = [];
  let calls = 0;
  const fates = (process: Process): Fate => {
    calls += 1;
    if (calls > callsWithIncidents) return 'answered';
    befall(process);
    return incidents.chance(0.15) ? incidents.pick(['lost', 'unheard', 'late']) : 'answered';
  };
  const late = dice.forked('late');
  const network = new Network(scheduler, fates, (most) => late.int(0, most));
  const kafka = new SimulatedKafka({
    network,
    scheduler,
    dice,
    options: { fetchRecordsMax: 3 },
    count: (name) => counts.set(name, (counts.get(name) ?? 0) + 1),
    probes: {
      committed: (_group, _topic, partition, { offset }) => committed.set(partition, offset),
    },
  });
  kafka.createTopic(topic, partitions);

  const befall = (process: Process) => {
    const incident = incidents.below(50);
    if (incident === 0 && process.name !== 'producer') {
      process.kill();
      kafka.died(process);
      scheduler.after(theWorld, 50, 'restart', () => start(process.name));
    }
    if (incident === 1) kafka.expire(process);
    if (incident === 2) kafka.rebalance(group);
  };
  const start = (name: string) => {
    const process = new Process(name);
    void kafka
      .log(process)
      .consumer(group, topic)
      .then((consumer) =>
        read(consumer, ({ records, endOffset }) =>
          expect(endOffset).toBeGreaterThan(records.at(-1)?.offset ?? 0),
        ),
      )
      .catch((error: unknown) => {
        if (error instanceof TurnstreamError && error.retriable) start(name);
        else problems.push(error);
      });
  };
  for (const name of ['one', 'two', 'three']) start(name);
  const producing = (async () => {
    const producer = await kafka.log(new Process('producer')).producer();
    for (let n = 0; n < appends; n += 1) {
      const records = Array.from({ length: partitions }, (_, partition) => {
        return { topic, partition, key: null, value: Buffer.from(`${n}`) };
      });
      let isAcknowledged = false;
      while (!isAcknowledged) {
        isAcknowledged = await producer.append(records).then(
          () => true,
          () => false,
        );
      }
    }
    return true;
  })();
  let isProduced = false;
  void producing.then(() => {
    isProduced = true;
  });
  const isDone = () => problems.length > 0 || (isProduced && kafka.caughtUp(group, topic));
  let outcome = await scheduler.runUntil(isDone, 50_000);
  // All is read, but an old commit came after the last one: whoever is next begins there.
  if (outcome === 'idle' && counts.has('kafka: a committed offset went back')) {
    kafka.rebalance(group);
    outcome = await scheduler.runUntil(isDone, 50_000);
  }
  return { outcome, problems, counts, kafka, committed, steps: scheduler.steps };
}

test('whatever befalls its members, a group reads everything in the end', async () => {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= 300; seed += 1) {
    const { outcome, problems, kafka, committed, counts: found } = await history(seed);
    expect({ seed, outcome, problems }).toEqual({ seed, outcome: 'done', problems: [] });
    for (const [partition, records] of kafka.partitions(topic).entries()) {
      expect(kafka.committedOffset(group, topic, partition)?.offset).toBe(committed.get(partition));
      // The first occurrences stand in order, however often they stand.
      const first = [...new Set(records.map(({ value }) => Number(value)))];
      expect(first).toEqual([...Array(appends).keys()]);
    }
    for (const [name, times] of found) counts.set(name, (counts.get(name) ?? 0) + times);
  }
  // Nothing is slow there, and everybody stops in order.
  const elsewhere = [
    'kafka: a fetch of a slow partition was held up',
    'kafka: a leaving was not acknowledged',
  ];
  const wanted = kafkaHappenings.filter((name) => !elsewhere.includes(name));
  expect([...counts.keys()].sort()).toEqual(wanted);
});

test('the same seed gives the same history', async () => {
  for (const seed of [1, 2, 3]) {
    const [one, other] = [await history(seed), await history(seed)];
    expect([...one.counts, one.steps]).toEqual([...other.counts, other.steps]);
  }
});
