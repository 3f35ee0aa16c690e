/** Alerts see on the real pipeline what they are for. In short, and of each alert: helm/turnstream/monitoring/tests/. */
import { expect, test } from 'vitest';
import { evaluate } from '../monitoring/evaluate.ts';
import { missing, ScrapedPipeline } from '../stack/support/scraped-pipeline.ts';

if (missing !== null) console.warn(`Alerts were not tried: ${missing}.`);

test.skipIf(missing !== null)(
  'when the sequencer and the verifier are gone, their alerts see it',
  async () => {
    const pipeline = await ScrapedPipeline.open();
    try {
      const { prometheus, parts } = pipeline;
      await Promise.all([parts.sequencer.stop(), parts.verifier.stop()]);
      await prometheus.holds(
        'ALERTS{alertname="TurnstreamNobodySequencing", alertstate="pending"}',
      );
      await prometheus.holds('ALERTS{alertname="TurnstreamVerifyOverdue", alertstate="pending"}');
      // The worker still says how old its rows are.
      await prometheus.holds('min(turnstream_staleness_seconds) > 1');
      expect((await evaluate(prometheus)).refused).toEqual([]);
    } finally {
      await pipeline.close();
    }
  },
);
