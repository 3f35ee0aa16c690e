/**
 * The local stack as a whole, for the commands in this folder and for stack tests: its servers, their
 * addresses, and starting, stopping and killing one of them. The settings come from the environment
 * each time, so a test run that points to another folder and other ports has another stack.
 */
import { TurnstreamError } from '../processor/error.ts';
import { cassandraNodes, nodesOf } from './cassandra.ts';
import { connect } from './connect.ts';
import { downloadPart, isDownloaded, type PartName } from './download.ts';
import { findJavaHome } from './java.ts';
import { kafka } from './kafka.ts';
import { postgres, postgresAccount } from './postgres.ts';
import { host } from './probe.ts';
import { registry } from './registry.ts';
import {
  addressOf,
  killOne,
  runningServer,
  type Server,
  type ServerName,
  type StartContext,
  type StartResult,
  type StopResult,
  startOne,
  stopOne,
} from './server.ts';
import { services } from './services.ts';
import { type Environment, readSettings, type Settings } from './settings.ts';

/** All that there can be, in the order in which people read them; the start is parallel. */
export const stackServers: readonly Server[] = [
  postgres,
  kafka,
  registry,
  connect,
  ...cassandraNodes,
];

/** Those that the settings ask for. */
export function serversOf(settings: Settings): readonly Server[] {
  const nodes = nodesOf(settings);
  return stackServers.filter(
    (server) => !cassandraNodes.includes(server) || nodes.includes(server),
  );
}

/** Those of the settings, and what else runs: the nodes of a larger number of them. */
export function presentServers(settings: Settings): readonly Server[] {
  const wanted = serversOf(settings);
  return stackServers.filter(
    (server) => wanted.includes(server) || runningServer(settings, server.name) !== null,
  );
}

export type StackAddresses = {
  readonly postgres: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  readonly kafka: { readonly brokers: readonly string[] };
  readonly connect: { readonly url: string };
  /** `url` + `/apis/ccompat/v7` is Confluent's API, + `/apis/registry/v2` the converter's. */
  readonly registry: { readonly url: string };
  readonly cql: {
    readonly contactPoints: readonly string[];
    readonly port: number;
    readonly datacenter: string;
  };
};

export function stackAddresses(environment: Environment = process.env): StackAddresses {
  const settings = readSettings(environment);
  return {
    postgres: { host, port: settings.postgresPort, ...postgresAccount },
    kafka: { brokers: [`${host}:${settings.kafkaPort}`] },
    connect: { url: `http://${host}:${settings.connectPort}` },
    registry: { url: `http://${host}:${settings.registryPort}` },
    cql: {
      contactPoints: nodesOf(settings).map(addressOf),
      port: settings.cassandraPort,
      datacenter: 'datacenter1',
    },
  };
}

function findServer(name: ServerName): Server {
  const server = stackServers.find((candidate) => candidate.name === name);
  if (server === undefined) {
    throw new TurnstreamError('CONFIGURATION', `The local stack has no server ${name}.`);
  }
  return server;
}

/** `say` hears what each server is doing. */
export function startContext(
  settings: Settings,
  environment: Environment,
  say: (line: string) => void,
): StartContext {
  return { settings, say, javaHome: () => findJavaHome(settings.javaHome, environment) };
}

/** Returns when the server answers. Starting one that runs is harmless. */
export function startServer(
  name: ServerName,
  environment: Environment = process.env,
): Promise<StartResult> {
  const settings = readSettings(environment);
  return startOne(
    findServer(name),
    startContext(settings, environment, () => undefined),
  );
}

/** An orderly stop; its data stays. */
export function stopServer(
  name: ServerName,
  environment: Environment = process.env,
): Promise<StopResult> {
  return stopOne(findServer(name), readSettings(environment));
}

/** By default as a crash; SIGSTOP and SIGCONT make it hang and go on. */
export function killServer(
  name: ServerName,
  signal: NodeJS.Signals = 'SIGKILL',
  environment: Environment = process.env,
): Promise<void> {
  return killOne(findServer(name), readSettings(environment), signal);
}

export type StartedServer = {
  readonly server: Server;
  readonly outcome: StartResult | Error;
  readonly seconds: number;
};

/** Starts all, each as soon as what it needs is there; one that fails does not stop the others. */
export async function startStack(
  settings: Settings,
  environment: Environment,
  say: (server: Server, line: string) => void,
): Promise<readonly StartedServer[]> {
  const started = Date.now();
  prefetch(settings, environment, say);
  const pending = new Map<ServerName, Promise<StartedServer>>();
  for (const server of serversOf(settings)) {
    const needs = server.needs.map((name) => pending.get(name));
    pending.set(server.name, startInTurn(server, needs));
  }
  return Promise.all(pending.values());

  async function startInTurn(
    server: Server,
    needs: readonly (Promise<StartedServer> | undefined)[],
  ): Promise<StartedServer> {
    const results = await Promise.all(needs);
    const seconds = (): number => (Date.now() - started) / 1000;
    const missing = results.find((result) => result?.outcome instanceof Error);
    if (missing !== undefined) {
      const outcome = new TurnstreamError(
        'PREFLIGHT',
        `${server.title} was not started: it needs ${missing.server.title}.`,
      );
      return { server, outcome, seconds: seconds() };
    }
    try {
      const context = startContext(settings, environment, (line) => say(server, line));
      const outcome = await startOne(server, context);
      const how =
        outcome === 'started' ? `ready after ${seconds().toFixed(1)} s` : 'already running';
      say(server, how);
      return { server, outcome, seconds: seconds() };
    } catch (error) {
      say(server, 'failed');
      return { server, outcome: asError(error), seconds: seconds() };
    }
  }
}

/**
 * Asks for what is still to be downloaded in the order that ends soonest: Connect starts last and
 * waits for Kafka, so both come first. A failure is told by the server that needs the part.
 */
function prefetch(
  settings: Settings,
  environment: Environment,
  say: (server: Server, line: string) => void,
): void {
  const [node] = cassandraNodes;
  const order: readonly (readonly [PartName, Server])[] = [
    ['kafka', kafka],
    ['debezium', connect],
    ['converter', connect],
    ['cassandra', node],
    ['registry', registry],
  ];
  const missing = order.filter(([part]) => !isDownloaded(settings, part));
  for (const [part, server] of missing) {
    const context = startContext(settings, environment, (line) => say(server, line));
    const download = { settings, javaHome: context.javaHome(), say: context.say };
    downloadPart(part, download).catch(() => undefined);
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Stops all: what writes into another server before that one. */
export async function stopStack(
  settings: Settings,
  say: (server: Server, line: string) => void,
): Promise<void> {
  const present = presentServers(settings);
  const independent = present.filter(
    (server) => server.name !== 'kafka' && server.name !== 'connect',
  );
  const ordered = present.filter((server) => !independent.includes(server)).reverse();
  const stop = async (server: Server): Promise<void> => {
    const started = Date.now();
    const result = await stopOne(server, settings);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    say(server, result === 'not running' ? result : `${result} after ${seconds} s`);
  };
  // Turnstream first: it drains while everything that it works with still answers.
  const running = services.filter(({ name }) => runningServer(settings, name) !== null);
  await Promise.all(running.map(stop));
  const inOrder = async (): Promise<void> => {
    for (const server of ordered) await stop(server);
  };
  // Connect first: it commits its offsets to Kafka and confirms them to Postgres.
  await inOrder();
  await Promise.all(independent.map(stop));
}
