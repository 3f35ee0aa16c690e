/** What becomes of members, their reading and their commits when calls fail and processes die. */
import { expect, onTestFinished, test } from 'vitest';
import { theWorld } from '../scheduler.ts';
import { type Faults, group, openFaults, record, standing, topic, until } from './faults-bench.ts';
import type { KafkaOptions } from './ports.ts';

const commitLabel = 'commit offset';
const retriable = { code: 'LOG', retriable: true };
const at = (offset: number) => new Map([[0, { offset }]]);

function open(seed = 1, options: Partial<KafkaOptions> = {}): Faults {
  const faults = openFaults(seed, options);
  onTestFinished(faults.close);
  return faults;
}

const committed = ({ kafka }: Faults): number | undefined =>
  kafka.committedOffset(group, topic, 0)?.offset;

const append = ({ kafka }: Faults, partition: number, values: string): void => {
  kafka.appendNow(
    topic,
    partition,
    [...values].map((value) => ({ key: null, value: Buffer.from(value) })),
  );
};

test('a commit that was lost has no effect, one whose answer was lost has', async () => {
  const faults = open();
  faults.fates(commitLabel, 'lost', 'unheard');
  const { consumer, assigned } = await faults.reader('one');
  await until(() => expect(assigned).toEqual([1]));
  await expect(consumer.commit(1, at(0))).rejects.toMatchObject(retriable);
  expect(committed(faults)).toBeUndefined();
  await expect(consumer.commit(1, at(0))).rejects.toMatchObject(retriable);
  expect(committed(faults)).toBe(0);
});

test('a commit can be applied long after its time-out, over a newer one', async () => {
  const faults = open();
  faults.fates(commitLabel, 'late', 'answered');
  const { consumer, assigned } = await faults.reader('one');
  await until(() => expect(assigned).toEqual([1]));
  await expect(consumer.commit(1, at(1))).rejects.toMatchObject(retriable);
  expect(await consumer.commit(1, at(2))).toBe('committed');
  await until(() => expect(committed(faults)).toBe(1));
  expect(faults.counts.get('kafka: an old commit was applied late')).toBe(1);
  expect(faults.counts.get('kafka: a committed offset went back')).toBe(1);
});

test('a late commit is refused when the generation is another by then, or by the switch', async () => {
  for (const lateCommits of [true, false]) {
    const faults = open(1, { lateCommits });
    faults.fates(commitLabel, 'late');
    const { consumer, assigned } = await faults.reader('one');
    await until(() => expect(assigned).toEqual([1]));
    await expect(consumer.commit(1, at(1))).rejects.toMatchObject(retriable);
    if (lateCommits) faults.kafka.rebalance(group);
    await until(() => expect(faults.counts.get('kafka: a commit was refused (fenced)')).toBe(1));
    expect(committed(faults)).toBeUndefined();
  }
});

test('a commit that fails while its epoch ends is fenced', async () => {
  const faults = open();
  faults.fates(commitLabel, 'lost', 'unheard');
  const { consumer, assigned } = await faults.reader('one');
  await until(() => expect(assigned).toEqual([1]));
  const outcomes = [consumer.commit(1, at(0)), consumer.commit(1, at(0))];
  faults.kafka.rebalance(group);
  expect(await Promise.all(outcomes)).toEqual(['fenced', 'fenced']);
});

test('a commit that was accepted is fenced for whom its epoch ended before the answer', async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 40; seed += 1) {
    const faults = open(seed);
    const { consumer, assigned, revoked } = await faults.reader('one');
    await until(() => expect(assigned).toEqual([1]));
    faults.scheduler.onStep = (_, label) => {
      if (label !== commitLabel) return;
      faults.scheduler.step(theWorld, 'rebalance', () => faults.kafka.rebalance(group));
    };
    const isOver = (await consumer.commit(1, at(0))) === 'fenced';
    if (isOver && committed(faults) === 0) expect(revoked).toEqual([1]);
    seen.add(`${committed(faults)} ${isOver}`);
  }
  expect(seen).toContain('0 true');
});

