/**
 * Decodes a batch of `changes`. What can't be is set aside, acknowledged, before the offset passes it
 * (I1, I7); and so is, beside being folded, a row whose text the connector had to cut. What repeats such
 * a letter, or discards it, is noted with it before it is folded.
 */
import { sequencerOrigin } from '../engine/dead-letter-store.ts';
import { TurnstreamError } from '../error.ts';
import type { LogRecord } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';
import { formatLsn } from '../source/lsn.ts';
import type { SourceRecord } from '../source/row-change.ts';
import {
  discardLetter,
  type Failure,
  type LetterPorts,
  noteRepeated,
  readAside,
  repeatedBy,
  setAside,
  tellWaiting,
} from './dead-letter.ts';
import type { SequencerObserver } from './observer.ts';
import type { ChangeDecoder } from './settings.ts';

export type DecodePorts = LetterPorts & {
  readonly decoder: ChangeDecoder;
  readonly observer: SequencerObserver;
  readonly logger: Logger;
};

/** `source` is null for a record that was set aside. */
export type Decoded = { readonly record: LogRecord; readonly source: SourceRecord | null };

/** Nothing is awaited for a record that decodes and repeats none: that is all of them, as a rule. */
export async function decodeBatch(
  records: readonly LogRecord[],
  ports: DecodePorts,
): Promise<readonly Decoded[]> {
  const { decoder, observer, logger } = ports;
  const aside = ports.aside.offsets ?? (await readAside(records[0]?.offset ?? 0, ports));
  await ports.insist('load schemas', () => decoder.load(records));
  const decoded: Decoded[] = [];
  const failures: Failure[] = [];
  /** Records that concern letters of before, by their index. */
  const about: { readonly at: number; readonly error: TurnstreamError | null }[] = [];
  for (const record of records) {
    if (aside.has(record.offset)) {
      observer.record('dead-lettered');
      decoded.push({ record, source: null });
      continue;
    }
    const { source, error } = outcomeOf(record, decoder);
    if (error !== null) {
      const message = source === null ? 'a change was dead-lettered' : 'a text was cut';
      logger.error({ offset: record.offset, err: error }, message);
    }
    if (repeatedBy(record) !== null || isOwnDiscard(source)) {
      about.push({ at: decoded.length, error });
    } else if (error !== null) {
      failures.push({ record, error, isCut: source !== null });
      if (source === null) observer.record('dead-lettered');
    }
    decoded.push({ record, source });
  }
  // Before what follows: a letter is listed when it is repeated or discarded.
  if (failures.length > 0) await setAside(failures, ports);
  for (const { at, error } of about) {
    const one = decoded[at];
    if (one !== undefined) decoded[at] = await decideLetter(one, error, ports);
  }
  if (failures.length > 0 || about.length > 0) await tellWaiting(ports);
  return decoded;
}

async function decideLetter(
  { record, source }: Decoded,
  error: TurnstreamError | null,
  ports: DecodePorts,
): Promise<Decoded> {
  const former = repeatedBy(record);
  if (former !== null) {
    const outcome = await noteRepeated(record, former, error, ports);
    if (outcome === 'discarded') {
      const reason = `it repeats record ${former}, which was discarded`;
      return { record, source: { kind: 'irrelevant', reason } };
    }
    if (outcome === 'failed') {
      ports.observer.record('dead-lettered');
      return { record, source: null };
    }
  }
  if (!isOwnDiscard(source)) return { record, source };
  await discardLetter(record, source.letter, ports);
  return { record, source: { kind: 'irrelevant', reason: 'a letter was discarded' } };
}

type OwnDiscard = Extract<SourceRecord, { kind: 'retry' }>;

/** A discard of one of the sequencer's own letters; those of projections are the workers' matter. */
function isOwnDiscard(source: SourceRecord | null): source is OwnDiscard {
  if (source?.kind !== 'retry') return false;
  return source.letter.discard && source.letter.projection === sequencerOrigin.origin;
}

type DecodeOutcome = {
  readonly source: SourceRecord | null;
  /** Why the record is set aside: alone or, a text that was cut, beside being folded. */
  readonly error: TurnstreamError | null;
};

function outcomeOf(record: LogRecord, decoder: ChangeDecoder): DecodeOutcome {
  const source = decode(record, decoder);
  if (source instanceof TurnstreamError) return { source: null, error: source };
  if (repeatedBy(record) !== null && isOfSnapshot(source)) {
    return { source: null, error: placelessError(record) };
  }
  // The row goes on with what there is of the text; only whoever is told can bring the rest.
  if (source.kind === 'row' && source.cut !== undefined) {
    return { source, error: cutError(record, source) };
  }
  return { source, error: null };
}

/** A row that was read has no LSN of its own: repeated, it could undo what came since. */
function isOfSnapshot(source: SourceRecord): boolean {
  if (source.kind === 'row') return source.snapshot !== null;
  return source.kind === 'snapshot-begin' || source.kind === 'snapshot-end';
}

function placelessError({ offset }: LogRecord): TurnstreamError {
  return new TurnstreamError(
    'DECODE',
    `Record ${offset} repeats what a snapshot read, and whether that changed since cannot be told. Write the ` +
      'row once more in Postgres, or let the connector take a snapshot again; then discard the letter.',
  );
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
