/**
 * Kafka Connect's REST API, as far as capture needs it: put a connector's configuration, wait until its
 * task runs, and see how it is later. Every call may be made again; Connect answers 409 while it rebalances, which
 * is waited out.
 */
import type { Clock } from '../processor/engine/clock.ts';
import { messageOf, TurnstreamError } from '../processor/error.ts';
import type { ConnectorConfig } from './render.ts';
import type { ConnectSettings } from './settings.ts';

export type Waiting = Pick<Clock, 'nowMs' | 'delay'>;

export type PutOutcome = 'created' | 'updated' | 'unchanged';

export type PluginFacts = { readonly installed: boolean; readonly version: string | null };

/** Of the connector and its task together. */
export type Condition =
  | { readonly kind: 'running' }
  /** `cause`: what its trace begins with. */
  | { readonly kind: 'failed'; readonly cause: string }
  /** On its way, or as somebody wants it: paused, stopped, unassigned, restarting. */
  | { readonly kind: 'resting'; readonly states: string }
  | { readonly kind: 'missing' };

export interface KafkaConnect {
  /** Whether the worker has Debezium's Postgres connector, and which. */
  plugin(connectorClass: string): Promise<PluginFacts>;
  put(config: ConnectorConfig): Promise<PutOutcome>;
  /** Resolves when the connector's task runs; rejects with CONNECT when it failed or in time did not. */
  waitUntilRunning(outcome: PutOutcome): Promise<void>;
  condition(): Promise<Condition>;
  /** Begins what has failed anew, and nothing else. */
  restartFailed(): Promise<void>;
}

export type KafkaConnectSettings = {
  readonly connector: Pick<ConnectSettings['connector'], 'url' | 'name' | 'startTimeoutMs'>;
};

const pollMs = 200;
const requestTimeoutMs = 30_000;
const traceLinesMax = 6;
const restartOfFailed = '/restart?includeTasks=true&onlyFailed=true';

type Answer = { readonly status: number; readonly body: unknown };
type State = { readonly state: string; readonly trace?: string };
type Status = { readonly connector: State; readonly tasks: readonly State[] };

export function kafkaConnect(settings: KafkaConnectSettings, waiting: Waiting): KafkaConnect {
  const { name, startTimeoutMs } = settings.connector;
  const base = settings.connector.url.replace(/\/+$/, '');
  const path = `/connectors/${encodeURIComponent(name)}`;

  /** Waits out a rebalance and a worker that is just starting. */
  async function call(method: string, where: string, body?: unknown): Promise<Answer> {
    const deadlineMs = waiting.nowMs() + startTimeoutMs;
    for (;;) {
      const answer = await request(base, method, where, body);
      const rebalancing = answer.status === 409 || answer.status === 503;
      if (!rebalancing || waiting.nowMs() >= deadlineMs) return answer;
      await waiting.delay(pollMs);
    }
  }

  function refused(what: string, { status, body }: Answer): TurnstreamError {
    const message = memberOf(body, 'message') ?? JSON.stringify(body);
    return new TurnstreamError(
      'CONNECT',
      `Kafka Connect at ${base} refused ${what} (${status}): ${String(message)}`,
      { retriable: status >= 500 && status !== 500 },
    );
  }

  return {
    async plugin(connectorClass) {
      const answer = await call('GET', '/connector-plugins');
      if (answer.status !== 200 || !Array.isArray(answer.body)) throw refused('a list', answer);
      const found = answer.body.find((plugin) => memberOf(plugin, 'class') === connectorClass);
      const version = memberOf(found, 'version');
      return {
        installed: found !== undefined,
        version: version === undefined ? null : String(version),
      };
    },
    async put(config) {
      const present = await call('GET', `${path}/config`);
      if (present.status === 200 && sameConfig(present.body, { ...config, name }))
        return 'unchanged';
      const answer = await call('PUT', `${path}/config`, config);
      if (answer.status !== 200 && answer.status !== 201)
        throw refused(`connector ${name}`, answer);
      return answer.status === 201 ? 'created' : 'updated';
    },
    async waitUntilRunning(outcome) {
      const deadlineMs = waiting.nowMs() + startTimeoutMs;
      // A configuration that did not change does not restart a task that failed.
      let restarts = outcome === 'unchanged' ? 1 : 0;
      for (;;) {
        const answer = await call('GET', `${path}/status`);
        const status = answer.status === 200 ? (answer.body as Status) : undefined;
        if (status !== undefined && isRunning(status)) return;
        const failed = status === undefined ? undefined : failureOf(status);
        if (failed !== undefined && restarts-- <= 0) throw taskFailed(name, failed);
        if (failed !== undefined) await call('POST', `${path}${restartOfFailed}`);
        if (waiting.nowMs() >= deadlineMs) throw notRunning(name, startTimeoutMs, status);
        await waiting.delay(pollMs);
      }
    },
    async condition() {
      const answer = await call('GET', `${path}/status`);
      if (answer.status === 404) return { kind: 'missing' };
      if (answer.status !== 200) throw refused(`the status of connector ${name}`, answer);
      return conditionOf(answer.body as Status);
    },
    async restartFailed() {
      const answer = await call('POST', `${path}${restartOfFailed}`);
      if (answer.status >= 300) throw refused(`a restart of connector ${name}`, answer);
    },
  };
}

