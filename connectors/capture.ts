/**
 * Registering capture: pre-flight, publication, topics, connector, in this order, each of them
 * harmless to repeat. Everything from outside comes in as `deps`, so that tests and the demo use
 * it as `turnstream connect` does.
 */
import { TurnstreamError } from '../processor/error.ts';
import type { LogAdmin } from '../processor/kafka/log.ts';
import { sourceTables } from '../processor/source/row-change.ts';
import { type PostgresFacts, type Queryable, readFacts } from './facts.ts';
import { kafkaConnect, type PutOutcome, type Waiting } from './kafka-connect.ts';
import { missingTables, type Preflight, preflight } from './preflight.ts';
import {
  publicationStatement,
  quoteName,
  renderConnector,
  tableName,
  topicSpecs,
} from './render.ts';
import type { ConnectSettings } from './settings.ts';

export type ConnectDeps = {
  readonly postgres: Queryable;
  readonly admin: () => Promise<Pick<LogAdmin, 'ensureTopics'>>;
  readonly waiting: Waiting;
  /** Progress for people, a line at a time. */
  readonly say: (line: string) => void;
};

export type ConnectResult = {
  readonly connector: PutOutcome;
  readonly publication: PutOutcome;
  readonly topics: readonly string[];
  readonly notes: readonly string[];
};

/** Debezium before it may skip rows that share an LSN after a restart. */
const debeziumVersionMin = [3, 7, 0] as const;

/** What stands in the way, changing nothing. Rejects when Postgres or Connect does not answer. */
export async function checkCapture(
  settings: ConnectSettings,
  deps: Pick<ConnectDeps, 'postgres' | 'waiting'>,
): Promise<Preflight & { readonly facts: PostgresFacts }> {
  const facts = await readFacts(deps.postgres, settings);
  const { failures, notes } = preflight(facts, settings);
  const plugin = await checkPlugin(settings, deps.waiting);
  return { facts, failures: [...failures, ...plugin], notes };
}

/** Rejects with PREFLIGHT, every failure on a line of its own, before anything is changed. */
export async function connect(
  settings: ConnectSettings,
  deps: ConnectDeps,
): Promise<ConnectResult> {
  const { facts, failures, notes } = await checkCapture(settings, deps);
  if (failures.length > 0) {
    throw new TurnstreamError(
      'PREFLIGHT',
      `Capture can't start yet:\n${failures.map((failure) => `  - ${failure}`).join('\n')}`,
    );
  }
  for (const note of notes) deps.say(`note: ${note}`);
  const publication = await ensurePublication(settings, facts, deps.postgres);
  deps.say(`publication ${settings.connector.publication} ${publication}`);
  const specs = topicSpecs(settings);
  await (await deps.admin()).ensureTopics(specs);
  const topics = specs.map(({ topic }) => topic);
  deps.say(`topics ${topics.join(', ')} are there`);
  const worker = kafkaConnect(settings, deps.waiting);
  const connector = await worker.put(renderConnector(settings));
  deps.say(`connector ${settings.connector.name} ${connector}`);
  await worker.waitUntilRunning(connector);
  deps.say(`connector ${settings.connector.name} runs`);
  return { connector, publication, topics, notes };
}

async function checkPlugin(
  settings: ConnectSettings,
  waiting: Waiting,
): Promise<readonly string[]> {
  const connectorClass = renderConnector(settings)['connector.class'] ?? '';
  const { installed, version } = await kafkaConnect(settings, waiting).plugin(connectorClass);
  if (!installed) {
    return [
      `Kafka Connect at ${settings.connector.url} lacks ${connectorClass}: put Debezium ${debeziumVersionMin.join('.')} or later on its plugin.path.`,
    ];
  }
  if (version !== null && isBelow(version, debeziumVersionMin)) {
    return [
      `Kafka Connect has Debezium ${version}, which loses rows when it is restarted in the middle of a COPY: install ${debeziumVersionMin.join('.')} or later.`,
    ];
  }
  return [];
}

function isBelow(version: string, min: readonly number[]): boolean {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10));
  for (const [index, least] of min.entries()) {
    const part = parts[index] ?? 0;
    if (Number.isNaN(part)) return false;
    if (part !== least) return part < least;
  }
  return false;
}

async function ensurePublication(
  settings: ConnectSettings,
  facts: PostgresFacts,
  postgres: Queryable,
): Promise<PutOutcome> {
  if (facts.publication === null) {
    await postgres.query(publicationStatement(settings));
    return 'created';
  }
  const missing = missingTables(facts);
  if (missing.length === 0) return 'unchanged';
  const tables = sourceTables
    .filter((table) => missing.includes(table))
    .map((table) => tableName(settings, table));
  const publication = quoteName(settings.connector.publication);
  await postgres.query(`ALTER PUBLICATION ${publication} ADD TABLE ${tables.join(', ')}`);
  return 'updated';
}
