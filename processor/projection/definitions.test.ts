import { expect, test } from 'vitest';
import { formerVersions, projections } from '../../projections/index.ts';
import { definitionsOf, versionOf } from './definitions.ts';
import type { Projection } from './projection.ts';

const [one, other] = projections as readonly [Projection, Projection];
const versioned = (version: number): Projection => ({ ...one, version });

test('former versions stand behind the present one, the newest first', () => {
  const former = [versioned(1), versioned(3)];
  const [found, alone] = definitionsOf([versioned(4), other], former);
  expect(found?.present.version).toBe(4);
  expect(found?.former.map(({ version }) => version)).toEqual([3, 1]);
  expect(alone).toEqual({ present: other, former: [] });
  expect(versionOf(found!, 3)).toBe(former[1]);
  expect(versionOf(found!, 2)).toBeUndefined();
});

test('the registry’s own versions do not contradict each other', () => {
  expect(definitionsOf(projections, formerVersions)).toHaveLength(projections.length);
});

test.each<[string, readonly Projection[], readonly Projection[], RegExp]>([
  ['a name twice', [one, versioned(2)], [], /defined twice/],
  ['a former version of nothing', [other], [one], /no present definition/],
  ['a former version as high as the present one', [versioned(2)], [versioned(2)], /version 2/],
  ['a former version twice', [versioned(3)], [versioned(2), versioned(2)], /higher version/],
])('%s is refused', (_, present, former, message) => {
  expect(() => definitionsOf(present, former)).toThrow(message);
});
