/** `turnstream events`: a conversation's history, or a check of the whole event store. */
import { randomUUID } from 'node:crypto';
import { messageOf, TurnstreamError } from '../error.ts';
import { type EventCodec, openEventCodec } from '../event/codec.ts';
import type { LogEntry } from '../event/event.ts';
import type { Log, LogRecord } from '../kafka/log.ts';
import { partitionOf } from '../kafka/partition.ts';
import { type CheckSummary, EventsCheck } from '../replay/check-events.ts';
import { eventLine } from '../replay/describe-event.ts';
import { partitionsOf, readPartitions } from '../replay/read-partitions.ts';
import { httpRegistry } from '../source/registry.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { openLog } from './open-log.ts';
import { count } from './progress-telling.ts';

const toldMax = 10;
const memoryMibDefault = 512;

export async function eventsCommand(
  context: CommandContext,
  { options }: CommandArguments,
): Promise<ExitCode> {
  const { session, follow, check, memoryMibMax = memoryMibDefault } = options;
  if ((session === undefined) === (check !== true)) {
    throw new TurnstreamError(
      'CONFIGURATION',
      'Give --session <uid> for the history of a conversation, or --check for a check of the whole event store.',
    );
  }
  const { config, log: logger } = context;
  const log = openLog(config.kafka, logger);
  const registry = httpRegistry({ url: config.registry.url });
  if (session === undefined) return await checkStore(context, log, registry, memoryMibMax);
  const codec = await openEventCodec(registry, config.kafka.eventsTopic);
  return await printSession(context, log, codec, { session, follow: follow === true });
}

async function printSession(
  { config, print, json, signal, log: logger }: CommandContext,
  log: Log,
  codec: EventCodec,
  { session, follow }: { readonly session: string; readonly follow: boolean },
): Promise<ExitCode> {
  const { eventsTopic: topic } = config.kafka;
  const partition = partitionOf(session, await partitionsOf(log, topic));
  let [last, printed] = [-1, 0];
  const decoded = (value: Buffer | null, passOver: (why: string) => void): LogEntry | null => {
    try {
      if (value !== null) return codec.decode(value);
      passOver('it has no value');
    } catch (thrown) {
      passOver(messageOf(thrown));
    }
    return null;
  };
  const take = (_: number, { value, offset }: LogRecord) => {
    const entry = decoded(value, (why) => {
      logger.warn({ topic, partition, offset }, `a record is passed over: ${why}`);
    });
    if (entry === null) return;
    // The first occurrence counts, as for every reader.
    if (entry.position <= last) return;
    last = entry.position;
    if (entry.kind !== 'event' || entry.sessionUid !== session) return;
    printed += 1;
    print(json ? JSON.stringify(entry) : eventLine(entry));
  };
  const reading = {
    topic,
    group: groupOf(config.kafka.projectionsGroup),
    partition,
    follow,
    load: codec.load,
  };
  await readPartitions(log, reading, take, signal);
  if (printed > 0 || follow) return 0;
  if (!json) print(`No event of session ${session} is in partition ${partition} of ${topic}.`);
  return 1;
}

/** 0: right; 1: something is wrong; 2: it could not be checked. */
async function checkStore(
  { config, print, json, signal, log: logger }: CommandContext,
  log: Log,
  registry: ReturnType<typeof httpRegistry>,
  memoryMibMax: number,
): Promise<ExitCode> {
  const { eventsTopic: topic, projectionsGroup } = config.kafka;
  try {
    const codec = await openEventCodec(registry, topic);
    const partitions = await partitionsOf(log, topic);
    const memoryBytesMax = memoryMibMax * 2 ** 20;
    const check = new EventsCheck({ partitions, memoryBytesMax, toldMax, partitionOf });
    const take = (partition: number, record: LogRecord) => {
      try {
        if (record.value === null) check.undecodable(partition, record.offset, 'it has no value');
        else check.take(partition, record.offset, codec.decode(record.value));
      } catch (thrown) {
        check.undecodable(partition, record.offset, messageOf(thrown));
      }
    };
    const reading = {
      topic,
      group: groupOf(projectionsGroup),
      partition: null,
      follow: false,
      load: codec.load,
    };
    await readPartitions(log, reading, take, signal);
    const summary = check.summary();
    print(json ? JSON.stringify(summary) : summaryText(summary));
    if (signal.aborted) return 2;
    return Object.values(summary.breaches).some((each) => each > 0) ? 1 : 0;
  } catch (thrown) {
    logger.debug({ err: thrown }, 'the stack of the error');
    logger.error({}, `the event store could not be checked: ${messageOf(thrown)}`);
    return 2;
  }
}

export function summaryText(summary: CheckSummary): string {
  const { records, events, watermarks, repeated, compared, sessionsShare, breaches } = summary;
  const all = Object.values(breaches).reduce((sum, each) => sum + each, 0);
  const share = `${Number((sessionsShare * 100).toPrecision(3))} %`;
  const lines = [
    `${count(records)} records: ${count(events)} events, ${count(watermarks)} watermarks, ${count(repeated)} that came again (readers pass them over).`,
    `Of ${count(compared)} events, in ${share} of the sessions, each \`before\` was compared with what the event before had left.`,
    all === 0
      ? 'Positions rise, watermarks never go back, each session is in its own partition.'
      : `${count(all)} are wrong: ${Object.entries(breaches)
          .filter(([, number]) => number > 0)
          .map(([kind, number]) => `${kind} ${count(number)}`)
          .join(', ')}.`,
    ...summary.first.map(
      ({ partition, offset, message }) => `  partition ${partition}, offset ${offset}: ${message}`,
    ),
  ];
  return lines.join('\n');
}

function groupOf(prefix: string): string {
  return `${prefix}.events.${randomUUID()}`;
}
