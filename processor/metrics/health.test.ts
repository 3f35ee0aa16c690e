import { expect, test } from 'vitest';
import { Health } from './health.ts';
import { Progress } from './progress.ts';

function fixture() {
  const clock = { nowMs: 0 };
  const nowMs = () => clock.nowMs;
  const own = new Progress(nowMs);
  const group = new Progress(nowMs);
  return { clock, own, group, health: new Health({ own, group, stalledMsMax: 1000, nowMs }) };
}

const at = (offset: number) => ({ offset, watermark: null });

test('with nothing to read, standing still is alive', () => {
  const { clock, own, health } = fixture();
  own.hold('p', 0, at(5));
  own.end('p', 0, 5);
  clock.nowMs = 1_000_000;
  expect(health.live().ok).toBe(true);
});

test('with something to read, a checkpoint that does not move is not alive, though the end moves', () => {
  const { clock, own, health } = fixture();
  own.hold('p', 0, at(5));
  own.end('p', 0, 8);
  clock.nowMs = 900;
  own.end('p', 0, 9);
  own.advance('p', 0, at(5));
  expect(health.live().ok).toBe(true);
  clock.nowMs = 1100;
  expect(health.live()).toEqual({
    ok: false,
    reasons: [
      'p, partition 0: the checkpoint has stood at offset 5 for 1 s while the partition goes on to 9.',
    ],
  });
  own.advance('p', 0, at(6));
  expect(health.live().ok).toBe(true);
});

test('waiting is counted from when there was something to read, not from the last checkpoint', () => {
  const { clock, own, health } = fixture();
  own.hold('p', 0, at(5));
  own.end('p', 0, 5);
  clock.nowMs = 60_000;
  own.end('p', 0, 6);
  clock.nowMs = 60_500;
  expect(health.live().ok).toBe(true);
});

test('one stalled partition is enough, whatever the others do', () => {
  const { clock, own, health } = fixture();
  for (const partition of [0, 1]) {
    own.hold('p', partition, at(0));
    own.end('p', partition, 100);
  }
  clock.nowMs = 2000;
  own.advance('p', 1, at(50));
  expect(health.live().reasons).toHaveLength(1);
  own.release('p', 0);
  expect(health.live().ok).toBe(true);
});

test('who holds nothing is judged by its group', () => {
  const { clock, own, group, health } = fixture();
  group.hold('group', 0, at(0));
  group.end('group', 0, 10);
  clock.nowMs = 2000;
  expect(health.live().ok).toBe(false);
  own.hold('p', 1, at(0));
  expect(health.live().ok).toBe(true);
});

test('a transaction marker at the end of a partition is nothing to read', () => {
  const clock = { nowMs: 0 };
  const progress = new Progress(() => clock.nowMs, 1);
  progress.hold('sequencer', 0, at(5));
  progress.end('sequencer', 0, 6);
  clock.nowMs = 5000;
  expect(progress.stalled(1000)).toEqual([]);
  progress.end('sequencer', 0, 7);
  clock.nowMs = 10_000;
  expect(progress.stalled(1000)).toHaveLength(1);
});

test('ready while running; once draining, never again', () => {
  const { health } = fixture();
  expect(health.ready().ok).toBe(false);
  health.enter('running');
  expect(health.ready().ok).toBe(true);
  health.enter('draining');
  health.enter('running');
  expect(health.ready().ok).toBe(false);
});

test('who waits for what is away is alive, says so, and is not ready', () => {
  const { clock, group, health } = fixture();
  group.hold('group', 0, at(5));
  group.end('group', 0, 8);
  health.enter('running');
  health.waits('no broker');
  clock.nowMs = 900;
  expect(health.live()).toEqual({ ok: true, reasons: ['It waits: no broker'] });
  expect(health.ready()).toEqual({ ok: false, reasons: ['It waits: no broker'] });
  clock.nowMs = 1500;
  health.waits('no broker');
  clock.nowMs = 2400;
  expect(health.live()).toMatchObject({
    ok: true,
    reasons: [expect.any(String), 'It waits: no broker'],
  });
  health.enter('running');
  expect(health.ready().ok).toBe(true);
  expect(health.live().ok).toBe(false);
});

test('who has stopped trying is not alive', () => {
  const { clock, group, health } = fixture();
  group.hold('group', 0, at(5));
  group.end('group', 0, 8);
  health.waits('no broker');
  clock.nowMs = 1001;
  expect(health.live().ok).toBe(false);
});

test('one that hosts nothing is alive, whatever its group does, and says why', () => {
  const { clock, group, health } = fixture();
  group.hold('group', 0, at(5));
  group.end('group', 0, 9);
  clock.nowMs = 2000;
  expect(health.live().ok).toBe(false);
  health.idles('It hosts nothing.');
  expect(health.live()).toEqual({ ok: true, reasons: ['It hosts nothing.'] });
  health.idles(null);
  expect(health.live().ok).toBe(false);
});

test('what a reader had is forgotten for good: others are to report it', () => {
  const { own } = fixture();
  own.hold('p', 0, at(5));
  own.hold('p', 1, at(5));
  own.hold('q', 0, at(5));
  own.release('p', 1);
  own.forget('p');
  expect(own.reported().map(({ reader }) => reader)).toEqual(['q']);
});
