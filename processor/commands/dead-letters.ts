/** `turnstream dead-letters list`, `show`, `retry` and `discard`: what was set aside, and what becomes of it. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../config.ts';
import { fateOf } from '../engine/dead-letter-store.ts';
import { workerDefaults } from '../engine/worker-settings.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import { eventCodec } from '../event/codec.ts';
import { registerEventSchema } from '../event/schema.ts';
import type { Log, LogRecord } from '../kafka/log.ts';
import { httpRegistry } from '../source/registry.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { discardLetters } from './dead-letters-discard.ts';
import {
  discardText,
  type FoundLetter,
  letterJson,
  listText,
  retryText,
  showText,
} from './dead-letters-report.ts';
import {
  findLetters,
  placeOfLetter,
  placeOfRecord,
  type RetryPorts,
  type RetrySettings,
  retryLetters,
} from './dead-letters-retry.ts';
import { chosen, type LetterChoice, letterId, sourcesOf } from './letter-id.ts';
import { liveBuilds, namedBuilds } from './live-builds.ts';
import { type OpenStores, openStores } from './open-cql.ts';
import { openLogBriefly } from './open-log.ts';
import { readTopic } from './read-topic.ts';
import { selectOrAll } from './select-projections.ts';
import { systemClock } from './system-clock.ts';

const waitSecondsDefault = 30;
const msPerDay = 86_400_000;

/** 1 when letters wait, for whoever watches. */
export async function deadLettersListCommand(
  context: CommandContext,
  { names, options }: CommandArguments,
): Promise<ExitCode> {
  return await withStores(context, async (stores) => {
    const choice = await choiceOf(context.config, stores, names);
    const found = await findLetters(stores.letters, choice);
    const waiting = found.filter(isWaiting);
    const shown = (options.settled ?? options.retried) === true ? found : waiting;
    context.print(
      context.json
        ? JSON.stringify({ letters: shown.map(letterJson), waiting: waiting.length })
        : listText(shown),
    );
    return waiting.length === 0 ? 0 : 1;
  });
}

export async function deadLettersShowCommand(
  context: CommandContext,
  { names }: CommandArguments,
): Promise<ExitCode> {
  const [name = ''] = names;
  if (names.length !== 1 || !name.includes('/')) {
    throw new TurnstreamError(
      'CONFIGURATION',
      'Give the id of one letter, as `turnstream dead-letters list` prints it: steps_by_type_day/3/1042.',
    );
  }
  return await withStores(context, async (stores) => {
    const choice = await choiceOf(context.config, stores, names);
    const [found] = await findLetters(stores.letters, choice);
    if (found === undefined) throw noSuch([name]);
    const record = await recordOf(
      context,
      openLogBriefly(context.config.kafka, context.log),
      found,
    );
    context.print(
      context.json
        ? JSON.stringify({
            ...letterJson(found),
            error: record?.headers['error'] ?? found.letter.error,
            value: record?.value?.toString('base64') ?? null,
          })
        : showText(found, await originalText(context.config, found, record)),
    );
    return 0;
  });
}

/** 0 when all that were asked for are taken. */
export function deadLettersRetryCommand(
  context: CommandContext,
  args: CommandArguments,
): Promise<ExitCode> {
  const settings = retrySettings(context.config, args.options.wait ?? waitSecondsDefault);
  return withWaiting(context, args, async (ports, waiting) => {
    const results = await retryLetters(ports, settings, waiting);
    context.print(context.json ? JSON.stringify({ results }) : retryText(results));
    return results.every(({ outcome }) => outcome === 'retried') ? 0 : 1;
  });
}

/** 0 when nobody waits any more for what was named. */
export function deadLettersDiscardCommand(
  context: CommandContext,
  args: CommandArguments,
): Promise<ExitCode> {
  const settings = retrySettings(context.config, args.options.wait ?? waitSecondsDefault);
  return withWaiting(context, args, async (ports, waiting) => {
    const results = await discardLetters(ports, settings, waiting);
    context.print(context.json ? JSON.stringify({ results }) : discardText(results));
    return results.every(({ outcome }) => outcome !== 'asked') ? 0 : 1;
  });
}