test('an expired process works on until it is told, then joins again', async () => {
  for (const told of ['by notice', 'in the end'] as const) {
    const expiryHeardMs = told === 'by notice' ? Number.POSITIVE_INFINITY : 3_000;
    const faults = open(1, { expiryHeardMs });
    const one = await faults.reader('one');
    await until(() => expect(one.partitions).toEqual([[0, 1, 2]]));
    expect(faults.kafka.expire(one.process)).toBe(true);
    expect(faults.kafka.owner(group, topic, 0)).toBeNull();
    const before = faults.scheduler.nowMs();
    if (told === 'by notice') {
      append(faults, 0, 'a');
      await until(() => expect(one.batches).toHaveLength(1));
      expect(one.revoked).toEqual([]);
      faults.kafka.notice(one.process);
    }
    await until(() => expect(one.assigned).toEqual([1, 2]));
    expect(one.revoked).toEqual([1]);
    if (told === 'in the end') expect(faults.scheduler.nowMs() - before).toBeGreaterThan(2_900);
    expect(faults.kafka.owner(group, topic, 0)).toBe(one.process);
  }
});

test('a refused commit tells a member of its loss', async () => {
  const faults = open(1, { expiryHeardMs: Number.POSITIVE_INFINITY });
  const one = await faults.reader('one');
  await until(() => expect(one.assigned).toEqual([1]));
  faults.kafka.expire(one.process);
  expect(await one.consumer.commit(1, at(0))).toBe('fenced');
  await until(() => expect(one.assigned).toEqual([1, 2]));
});

test('the partitions of a dead process go over when its session ends, whatever it was doing', async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const faults = open(seed);
    if (seed % 3 === 0) faults.fates(`join ${group}`, 'late');
    const one = await faults.reader('one');
    // At any moment of its joining.
    const steps = faults.scheduler.steps + (seed % 10);
    await until(() => expect(faults.scheduler.steps).toBeGreaterThanOrEqual(Math.min(steps, 3)));
    one.process.kill();
    faults.kafka.died(one.process);
    const two = await faults.reader('two');
    await until(() => expect(two.partitions.at(-1)).toEqual([0, 1, 2]));
    await until(() => expect(two.revoked).not.toContain(two.assigned.at(-1)));
    expect(one.revoked).toEqual([]);
  }
});

test('a leaving that was lost is made up for by the end of the session', async () => {
  const faults = open();
  const one = await faults.reader('one');
  await until(() => expect(one.assigned).toEqual([1]));
  faults.fates(`leave ${group}`, 'lost');
  await one.consumer.stop();
  await one.running;
  const two = await faults.reader('two');
  await until(() => expect(two.partitions.at(-1)).toEqual([0, 1, 2]));
});

test('a consumer that is stopped while it joins leaves nobody behind', async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const faults = open(seed);
    const one = await faults.reader('one');
    await one.consumer.stop();
    await one.running;
    const two = await faults.reader('two');
    await until(() => expect(two.partitions.at(-1)).toEqual([0, 1, 2]));
    expect(one.assigned).toEqual([]);
  }
});

test('after a rebalance a former owner can read on while the new one reads already', async () => {
  const wanted = [
    'kafka: two owners read at a time',
    'kafka: a rebalance while a batch was in hand',
  ];
  // So much that the first reader is not done, however long it takes until the second one comes.
  const much = 'abcdefghij'.repeat(100);
  const names = new Set<string>();
  for (let seed = 1; seed <= 40 && !wanted.every((name) => names.has(name)); seed += 1) {
    const faults = open(seed, { fetchRecordsMax: 1, rebalanceHeardMsMax: 10 });
    const one = await faults.reader('one');
    await until(() => expect(one.assigned).toEqual([1]));
    append(faults, 0, much);
    append(faults, 1, much);
    await until(() => expect(one.batches.length).toBeGreaterThan(0));
    const two = await faults.reader('two');
    await until(() => expect(two.batches.length).toBeGreaterThan(0));
    for (const name of faults.counts.keys()) names.add(name);
  }
  for (const name of wanted) expect(names).toContain(name);
});

