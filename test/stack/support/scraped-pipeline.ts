/** The real pipeline under load, its sequencer, worker and verifier scraped by a real Prometheus. */
import { createTables, generate } from '../../../generator/generate.ts';
import { PrometheusServer, type Target } from '../../monitoring/prometheus-server.ts';
import { type PrometheusTools, prometheusTools } from '../../monitoring/prometheus-tools.ts';
import { BackgroundLoad } from './background-load.ts';
import { Spine } from './spine.ts';
import type { TurnstreamProcess } from './turnstream-process.ts';

const endAtMs = Date.parse('2026-03-05T12:00:00Z');

export const tools = await prometheusTools();
/** Why nothing can be scraped here; null: it can. */
export const missing = 'missing' in tools ? tools.missing : null;

type Parts = {
  readonly sequencer: TurnstreamProcess;
  readonly worker: TurnstreamProcess;
  readonly verifier: TurnstreamProcess;
};

export class ScrapedPipeline {
  readonly spine: Spine;
  readonly parts: Parts;
  readonly load: BackgroundLoad;
  readonly prometheus: PrometheusServer;
  readonly targets: readonly Target[];

  private constructor(
    spine: Spine,
    parts: Parts,
    scraping: { readonly load: BackgroundLoad; readonly targets: readonly Target[] },
    prometheus: PrometheusServer,
  ) {
    this.spine = spine;
    this.parts = parts;
    this.load = scraping.load;
    this.targets = scraping.targets;
    this.prometheus = prometheus;
  }

  /** The first comparison has ended, and everything was scraped a few times. */
  static async open(): Promise<ScrapedPipeline> {
    if ('missing' in tools) throw new Error(tools.missing);
    const spine = new Spine();
    try {
      return await ScrapedPipeline.#openOn(spine, tools);
    } catch (thrown) {
      await spine.drop();
      throw thrown;
    }
  }

  static async #openOn(spine: Spine, found: PrometheusTools): Promise<ScrapedPipeline> {
    await spine.prepare(async (pool) => {
      await createTables(pool);
      await generate(pool, { seed: 11, sessions: 10, endAtMs });
    });
    const { sequencer, worker } = spine.startBoth();
    await spine.caughtUp();
    // No more than two cores carry beside a verification and servers that have just started: a pipeline
    // that has more than it can do is slow, and TurnstreamSlow is right to say so.
    const load = new BackgroundLoad(spine.pool, { seed: 60, endAtMs, rowsPerSecondMax: 50 });
    const verifier = spine.start('verify', '--continuous', '--interval', '3');
    const targets = [
      await targetOf('sequencer', sequencer),
      await targetOf('worker', worker),
      await targetOf('verifier', verifier),
    ];
    const prometheus = await PrometheusServer.start(found, targets);
    // The counter of it is in two scrapes.
    await prometheus.holds('sum(turnstream_verify_runs_total) >= 2');
    await prometheus.scraped(targets.length, 6);
    await load.goesOn(200);
    const parts = { sequencer, worker, verifier };
    return new ScrapedPipeline(spine, parts, { load, targets }, prometheus);
  }

  async close(): Promise<void> {
    await this.prometheus.stop();
    await this.load.stop();
    await this.spine.drop();
  }
}

async function targetOf(job: string, one: TurnstreamProcess): Promise<Target> {
  const { metrics } = await one.line((line) => typeof line['metrics'] === 'string');
  return { job, url: String(metrics) };
}
