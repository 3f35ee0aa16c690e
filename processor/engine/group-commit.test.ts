import { expect, test } from 'vitest';
import { turn, VirtualClock } from '../../test/worker/virtual-clock.ts';
import { TurnstreamError } from '../error.ts';
import type { CommitOutcome, OffsetCommit } from '../kafka/log.ts';
import { silentLogger } from '../logger.ts';
import { GroupCommit } from './group-commit.ts';

function committing(outcomes: readonly (CommitOutcome | Error)[] = []) {
  const clock = new VirtualClock(0);
  const over = new AbortController();
  const requests: (readonly (readonly [number, OffsetCommit])[])[] = [];
  let fenced = 0;
  const commits = new GroupCommit({
    commit: (offsets) => {
      const outcome = outcomes[requests.length] ?? 'committed';
      requests.push([...offsets]);
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
    intervalMs: 1000,
    clock,
    over: over.signal,
    onFenced: () => {
      fenced += 1;
    },
    logger: silentLogger,
  });
  return { clock, over, requests, commits, fenced: () => fenced };
}

test('what is noted within an interval goes out in one request, the last offset of each', async () => {
  const { commits, clock, requests } = committing();
  commits.note(0, 5);
  commits.note(1, 6);
  commits.note(0, 9);
  await turn();
  expect(requests).toEqual([]);
  clock.jump();
  await turn();
  expect(requests).toEqual([
    [
      [0, { offset: 9 }],
      [1, { offset: 6 }],
    ],
  ]);
});

test('a commit that failed is made up for by the next, with newer offsets where there are any', async () => {
  const lost = new TurnstreamError('LOG', 'no coordinator', { retriable: true });
  const { commits, requests } = committing([lost]);
  commits.note(0, 5);
  commits.note(1, 6);
  await commits.flush();
  commits.note(0, 7);
  await commits.flush();
  expect(new Map(requests[1])).toEqual(
    new Map([
      [0, { offset: 7 }],
      [1, { offset: 6 }],
    ]),
  );
});

test('a refusal is told, and nothing is committed once the epoch is over', async () => {
  const { commits, requests, fenced, over } = committing(['fenced']);
  commits.note(0, 5);
  await commits.flush();
  expect(fenced()).toBe(1);
  over.abort();
  commits.note(0, 6);
  await commits.flush();
  expect(requests).toHaveLength(1);
});