test('fetches are cut anywhere, and bring everything once', async () => {
  const sizes = new Set<number>();
  for (let seed = 1; seed <= 20; seed += 1) {
    const faults = open(seed, { fetchRecordsMax: 3 });
    append(faults, 1, 'abcdefgh');
    const one = await faults.reader('one');
    const read = () => one.batches.flatMap(({ records }) => records.map((each) => each.value));
    await until(() => expect(read().join('')).toBe('abcdefgh'));
    for (const { records } of one.batches) sizes.add(records.length);
    expect(faults.counts.get('kafka: a fetch was cut short')).toBeGreaterThan(0);
  }
  expect([...sizes].sort()).toEqual([1, 2, 3]);
});

test('a consumer with nothing to read takes no steps', async () => {
  const faults = open();
  const one = await faults.reader('one');
  await until(() => expect(faults.steps.filter((step) => step.includes('fetch'))).toHaveLength(3));
  const { steps } = faults.scheduler;
  await new Promise((resolve) => setImmediate(resolve));
  expect(faults.scheduler.steps).toBe(steps);
  append(faults, 2, 'a');
  await until(() => expect(one.batches).toHaveLength(1));
});

test('a fetch that fails is tried again, but not for ever', async () => {
  const faults = open(1, { retriesMax: 2 });
  faults.fates('fetch events', 'lost', 'lost', 'lost', 'unheard', 'lost');
  append(faults, 0, 'a');
  const one = await faults.reader('one');
  await until(() => expect(one.batches).toHaveLength(1));
  faults.fates('fetch events', ...Array<'lost'>(9).fill('lost'));
  for (const partition of [0, 1, 2]) append(faults, partition, 'b');
  await expect(one.running).rejects.toMatchObject(retriable);
});

test('a slow partition holds its fetches up', async () => {
  const faults = open();
  faults.kafka.slow(topic, 0, 5000);
  append(faults, 0, 'a');
  const before = faults.scheduler.nowMs();
  const one = await faults.reader('one');
  await until(() => expect(one.batches).toHaveLength(1));
  expect(faults.scheduler.nowMs() - before).toBeGreaterThan(100);
  expect(faults.counts.get('kafka: a fetch of a slow partition was held up')).toBeGreaterThan(0);
});

test('a paused process is told nothing until it goes on', async () => {
  const faults = open();
  const one = await faults.reader('one');
  await until(() => expect(one.assigned).toEqual([1]));
  one.process.pause();
  append(faults, 0, 'a');
  faults.kafka.expire(one.process);
  const two = await faults.reader('two');
  await until(() => expect(two.batches).toHaveLength(1));
  expect([one.batches, one.revoked]).toEqual([[], []]);
  one.process.resume();
  await until(() => expect(one.revoked).toEqual([1]));
});

test('a group has caught up when every end is committed', async () => {
  const faults = open();
  append(faults, 0, 'ab');
  const one = await faults.reader('one');
  await until(() => expect(one.assigned).toEqual([1]));
  await one.consumer.commit(1, at(1));
  expect(faults.kafka.caughtUp(group, topic)).toBe(false);
  await one.consumer.commit(1, at(2));
  expect(faults.kafka.caughtUp(group, topic)).toBe(true);
});

test('the same seed gives the same history', async () => {
  const history = async (seed: number): Promise<string> => {
    const faults = open(seed);
    faults.fates('append events', 'unheard', 'late');
    faults.fates('fetch events', 'answered', 'lost');
    const producer = await faults.kafka.log(faults.process).producer();
    const one = await faults.reader('one');
    const two = await faults.reader('two');
    for (let n = 0; n < 5; n += 1) {
      await producer
        .append([record(0, 'a'), record(1, 'b'), record(2, 'c')])
        .catch(() => undefined);
    }
    await until(() => expect(one.batches.length * two.batches.length).toBeGreaterThan(0));
    faults.kafka.died(one.process);
    return `${faults.steps.slice(0, 60).join('\n')}\n${standing(faults).join('\n')}`;
  };
  expect(await history(7)).toBe(await history(7));
  expect(await history(7)).not.toBe(await history(8));
});
