/** What is said between the threads of a build. replay.test.ts has whole replays by two of them. */
import { expect, test, vi } from 'vitest';
import { cards } from '../../test/worker/history.ts';
import { channel } from '../../test/worker/replay-threads.ts';
import { VirtualClock } from '../../test/worker/virtual-clock.ts';
import { TurnstreamError } from '../error.ts';
import { silentLogger } from '../logger.ts';
import { remoteBuild, tellingLogger } from './remote-build.ts';

const projection = cards();
const target = {
  projection,
  id: { projection: projection.name, version: 1, generation: 2 },
  isNew: true,
};
const from = { offset: 7, position: 70, watermark: null, deadLetters: 0 };

function opened() {
  const [near, far] = channel();
  const asked: unknown[] = [];
  far.listen((message) => asked.push(message));
  const lost = new AbortController();
  const clock = new VirtualClock(0);
  const terminate = vi.fn(async () => undefined);
  const held = vi.fn();
  const warn = vi.fn();
  let end: (error: Error) => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    end = reject;
  });
  const build = remoteBuild(
    { peer: near, ended, terminate },
    {
      targets: [target],
      options: { until: null, eventsPerSecondMax: null },
      lost: lost.signal,
      observer: { held },
    },
    { clock, logger: { ...silentLogger, warn }, stopMsMax: 1_000 },
  );
  return { build, far, asked, lost, clock, terminate, held, warn, end };
}

test('it is what the thread told last, and holds nothing before', async () => {
  const { build, far, held } = opened();
  expect(build.status(target)).toMatchObject({
    projection: 'cards',
    generation: 2,
    partitions: [],
  });
  const status = { ...build.status(target), deadLetters: 3 };
  const begun = [{ projection: 'cards', partition: 1, from }];
  far.post({ kind: 'status', statuses: [status], held: begun });
  await vi.waitFor(() => expect(build.status(target)).toEqual(status));
  expect(held.mock.calls).toEqual([['cards', 1, from]]);
});

test('what the thread logs is logged here', async () => {
  const { far, warn } = opened();
  tellingLogger(far, { part: 'reader' }).child({ partition: 1 }).warn({ attempt: 2 }, 'it waits');
  await vi.waitFor(() =>
    expect(warn.mock.calls).toEqual([[{ part: 'reader', partition: 1, attempt: 2 }, 'it waits']]),
  );
});

test('a lost lease is told at once, with its reason', async () => {
  const { asked, lost } = opened();
  lost.abort(new TurnstreamError('GENERATION', 'the lease is lost'));
  await vi.waitFor(() => expect(asked).toEqual([{ kind: 'lost', message: 'the lease is lost' }]));
});

test('why the thread can’t go on comes as it was there', async () => {
  const { build, far } = opened();
  far.post({ kind: 'failed', code: 'STALLED', message: 'silent', retriable: true });
  await expect(build.failed).rejects.toMatchObject({ code: 'STALLED', retriable: true });
});

test('a thread that ends by itself is a failure, and a stop does not wait for it', async () => {
  const { build, end, terminate } = opened();
  end(new Error('gone'));
  await expect(build.failed).rejects.toThrow('gone');
  await build.stop();
  expect(terminate).toHaveBeenCalled();
});

test('a stop waits until the thread has stopped, or for as long as it may take', async () => {
  const one = opened();
  const stopped = one.build.stop();
  await vi.waitFor(() => expect(one.asked).toEqual([{ kind: 'stop' }]));
  expect(one.terminate).not.toHaveBeenCalled();
  one.far.post({ kind: 'stopped' });
  await stopped;
  expect(one.terminate).toHaveBeenCalled();

  const other = opened();
  const given = other.build.stop();
  await vi.waitFor(() => expect(other.asked).toEqual([{ kind: 'stop' }]));
  expect(other.clock.jump()).toBe(true);
  expect(other.clock.nowMs()).toBe(1_000);
  await given;
  expect(other.terminate).toHaveBeenCalled();
});
