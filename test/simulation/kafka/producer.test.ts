/** What becomes of appends that are not acknowledged. */
import { expect, onTestFinished, test } from 'vitest';
import { type Faults, openFaults, record, standing, topic, until } from './faults-bench.ts';
import type { KafkaOptions } from './ports.ts';

const retriable = { code: 'LOG', retriable: true };
const label = 'append events';

function open(seed = 1, options: Partial<KafkaOptions> = {}): Faults {
  const faults = openFaults(seed, options);
  onTestFinished(faults.close);
  return faults;
}

test('an append that was lost stands nowhere', async () => {
  const faults = open();
  faults.fates(label, 'lost');
  const producer = await faults.kafka.log(faults.process).producer();
  await expect(producer.append([record(0, 'a')])).rejects.toMatchObject(retriable);
  await producer.append([record(1, 'b')]);
  expect(standing(faults)).toEqual(['', 'b', '']);
});

test('an append whose answer was lost stands, and its repetition stands again', async () => {
  const faults = open();
  faults.fates(label, 'unheard');
  const producer = await faults.kafka.log(faults.process).producer();
  const records = [record(0, 'a'), record(0, 'b')];
  await expect(producer.append(records)).rejects.toMatchObject(retriable);
  expect(standing(faults)).toEqual(['ab', '', '']);
  await producer.append(records);
  expect(standing(faults)).toEqual(['abab', '', '']);
});

test('of an append that was not acknowledged each partition has all or nothing, in order', async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 40; seed += 1) {
    const faults = open(seed);
    faults.fates(label, 'unheard');
    const producer = await faults.kafka.log(faults.process).producer();
    const records = ['a', 'b'].flatMap((value) => [0, 1, 2].map((each) => record(each, value)));
    await expect(producer.append(records)).rejects.toMatchObject(retriable);
    const found = standing(faults);
    for (const values of found) expect(['', 'ab']).toContain(values);
    seen.add(found.map((values) => (values === '' ? '-' : '+')).join(''));
    const isWhole = found.every((values) => values !== '');
    expect(faults.counts.has('kafka: an append was applied in some partitions only')).toBe(
      !isWhole,
    );
    expect(faults.counts.get('kafka: an append was applied and not acknowledged')).toBe(1);
  }
  // At least one of the three, in every combination.
  expect([...seen].sort()).toEqual(['++-', '+++', '+--', '-++', '--+', '+-+', '-+-'].sort());
});

test('an acknowledged append stands in all its partitions, each in a step of its own', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const faults = open(seed);
    const producer = await faults.kafka.log(faults.process).producer();
    await producer.append([record(0, 'a'), record(1, 'b'), record(2, 'c')]);
    expect(standing(faults)).toEqual(['a', 'b', 'c']);
    expect(faults.steps.filter((step) => step.startsWith('world: append to events'))).toHaveLength(
      3,
    );
  }
});

test('an append can stand long after its caller gave it up, and died', async () => {
  const faults = open();
  faults.fates(label, 'late');
  const producer = await faults.kafka.log(faults.process).producer();
  const before = faults.scheduler.nowMs();
  await expect(producer.append([record(0, 'a')])).rejects.toMatchObject(retriable);
  const foundAtTimeOut = standing(faults);
  faults.process.kill();
  await until(() => expect(standing(faults)).toEqual(['a', '', '']));
  expect(foundAtTimeOut).toEqual(['', '', '']);
  expect(faults.scheduler.nowMs() - before).toBeGreaterThan(200);
  expect(faults.kafka.partitions(topic)[0]?.[0]?.timestampMs).toBe(Math.floor(before));
  expect(faults.counts.get('kafka: an append was applied long after its time-out')).toBe(1);
});

test('a large append goes in several requests, and fails between two of them', async () => {
  const faults = open(1, { requestRecordsMax: 2 });
  faults.fates(label, 'answered', 'lost');
  const producer = await faults.kafka.log(faults.process).producer();
  const records = ['a', 'b', 'c', 'd', 'e'].map((value) => record(0, value));
  await expect(producer.append(records)).rejects.toMatchObject(retriable);
  expect(standing(faults)).toEqual(['ab', '', '']);
});
