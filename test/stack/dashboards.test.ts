/**
 * A real Prometheus scrapes the real pipeline under load, and evaluates every query of the dashboards and
 * every rule: none is refused, each that must have data has some, and nothing is alarmed.
 */
import { expect, test } from 'vitest';
import { evaluate } from '../monitoring/evaluate.ts';
import { missing, ScrapedPipeline } from './support/scraped-pipeline.ts';

/** What a pipeline that runs well has nothing to show of. */
const restful = ['No replay runs', 'No retries since the start', 'None since the start'];

if (missing !== null) console.warn(`The dashboards were not tried: ${missing}.`);

test.skipIf(missing !== null)(
  'over the real pipeline every panel shows something, every rule holds, no alert does',
  async () => {
    const pipeline = await ScrapedPipeline.open();
    try {
      const { prometheus, targets } = pipeline;
      expect(await prometheus.targetErrors()).toEqual(targets.map(() => null));
      const { empty, ...rest } = await evaluate(prometheus);
      expect(rest).toEqual({ refused: [], unrecorded: [], alarmed: [] });
      const meantToHaveData = ({ emptyMeans = '' }) => !restful.includes(emptyMeans);
      expect(empty.filter(meantToHaveData).map(({ panel }) => panel)).toEqual([]);
    } finally {
      await pipeline.close();
    }
  },
  // The first comparison under load, which the scrapes wait for, takes a minute on two cores and cold servers.
  240_000,
);
