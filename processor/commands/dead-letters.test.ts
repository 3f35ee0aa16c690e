import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import { deadLetterRecord } from '../engine/dead-letter.ts';
import { letterOriginOf, type NewLetter, sequencerOrigin } from '../engine/dead-letter-store.ts';
import { MemoryLetters } from '../engine/memory-letters.ts';
import { MemoryLog } from '../kafka/memory-log.ts';
import { retryHeader } from '../sequencer/dead-letter.ts';
import { decodeRetry } from '../source/retry.ts';
import { discardLetters } from './dead-letters-discard.ts';
import { discardText, letterJson, listText, retryText, showText } from './dead-letters-report.ts';
import { findLetters, type RetrySettings, retryLetters } from './dead-letters-retry.ts';
import { chosen, letterId, sourcesOf } from './letter-id.ts';
import { firstBuild } from './live-builds.ts';

const sources = sourcesOf(projections.map(firstBuild), 2);
const map = projections.find(({ kind }) => kind === 'map')!;
const aggregate = projections.find(({ kind }) => kind === 'aggregate')!;
const day = 86_400_000;
const nowMs = Date.UTC(2026, 0, 20);
const settings: RetrySettings = {
  changesTopic: 'changes',
  deadLettersTopic: 'dead-letters',
  group: 'g',
  recordBytesMax: 10_000,
  mapAgeMsMax: 9 * day,
  sequencerAgeMsMax: 7 * day,
  waitMsMax: 0,
};

async function opened() {
  const log = new MemoryLog({ now: () => nowMs, batchRecordsMax: 2 });
  const admin = await log.admin();
  const topic = (name: string) => ({
    topic: name,
    partitions: 1,
    replicationFactor: 1,
    config: {},
  });
  await admin.ensureTopics([topic('changes'), topic('dead-letters')]);
  const producer = await log.producer();
  const letters = new MemoryLetters();
  const clock = { nowMs: () => nowMs, delay: () => setImmediate() };
  const ports = { log, letters, clock, signal: new AbortController().signal };
  return {
    log,
    letters,
    /** Sets aside a record of that value, as the worker of partition 1 does. */
    async setAside(projection: typeof map, offset: number, value: Buffer, more = {}) {
      const letter: NewLetter = {
        offset,
        position: offset * 1024,
        after: 0,
        eventType: 'StepRecorded',
        sessionUid: 's',
        error: 'it threw',
        atMs: nowMs,
        ...more,
      };
      const model = { shape: projection.shape, generation: 1 };
      const record = deadLetterRecord('dead-letters', model, 1, { ...letter, value }, nowMs);
      await producer.append([record, record]);
      await letters.add(letterOriginOf(model, 1), [letter]);
    },
    retry: async (names: readonly string[], more: Partial<RetrySettings> = {}) =>
      retryLetters(
        ports,
        { ...settings, ...more },
        await findLetters(letters, chosen(names, sources)),
      ),
    discard: async (names: readonly string[], waitMsMax = 0) =>
      discardLetters(
        ports,
        { ...settings, waitMsMax },
        await findLetters(letters, chosen(names, sources)),
      ),
    changes: () => log.partitions('changes')[0]!.records,
    append: (records: Parameters<typeof producer.append>[0]) => producer.append(records),
  };
}

test('a retry asks for each letter once, with its bytes, however often its record stands there', async () => {
  const world = await opened();
  await world.setAside(map, 7, Buffer.from('seven'));
  await world.setAside(aggregate, 8, Buffer.from('eight'));
  const results = await world.retry([]);
  expect(results.map(({ outcome }) => outcome)).toEqual(['asked', 'asked']);
  const asked = world.changes().map(({ value }) => decodeRetry(value!));
  expect(asked.map(({ projection, offset, value }) => [projection, offset, String(value)])).toEqual(
    [
      [map.name, 7, 'seven'],
      [aggregate.name, 8, 'eight'],
    ],
  );
  expect(asked[0]).toMatchObject({ version: map.version, generation: 1, partition: 1 });
  expect(retryText(results)).toContain('What is asked for is in the log');
});

