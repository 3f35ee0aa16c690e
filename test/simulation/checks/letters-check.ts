/**
 * Dead letters at rest: as many wait as the checkpoints count, and a read model is what all events make of
 * it but those that were discarded: not one of them came in, and no other was lost.
 */
import { checkpointOf } from '../../../processor/cql/control-statements.ts';
import { controlTables } from '../../../processor/cql/names.ts';
import { fateOf } from '../../../processor/engine/dead-letter-store.ts';
import type { StoredRow, StoredTotalsRow } from '../../../processor/engine/read-out.ts';
import type { ConversationEvent } from '../../../processor/event/event.ts';
import type { LogRecord } from '../../../processor/kafka/log.ts';
import { foldAggregate, foldMap, type RowBuffer } from '../../../processor/projection/changes.ts';
import type { Projection } from '../../../processor/projection/projection.ts';
import {
  idOf,
  isOfTheSource,
  isWaiting,
  type ListedLetter,
  listedLetters,
  recordsOfLetters,
  sequencer,
} from '../letters.ts';
import { changeDecoder, type Outside } from '../outside.ts';
import { breachOf, type CheckContext, shownCells } from './check.ts';
import type { EventsCheck } from './events-check.ts';
import { rowsDifference, type ShownRow, visibleRows } from './shown-rows.ts';

/** A letter that is settled and counted, or waits and is not, is one that somebody forgot. */
export function checkLetterCounts(
  context: CheckContext,
  outside: Outside,
  projections: readonly Projection[],
): void {
  const listed = listedLetters(outside);
  for (const { key, values } of outside.cluster.rows(controlTables.checkpoints)) {
    const name = String(key['projection']);
    if (!projections.some((each) => each.name === name)) continue;
    const partition = Number(key['partition']);
    const isHere = (one: ListedLetter) => one.origin === name && one.partition === partition;
    const waiting = listed.filter((one) => isHere(one) && isWaiting(one)).length;
    const { deadLetters } = checkpointOf(values);
    if (deadLetters === waiting) continue;
    const what = `${waiting} letters of ${name}, partition ${partition}, wait, and its checkpoint counts ${deadLetters}`;
    breachOf(context)('I7', what);
  }
}

/** A row that a snapshot read has no place among later changes: no retry may take it, whatever heals it. */
export function checkPlaceless(context: CheckContext, outside: Outside): void {
  const records = recordsOfLetters(outside);
  for (const listed of listedLetters(outside)) {
    const record = records.get(idOf(listed));
    if (listed.origin !== sequencer || fateOf(listed.letter) !== 'retried') continue;
    if (record === undefined || !isOfSnapshot(record)) continue;
    breachOf(context)('I2', `a retry took letter ${idOf(listed)}, which a snapshot read`);
  }
}

function isOfSnapshot(record: LogRecord): boolean {
  if (!isOfTheSource(record)) return false;
  const source = changeDecoder.decode(record);
  return source.kind === 'row' && source.snapshot !== null;
}

export function checkMended(
  context: CheckContext,
  events: EventsCheck,
  outside: Outside,
  projection: Projection,
  stored: readonly StoredRow[] | readonly StoredTotalsRow[],
): void {
  const discarded = new Set(
    listedLetters(outside)
      .filter(({ origin, letter }) => origin === projection.name && fateOf(letter) === 'discarded')
      .map(({ letter }) => letter.position),
  );
  const taken = Array.from({ length: events.partitions }, (_, partition) =>
    events.events(partition).filter(({ position }) => !discarded.has(position)),
  );
  const must =
    projection.kind === 'map' ? rowsOf(projection, taken.flat()) : sums(projection, taken);
  const is = visibleRows(projection, stored);
  for (const [text, { key }] of [...must, ...is]) {
    const what = rowsDifference(projection, is.get(text), must.get(text));
    if (what === null) continue;
    const but = `without the ${discarded.size} events that were discarded`;
    breachOf(context)(
      'I3',
      `at the end, row ${shownCells(key)} of ${projection.name} ${what}, ${but}`,
    );
    return;
  }
}

type MapProjection = Extract<Projection, { kind: 'map' }>;
type AggregateProjection = Extract<Projection, { kind: 'aggregate' }>;

function rowsOf(
  projection: MapProjection,
  events: readonly ConversationEvent[],
): ReadonlyMap<string, ShownRow> {
  const buffer: RowBuffer = new Map();
  foldMap(
    projection,
    [...events].sort((one, other) => one.position - other.position),
    buffer,
  );
  const rows = new Map<string, ShownRow>();
  for (const [text, write] of buffer) {
    if (write.op === 'upsert') rows.set(text, { key: write.key, values: write.values });
  }
  return rows;
}

function sums(
  projection: AggregateProjection,
  partitions: readonly (readonly ConversationEvent[])[],
): ReadonlyMap<string, ShownRow> {
  const width = projection.shape.values.length;
  const sums = new Map<string, { readonly key: ShownRow['key']; readonly values: number[] }>();
  for (const events of partitions) {
    for (const [text, { key, totals }] of foldAggregate(projection, events).deltas) {
      const sum = sums.get(text) ?? { key, values: Array.from({ length: width }, () => 0) };
      sums.set(text, sum);
      totals.forEach((total, at) => {
        sum.values[at % width] = (sum.values[at % width] ?? 0) + total;
      });
    }
  }
  for (const [text, { values }] of sums) if (values.every((one) => one === 0)) sums.delete(text);
  return sums;
}
