/** A segment that is cut is written in its order, so that the change it ends with can be folded again (segmentTailRows). */
import { expect, test } from 'vitest';
import type { Instant } from '../source/instant.ts';
import { Container } from './container.ts';
import { foldDefaults, segmentDefaults } from './limits.ts';

const child = (uid: string) => ({ kind: 'child', family: 'human:a1', uid }) as const;
const value = (uid: string, at: number) => ({ uid, at: at as Instant, present: true });

test('a segment sealed before a change has its rows in the order that they had before it', () => {
  const container = new Container('s:s1', -1, {
    ...foldDefaults,
    ...segmentDefaults,
    segmentRowsMax: 2,
  });
  container.put(child('first'), value('first', 1));
  container.put(child('last'), value('last', 1));
  container.advance(1);
  // Does not fit, and changes what the segment has as well.
  container.put(child('first'), value('first', 2));
  container.put(child('other'), value('other', 2));
  container.advance(2);
  const told = container.takeSegments().map(({ position, rows }) => ({
    position,
    rows: rows.map(({ value: stored }) => stored),
  }));
  expect(told).toEqual([
    {
      position: 1,
      rows: [value('first', 1), value('last', 1)],
    },
    {
      position: 2,
      rows: [value('first', 2), value('other', 2)],
    },
  ]);
});