async function request(
  base: string,
  method: string,
  where: string,
  body: unknown,
): Promise<Answer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${base}${where}`, {
      method,
      signal: AbortSignal.timeout(requestTimeoutMs),
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new TurnstreamError(
      'CONNECT',
      `Kafka Connect at ${base} does not answer (${messageOf(cause)}); check that it runs and that TURNSTREAM_CONNECT_URL is its REST address.`,
      { retriable: true, cause: error },
    );
  }
  return { status: response.status, body: parseJson(text) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function sameConfig(present: unknown, wanted: ConnectorConfig): boolean {
  if (typeof present !== 'object' || present === null) return false;
  const names = Object.keys(wanted);
  return (
    Object.keys(present).length === names.length &&
    names.every((name) => memberOf(present, name) === wanted[name])
  );
}

function isRunning({ connector, tasks }: Status): boolean {
  return (
    connector.state === 'RUNNING' &&
    tasks.length > 0 &&
    tasks.every(({ state }) => state === 'RUNNING')
  );
}

function failureOf({ connector, tasks }: Status): State | undefined {
  return [connector, ...tasks].find(({ state }) => state === 'FAILED');
}

function conditionOf(status: Status): Condition {
  if (isRunning(status)) return { kind: 'running' };
  const failed = failureOf(status);
  if (failed !== undefined) return { kind: 'failed', cause: causeOf(failed) };
  return { kind: 'resting', states: statesOf(status) };
}

/** What went wrong at first stands in the last of the causes. */
function causeOf({ trace = '' }: State): string {
  const lines = trace.trim().split('\n');
  return lines.findLast((line) => line.startsWith('Caused by:')) ?? lines[0] ?? '';
}

function statesOf({ connector, tasks }: Status): string {
  return [connector, ...tasks].map(({ state }) => state).join(', ');
}

function taskFailed(name: string, failed: State): TurnstreamError {
  const { trace = '' } = failed;
  const lines = trace.trim().split('\n');
  const shown = new Set([...lines.slice(0, traceLinesMax), causeOf(failed)]);
  return new TurnstreamError(
    'CONNECT',
    `Connector ${name} failed to start; correct what it names and run this again:\n${[...shown].join('\n')}`,
  );
}

function notRunning(
  name: string,
  startTimeoutMs: number,
  status: Status | undefined,
): TurnstreamError {
  const states = status === undefined ? 'unknown' : statesOf(status);
  return new TurnstreamError(
    'CONNECT',
    `Connector ${name} does not run after ${startTimeoutMs / 1000} s (${states}); look at the log of Kafka Connect, then run this again.`,
    { retriable: true },
  );
}