test('one letter is chosen by its id, all of a projection by its name', async () => {
  const world = await opened();
  for (const offset of [7, 9]) await world.setAside(map, offset, Buffer.from('x'));
  await world.setAside(aggregate, 8, Buffer.from('x'));
  const ids = async (...names: string[]) =>
    (await findLetters(world.letters, chosen(names, sources))).map(({ source, letter }) =>
      letterId(source, letter),
    );
  expect(await ids(`${map.name}/1/9`)).toEqual([`${map.name}/1/9`]);
  expect(await ids(map.name)).toEqual([`${map.name}/1/7`, `${map.name}/1/9`]);
  expect(await ids()).toHaveLength(3);
  for (const stranger of ['nobody', `${map.name}/x/1`, `${map.name}/1`, 'nobody/1/2']) {
    expect(() => chosen([stranger], sources)).toThrow(/is no letter/);
  }
  expect(() => chosen([map.name, `${map.name}/1/7`], sources)).toThrow(/not both/);
});

test('what could not come in right is refused with what to do, and not asked for', async () => {
  const world = await opened();
  const old = { atMs: nowMs - 10 * day };
  await world.setAside(map, 1, Buffer.from('old'), old);
  await world.setAside(aggregate, 2, Buffer.from('old'), old);
  await world.setAside(map, 3, Buffer.alloc(9000));
  await world.setAside(aggregate, 4, Buffer.from('torn'), { position: null });
  await world.letters.add(sequencerOrigin, [
    { ...old, offset: 5, position: 5, after: 5, eventType: null, sessionUid: null, error: 'e' },
  ]);
  await world.letters.add(letterOriginOf({ shape: map.shape, generation: 1 }, 0), [
    {
      offset: 6,
      position: 6,
      after: 6,
      eventType: null,
      sessionUid: null,
      error: 'e',
      atMs: nowMs,
    },
  ]);
  const results = new Map((await world.retry([])).map((each) => [each.id, each]));
  const refused = (id: string) => {
    expect(results.get(id)?.outcome).toBe('refused');
    return results.get(id)?.reason;
  };
  expect(refused(`${map.name}/1/1`)).toMatch(/older than 9 days.*replay the read model/);
  expect(refused(`${map.name}/1/3`)).toMatch(/9000 bytes is too large.*RECORD_BYTES_MAX/);
  expect(refused(`${aggregate.name}/1/4`)).toMatch(/did not decode.*replay the read model/);
  expect(refused('sequencer/0/5')).toMatch(/older than the 7 days.*TOMBSTONE_DAYS_MAX/);
  expect(refused(`${map.name}/0/6`)).toMatch(/no longer in dead-letters/);
  // Nothing of an aggregate is ever purged.
  expect(results.get(`${aggregate.name}/1/2`)?.outcome).toBe('asked');
  expect(world.changes()).toHaveLength(1);
});

test("the sequencer's own letter goes back as it came", async () => {
  const world = await opened();
  const headers = {
    projection: 'sequencer',
    partition: '0',
    offset: '5',
    'original-key': Buffer.from('key').toString('base64'),
    'original-headers': '{"a":"b"}',
  };
  const value = Buffer.from('torn');
  await world.append([{ topic: 'dead-letters', partition: 0, key: null, value, headers }]);
  await world.letters.add(sequencerOrigin, [
    {
      offset: 5,
      position: 5,
      after: 5,
      eventType: null,
      sessionUid: null,
      error: 'e',
      atMs: nowMs,
    },
  ]);
  await world.retry(['sequencer']);
  expect(world.changes()).toMatchObject([
    { key: Buffer.from('key'), value, headers: { a: 'b', [retryHeader]: '5' } },
  ]);
});

test('it waits for what becomes of each, and says it', async () => {
  const world = await opened();
  for (const offset of [7, 8]) await world.setAside(map, offset, Buffer.from('x'));
  const origin = letterOriginOf({ shape: map.shape, generation: 1 }, 1);
  const running = world.retry([], { waitMsMax: 1 });
  await expect.poll(() => world.changes().length).toBe(2);
  await world.letters.decide(origin, 7, { kind: 'retried', position: 9000 });
  const failed = { kind: 'failed', position: 9001, tries: 1, error: 'still throws' } as const;
  await world.letters.decide(origin, 8, failed);
  expect(await running).toEqual([
    { id: `${map.name}/1/7`, outcome: 'retried', reason: null },
    { id: `${map.name}/1/8`, outcome: 'failed', reason: 'still throws' },
  ]);
});

