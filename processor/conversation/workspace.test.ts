/** Memory is bounded by what it takes, not by what it seems to take (I10). */
import { expect, test } from 'vitest';
import { foldDefaults, segmentDefaults } from './limits.ts';
import { containerBytes, rowBytes } from './row-size.ts';
import { Workspace } from './workspace.ts';

const bytesMax = 100_000;

test('many small containers count what each takes beside its rows, and are forgotten beyond the limit', () => {
  const workspace = new Workspace({ ...foldDefaults, ...segmentDefaults });
  for (let turn = 0; turn < 1_000; turn += 1) {
    workspace.open(`t:${turn}`, -1);
    if (turn % 10 === 9) workspace.settle(bytesMax);
  }
  expect(workspace.bytes).toBeLessThanOrEqual(bytesMax);
  expect(workspace.containerCount).toBe(Math.floor(bytesMax / (containerBytes + rowBytes)));
  expect(workspace.has('t:999')).toBe(true);
  expect(workspace.has('t:0')).toBe(false);
});
