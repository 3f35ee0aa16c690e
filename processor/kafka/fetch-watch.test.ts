import { expect, test } from 'vitest';
import { FetchWatch, stalledError, type Watched } from './fetch-watch.ts';

const reading = (next: number, heldBack = false, epoch = 1): Watched => {
  return { kind: 'reading', epoch, partitions: new Map([[3, { next, heldBack }]]) };
};
const ends = (end: number) => new Map([[3, end]]);

test('records that wait and are not fetched are a silence, once they have waited too long', () => {
  const watch = new FetchWatch(1000);
  expect(watch.look(0, reading(7))).toBeNull();
  watch.answered(500, 1, ends(9));
  expect(watch.look(1000, reading(7))).toBeNull();
  const silence = watch.look(1001, reading(7));
  expect(silence).toEqual({ partition: 3, next: 7, end: 9, ms: 1001 });
});

test('whoever fetches on is never silent, however far behind', () => {
  const watch = new FetchWatch(1000);
  for (let nowMs = 0; nowMs < 20_000; nowMs += 900) {
    expect(watch.look(nowMs, reading(nowMs))).toBeNull();
    watch.answered(nowMs, 1, ends(1_000_000));
  }
});

test('the broker’s word that there is nothing to fetch is proof, from when it was asked', () => {
  const watch = new FetchWatch(1000);
  for (let nowMs = 0; nowMs < 20_000; nowMs += 900) {
    expect(watch.look(nowMs, reading(7))).toBeNull();
    watch.answered(nowMs, 1, ends(7));
  }
  const lastAskedMs = 19_800;
  expect(watch.look(lastAskedMs + 1000, reading(7))).toBeNull();
  expect(watch.look(lastAskedMs + 1001, reading(7))).toMatchObject({ ms: 1001 });
});

test('with no word from any broker the silence counts too', () => {
  const watch = new FetchWatch(1000);
  watch.look(0, reading(7));
  expect(watch.look(1001, reading(7))).toMatchObject({ end: null });
});

test('back-pressure is no silence; it counts from the end of it', () => {
  const watch = new FetchWatch(1000);
  watch.look(0, reading(7));
  watch.answered(0, 1, ends(100));
  expect(watch.look(60_000, reading(7, true))).toBeNull();
  expect(watch.look(61_000, reading(7))).toBeNull();
  expect(watch.look(61_001, reading(7))).toMatchObject({ partition: 3 });
});

test('a new epoch begins anew, and answers to the former one count no more', () => {
  const watch = new FetchWatch(1000);
  watch.look(0, reading(7));
  expect(watch.look(5000, reading(7, false, 2))).toBeNull();
  watch.answered(5900, 1, ends(7));
  expect(watch.look(6001, reading(7, false, 2))).toMatchObject({ ms: 1001 });
});

test('a place in the group that does not come is a silence; the application’s own time is none', () => {
  const watch = new FetchWatch(1000);
  expect(watch.look(0, { kind: 'joining' })).toBeNull();
  expect(watch.look(900, { kind: 'application' })).toBeNull();
  expect(watch.look(9000, { kind: 'application' })).toBeNull();
  expect(watch.look(9001, { kind: 'joining' })).toBeNull();
  expect(watch.look(10_002, { kind: 'joining' })).toMatchObject({ partition: null });
});

test('the error says what stood still, for how long, and what is done about it', () => {
  const silence = { partition: 3, next: 7, end: 9, ms: 30_200 };
  expect(stalledError('t.events', 'g', silence)).toMatchObject({
    code: 'STALLED',
    retriable: true,
    message:
      'nothing was fetched of partition 3 of t.events for 30.2 s: it stands at offset 7, and the partition goes on to 9; the consumer is closed, and opened again over new connections',
  });
  expect(stalledError('t', 'g', { ...silence, end: null }).message).toContain('no broker says');
  expect(stalledError('t', 'g', { ...silence, partition: null }).message).toContain('group g');
});
