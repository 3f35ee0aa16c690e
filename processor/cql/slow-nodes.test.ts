import type { Host } from 'cassandra-driver';
import { describe, expect, it } from 'vitest';
import { SecondNodePolicy, SlowNodes, slowLast } from './slow-nodes.ts';

const host = (address: string) => ({ address }) as Host;
const [one, two, three] = [host('one'), host('two'), host('three')];
const orderOf = (slow: SlowNodes) => [...slowLast([one, two, three].values(), slow)];

describe('nodes that let a request wait', () => {
  it('are known once a second node was asked, and are asked last for a while', () => {
    let now = 0;
    const slow = new SlowNodes(1_000, () => now);
    const plan = new SecondNodePolicy(250, slow).newPlan();
    expect(plan.nextExecution(one)).toBe(250);
    expect(orderOf(slow)).toEqual([one, two, three]);
    now = 250;
    expect(plan.nextExecution(two)).toBe(-1);
    expect(orderOf(slow)).toEqual([two, three, one]);
    now = 1_249;
    expect(orderOf(slow)).toEqual([two, three, one]);
    now = 1_250;
    expect(orderOf(slow)).toEqual([one, two, three]);
  });

  it('keep their order when all of them are slow', () => {
    const slow = new SlowNodes(1_000, () => 0);
    for (const each of [three, one, two]) slow.add(each);
    expect(orderOf(slow)).toEqual([one, two, three]);
  });

  it('are not looked for further than the driver asks', () => {
    let asked = 0;
    function* plan(): Generator<Host, undefined> {
      for (const each of [one, two, three]) {
        asked += 1;
        yield each;
      }
      return undefined;
    }
    expect(slowLast(plan(), new SlowNodes(1_000, () => 0)).next().value).toBe(one);
    expect(asked).toBe(1);
  });
});
