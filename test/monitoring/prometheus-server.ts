/**
 * A real Prometheus with our rules that scrapes given pages, in a folder and on a port of its own, for as
 * long as a test needs it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { rootDir } from '../support/sources.ts';
import { until } from '../support/wait.ts';
import type { PrometheusTools } from './prometheus-tools.ts';
import { rulesPath } from './rules.ts';

export type Target = {
  readonly job: string;
  /** Of its metrics page. */
  readonly url: string;
  readonly labels?: Readonly<Record<string, string>>;
};

const sampleSchema = z.object({
  metric: z.record(z.string(), z.string()),
  value: z.tuple([z.number(), z.string()]),
});
const vectorSchema = z.object({ result: z.array(sampleSchema) });
const targetsSchema = z.object({
  activeTargets: z.array(z.object({ health: z.string(), lastError: z.string() })),
});
const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() }),
      ),
    }),
  ),
});

export type Sample = {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

export class PrometheusServer {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #url: string;
  #said = '';

  private constructor(child: ChildProcess, folder: string, url: string) {
    this.#child = child;
    this.#folder = folder;
    this.#url = url;
    child.stderr?.on('data', (chunk) => {
      this.#said += String(chunk);
    });
  }

  /** Scrapes and evaluates once a second. */
  static async start(
    { prometheus }: PrometheusTools,
    targets: readonly Target[],
  ): Promise<PrometheusServer> {
    const folder = mkdtempSync(join(tmpdir(), 'turnstream-prometheus-'));
    const file = join(folder, 'prometheus.yml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(configurationOf(targets)));
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      prometheus,
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
        '--log.level=warn',
      ],
      { env: { ...process.env, GOMAXPROCS: '1' }, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const server = new PrometheusServer(child, folder, `http://${address}`);
    await until(() => server.#answers(), 100);
    return server;
  }

  async #answers(): Promise<boolean> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) {
      throw new Error(`Prometheus has ended with ${exitCode ?? signalCode}: ${this.#said}`);
    }
    const ready = await fetch(`${this.#url}/-/ready`).catch(() => null);
    return ready?.ok === true;
  }

  /** Throws what Prometheus says of an expression that it can't evaluate. */
  async query(expr: string): Promise<readonly Sample[]> {
    const answer = await this.#get(`query?${new URLSearchParams({ query: expr }).toString()}`);
    return vectorSchema.parse(answer).result.map(({ metric, value: [, value] }) => {
      return { labels: metric, value: Number(value) };
    });
  }

  /** Resolves when each of so many targets has been scraped so often; a rate needs two times. */
  async scraped(targets: number, times: number): Promise<void> {
    const often = `count_over_time(up[1m]) >= ${times}`;
    await until(async () => (await this.query(often)).length === targets, 100);
  }

  /** Resolves when the expression has a sample. */
  async holds(expr: string): Promise<void> {
    await until(async () => (await this.query(expr)).length > 0, 100);
  }

  /** Of each target, null where it is well. */
  async targetErrors(): Promise<readonly (string | null)[]> {
    const { activeTargets } = targetsSchema.parse(await this.#get('targets'));
    return activeTargets.map(({ health, lastError }) => (health === 'up' ? null : lastError));
  }

  /** Of each rule, null where it could be evaluated. */
  async ruleErrors(): Promise<readonly (string | null)[]> {
    const { groups } = rulesSchema.parse(await this.#get('rules'));
    return groups
      .flatMap(({ rules }) => rules)
      .map(({ name, health, lastError }) => {
        return health === 'ok' ? null : `${name} is ${health}: ${lastError ?? ''}`;
      });
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const body = z
      .object({ status: z.string(), error: z.string().optional(), data: z.unknown().optional() })
      .parse(await response.json());
    if (body.status !== 'success') throw new Error(body.error ?? `Prometheus: ${response.status}`);
    return body.data;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.kill()) await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configurationOf(targets: readonly Target[]) {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [join(rootDir, rulesPath)],
    scrape_configs: targets.map(({ job, url, labels = {} }, index) => ({
      job_name: `${job}-${index}`,
      static_configs: [{ targets: [new URL(url).host], labels: { job, ...labels } }],
    })),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