/** What waits of that which is named, ids, names or `--all`; never all by default. */
async function withWaiting(
  context: CommandContext,
  { names, options }: CommandArguments,
  run: (ports: RetryPorts, waiting: readonly FoundLetter[]) => Promise<ExitCode>,
): Promise<ExitCode> {
  if ((options.all === true) === names.length > 0) {
    throw new TurnstreamError(
      'CONFIGURATION',
      'Name letters or projections, or give --all, but not both; `turnstream dead-letters list` prints what waits.',
    );
  }
  const { config, signal } = context;
  return await withStores(context, async (stores) => {
    const { letters } = stores;
    const choice = await choiceOf(config, stores, names);
    const found = await findLetters(letters, choice);
    const known = new Set(found.map(({ source, letter }) => letterId(source, letter)));
    const unknown = [...(choice.ids ?? [])].filter((id) => !known.has(id));
    if (unknown.length > 0) throw noSuch(unknown);
    const log = openLogBriefly(config.kafka, context.log);
    return await run({ log, letters, clock: systemClock, signal }, found.filter(isWaiting));
  });
}

function isWaiting({ letter }: FoundLetter): boolean {
  return fateOf(letter) === 'waits';
}

/** Of the builds that readers use, and of others that are named. */
async function choiceOf(
  { kafka }: Config,
  { generations }: OpenStores,
  names: readonly string[],
): Promise<LetterChoice> {
  const projections = selectOrAll([]);
  const live = await liveBuilds(generations, projections);
  const tables = names.map((name) => name.split('/')[0] ?? '');
  const others = await namedBuilds(generations, projections, tables, live);
  return chosen(names, sourcesOf([...live, ...others], kafka.eventsPartitions));
}

function retrySettings({ kafka, sequencer }: Config, waitSeconds: number): RetrySettings {
  return {
    changesTopic: kafka.changesTopic,
    deadLettersTopic: kafka.deadLettersTopic,
    group: ownGroup(kafka),
    recordBytesMax: kafka.recordBytesMax,
    mapAgeMsMax: workerDefaults.retryAgeMsMax,
    sequencerAgeMsMax: sequencer.tombstoneDaysMax * msPerDay,
    waitMsMax: waitSeconds * 1000,
  };
}

/** Allowed where the workers' groups are, by its prefix. */
function ownGroup({ projectionsGroup }: Config['kafka']): string {
  return `${projectionsGroup}.dead-letters.${randomUUID()}`;
}

async function withStores(
  { config }: CommandContext,
  run: (stores: OpenStores) => Promise<ExitCode>,
): Promise<ExitCode> {
  const stores = await openStores(config);
  try {
    return await run(stores);
  } finally {
    await stores.close();
  }
}

async function recordOf(
  { config, signal }: CommandContext,
  log: Log,
  found: FoundLetter,
): Promise<LogRecord | null> {
  const wanted = placeOfLetter(found);
  let record: LogRecord | null = null;
  const topic = { topic: config.kafka.deadLettersTopic, group: ownGroup(config.kafka) };
  await readTopic(
    log,
    topic,
    async (each) => {
      if (placeOfRecord(each) === wanted) record = each;
      return record === null;
    },
    signal,
  );
  return record;
}

async function originalText(
  { kafka, registry: { url } }: Config,
  { source }: FoundLetter,
  record: LogRecord | null,
): Promise<string> {
  if (record === null) return `Its record is no longer in ${kafka.deadLettersTopic}.`;
  const { value, headers } = record;
  const error = `It failed on: ${headers['error']}`;
  if (value === null) return `${error}\nThe record has no value.`;
  if (source.projection === null) return `${error}\n${undecoded(value)}`;
  try {
    const registry = httpRegistry({ url });
    const codec = eventCodec(registry, await registerEventSchema(registry, kafka.eventsTopic));
    await codec.load([value]);
    return `${error}\n${JSON.stringify(codec.decode(value), null, 2)}`;
  } catch (thrown) {
    return `${error}\n${messageOf(thrown)}\n${undecoded(value)}`;
  }
}

const bytesShown = 256;

function undecoded(value: Buffer): string {
  const more = value.length > bytesShown ? `, of which the first ${bytesShown}` : '';
  return `The record has ${value.length} bytes${more} (base64):\n${value.subarray(0, bytesShown).toString('base64')}`;
}

function noSuch(ids: readonly string[]): TurnstreamError {
  return new TurnstreamError(
    'CONFIGURATION',
    `There is no dead letter ${ids.join(', ')}; \`turnstream dead-letters list --settled\` prints all there are.`,
  );
}