test('the list says which letters wait, on what, and what to do', async () => {
  const world = await opened();
  await world.setAside(map, 7, Buffer.from('x'), { error: 'line\none '.repeat(30) });
  const found = await findLetters(world.letters, chosen([], sources));
  const [head, row, , end] = listText(found).split('\n');
  expect(head).toMatch(/^letter +set aside at +event +session +state +error$/);
  expect(row).toMatch(
    new RegExp(`^${map.name}/1/7 +2026-01-20T00:00:00.000Z +StepRecorded +s +waits +line one .*…$`),
  );
  expect(end).toContain('turnstream dead-letters retry --all');
  expect(listText([])).toBe('No dead letter waits.');
});

const own: NewLetter = {
  offset: 5,
  position: 5,
  after: 5,
  eventType: null,
  sessionUid: null,
  error: 'e',
  atMs: nowMs - 100 * day,
};

test('a discard asks for each letter, however old, and whether or not its record is still there', async () => {
  const world = await opened();
  await world.setAside(map, 7, Buffer.from('seven'));
  await world.letters.add(sequencerOrigin, [own]);
  const results = await world.discard([]);
  expect(results.map(({ outcome }) => outcome)).toEqual(['asked', 'asked']);
  const asked = world.changes().map(({ value }) => decodeRetry(value!));
  expect(asked).toMatchObject([
    { projection: 'sequencer', version: 0, generation: 0, partition: 0, offset: 5, discard: true },
    { projection: map.name, version: map.version, generation: 1, partition: 1, offset: 7 },
  ]);
  expect(asked.map(({ value }) => value.length)).toEqual([0, 0]);
  expect(discardText(results)).toContain('What is asked for is in the log');
  expect(discardText(results)).not.toContain('Of what is discarded');
  expect(await (await opened()).discard([])).toEqual([]);
});

test('it waits until each is discarded, says what that means, and what a retry was faster with', async () => {
  const world = await opened();
  for (const offset of [7, 8]) await world.setAside(map, offset, Buffer.from('x'));
  await world.letters.add(sequencerOrigin, [own]);
  const origin = letterOriginOf({ shape: map.shape, generation: 1 }, 1);
  const running = world.discard([], 1);
  await expect.poll(() => world.changes().length).toBe(3);
  const failed = { kind: 'failed', position: 8000, tries: 1, error: 'still throws' } as const;
  await world.letters.decide(origin, 7, failed);
  await world.letters.decide(origin, 7, { kind: 'discarded', position: 9000 });
  await world.letters.decide(origin, 8, { kind: 'retried', position: 9001 });
  await world.letters.decide(sequencerOrigin, 5, { kind: 'discarded', position: 9002 });
  const results = await running;
  expect(results).toEqual([
    { id: 'sequencer/0/5', outcome: 'discarded', reason: null },
    { id: `${map.name}/1/7`, outcome: 'discarded', reason: null },
    { id: `${map.name}/1/8`, outcome: 'retried', reason: 'a retry took it before' },
  ]);
  const text = discardText(results);
  expect(text).toContain('the read model does without it');
  expect(text).toContain('a replay takes it');
  expect(text).toContain('until Postgres writes it again');
  const found = await findLetters(world.letters, chosen([], sources));
  expect(listText(found)).toMatch(/1\/7 .* discarded .*\n.*1\/8 .* retried /);
  expect(listText(found)).toContain('None of them waits.');
  const [, discarded] = found;
  expect(letterJson(discarded!)).toMatchObject({ state: 'discarded', discardedAt: 9000 });
  expect(showText(discarded!, '')).toMatch(/state +discarded/);
  // Asked for again, as a retry, it is told what became of it.
  const again = await world.retry([`${map.name}/1/7`], { waitMsMax: 1 });
  expect(again).toMatchObject([{ outcome: 'discarded' }]);
});
