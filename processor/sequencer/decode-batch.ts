/**
 * Decodes a batch of `changes`. What can't be is set aside, acknowledged, before the offset passes it
 * (I1, I7); and so is, beside being folded, a row whose text the connector had to cut.
 */
import { TurnstreamError } from '../error.ts';
import type { LogRecord } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';
import { formatLsn } from '../source/lsn.ts';
import type { SourceRecord } from '../source/row-change.ts';
import { type LetterPorts, noteTaken, setAside, tellWaiting } from './dead-letter.ts';
import type { SequencerObserver } from './observer.ts';
import type { ChangeDecoder } from './settings.ts';

export type DecodePorts = LetterPorts & {
  readonly decoder: ChangeDecoder;
  readonly observer: SequencerObserver;
  readonly logger: Logger;
};

/** `source` is null for a record that was set aside. */
export type Decoded = { readonly record: LogRecord; readonly source: SourceRecord | null };

export async function decodeBatch(
  records: readonly LogRecord[],
  ports: DecodePorts,
): Promise<readonly Decoded[]> {
  const { decoder, observer, logger } = ports;
  if (!ports.counted.is) await tellWaiting(ports);
  await ports.insist('load schemas', () => decoder.load(records));
  const decoded: Decoded[] = [];
  for (const record of records) {
    const source = decode(record, decoder);
    if (source instanceof TurnstreamError) {
      logger.error({ offset: record.offset, err: source }, 'a change was dead-lettered');
      await setAside(record, source, ports);
      observer.record('dead-lettered');
      decoded.push({ record, source: null });
    } else if (source.kind === 'row' && source.cut !== undefined) {
      // The row goes on with what there is of the text; only whoever is told can bring the rest.
      const error = cutError(record, source);
      logger.error({ offset: record.offset, err: error }, 'a text was cut');
      await setAside(record, error, ports);
      decoded.push({ record, source });
    } else {
      await noteTaken(record, ports);
      decoded.push({ record, source });
    }
  }
  return decoded;
}

function cutError(
  { offset }: LogRecord,
  { cut = [], origin }: Extract<SourceRecord, { kind: 'row' }>,
): TurnstreamError {
  const columns = cut.map(({ column, chars }) => `${column} has ${chars} characters or more`);
  return new TurnstreamError(
    'LIMIT',
    `${cut[0]?.row} at LSN ${formatLsn(origin.lsn)} (record ${offset}): its ${columns.join(', its ')}. ` +
      'Read models have the row with the text up to there. For all of it raise TURNSTREAM_KAFKA_RECORD_BYTES_MAX ' +
      '(a record takes 6 bytes a character, and 1 MiB), run `turnstream connect` again and update the row.',
  );
}

function decode(record: LogRecord, decoder: ChangeDecoder): SourceRecord | TurnstreamError {
  try {
    return decoder.decode(record);
  } catch (error) {
    if (error instanceof TurnstreamError && error.code === 'DECODE') return error;
    throw error;
  }
}
