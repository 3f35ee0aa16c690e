/**
 * Three CQL nodes, replication 3, LOCAL_QUORUM: one may be killed, hang or be restarted at any time,
 * under load, and no row differs. Nothing of ours ends because of it; what a node did not answer is
 * asked of another one. Figures are printed for each case.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables } from '../../generator/generate.ts';
import { killServer, startServer, stopServer } from '../../local/stack.ts';
import { BackgroundLoad } from '../stack/support/background-load.ts';
import { chaosSeed } from '../stack/support/faults.ts';
import { Freshness, type Seen } from '../stack/support/freshness.ts';
import { Spine } from '../stack/support/spine.ts';
import { pause } from '../support/wait.ts';
import {
  backToOneNode,
  nodes,
  startThreeNodes,
  threeNodes,
  untilAllAnswer,
} from './three-nodes.ts';

const seed = chaosSeed('nodes');
const endAtMs = Date.parse('2026-03-05T12:00:00Z');
/** Three nodes and all the rest share a machine: a load that they keep up with. */
const load = { rowsPerSecondMax: 20, sessionsPerRun: 4, mixedChangesPerRun: 8 };
const freshSeconds = 5;
/** How long a node that hangs does so: longer than its neighbours take to think it dead. */
const hangMs = 30_000;

let spine: Spine;
let freshness: Freshness;
let loads = 0;

beforeAll(async () => {
  await startThreeNodes();
  spine = new Spine();
  await spine.prepare(createTables);
  const { worker, sequencer } = spine.startBoth();
  freshness = new Freshness(worker, [sequencer]);
  await spine.caughtUp();
}, 300_000);

afterAll(async () => {
  await spine?.drop();
  await backToOneNode();
}, 300_000);

/** Does it under load; prints what was seen; the judge has the word when all of the load is in. */
async function underLoad(name: string, doing: () => Promise<unknown>): Promise<Seen> {
  loads += 1;
  const running = new BackgroundLoad(spine.pool, { ...load, seed: seed + loads * 1_000, endAtMs });
  await running.goesOn(100);
  await freshness.untilFresh(freshSeconds);
  const seen = await freshness.during(doing, freshSeconds);
  const changes = await running.stop();
  const startedAt = performance.now();
  expect(await spine.judged()).toBeNull();
  const judgedSeconds = Math.round((performance.now() - startedAt) / 100) / 10;
  console.log(`nodes: ${name}: ${JSON.stringify({ ...seen, changes, judgedSeconds })}`);
  return seen;
}

test('without a fault, to compare with', async () => {
  await underLoad('no fault', () => pause(15_000));
}, 300_000);

test.each(nodes)(
  '%s is killed and started again under load',
  async (node) => {
    await underLoad(`${node} killed`, async () => {
      await killServer(node, 'SIGKILL', threeNodes);
      await pause(5_000);
      await startServer(node, threeNodes);
      await untilAllAnswer();
    });
  },
  400_000,
);

test('a node that hangs is passed by, and may go on where it hung', async () => {
  const { stalestSeconds } = await underLoad('one hangs', async () => {
    await killServer('cassandra-2', 'SIGSTOP', threeNodes);
    await pause(hangMs);
    await killServer('cassandra-2', 'SIGCONT', threeNodes);
    await untilAllAnswer();
  });
  // Not all of the time that it hangs: one request's time-out, at most.
  expect(stalestSeconds).toBeLessThan((hangMs / 1000) * 0.6);
}, 400_000);

test('a rolling restart: each node drains, ends and begins again, one after the other', async () => {
  await underLoad('rolling restart', async () => {
    for (const node of nodes) {
      expect(await stopServer(node, threeNodes)).toBe('stopped');
      await startServer(node, threeNodes);
      await untilAllAnswer();
    }
  });
}, 600_000);

test('without two of three nothing is written, and all of it when one is back', async () => {
  await underLoad('two of three killed', async () => {
    await killServer('cassandra-2', 'SIGKILL', threeNodes);
    await killServer('cassandra-3', 'SIGKILL', threeNodes);
    await pause(10_000);
    await startServer('cassandra-3', threeNodes);
  });
  await startServer('cassandra-2', threeNodes);
  await untilAllAnswer();
  expect(await spine.judged()).toBeNull();
}, 400_000);
