/**
 * I10: what processes hold and send stays within what their settings say. The bounds are those that
 * the code can honestly keep:
 *
 * - bytes in flight: the setting, or one fetch alone that is larger.
 * - containers in the sequencer's cache, when state is taken to be written (sequencer/write-behind.ts):
 *   the setting's bytes, or just those that are written now: two for each record (a change of identity
 *   is two changes), and two more, which a move that a crash left half done may add.
 * - totals in a worker's cache: the setting for each aggregate, in each partition.
 * - hints: the setting, and those of these batches: at most four a record (a turn, its parent, both twice).
 * - rows of a worker's batch: less than the setting and all rows of the last slice.
 * - a CQL batch: the settings, or one row alone; with a position, the rows that must go with it.
 */
import type { WorkerSettings } from '../../../processor/engine/worker-settings.ts';
import type { LogRecord } from '../../../processor/kafka/log.ts';
import type { SequencerSettings } from '../../../processor/sequencer/settings.ts';
import { type Breach, breachOf, type CheckContext } from './check.ts';
import type { EventsCheck } from './events-check.ts';

export type LimitsSettings = {
  readonly sequencer: Pick<
    SequencerSettings,
    'bytesInFlightMax' | 'cacheBytesMax' | 'hintsMax' | 'batchRecordsMax'
  >;
  readonly worker: Pick<
    WorkerSettings,
    | 'bytesInFlightMax'
    | 'totalsCacheEntriesMax'
    | 'batchRowsMax'
    | 'batchRecordsMax'
    | 'sliceRecords'
    | 'hosted'
  >;
  readonly cql: { readonly batchBytesMax: number; readonly batchRowsMax: number };
  /** Rows that always go with a container's position, however large (`segmentTailRows`). */
  readonly segmentTailRows: number;
};

export type CqlBatch = {
  /** What it writes to, for people. */
  readonly table: string;
  /** The values of each statement. */
  readonly statements: readonly (readonly (Uint8Array | null)[])[];
  /** It brings a container's position. */
  readonly isSegment?: boolean;
};

const recordOverheadBytes = 200;
const containersPerRecord = 2;
const containersHalfDone = 2;
const hintsPerRecord = 4;

export class LimitsCheck {
  readonly #breach: Breach;
  readonly #settings: LimitsSettings;
  readonly #events: EventsCheck;
  readonly #aggregates: number;
  /** By process, the largest fetch that it was handed. */
  readonly #fetchBytesMax = new Map<string, number>();
  /** By process, records of the batches that were folded since state was taken last. */
  readonly #dueRecords = new Map<string, number>();

  constructor(context: CheckContext, events: EventsCheck, settings: LimitsSettings) {
    this.#breach = breachOf(context);
    this.#settings = settings;
    this.#events = events;
    this.#aggregates = settings.worker.hosted.filter(
      ({ projection }) => projection.kind === 'aggregate',
    ).length;
  }

  /** Records handed to a process in one batch of the consumer. */
  fetched(process: string, records: readonly LogRecord[]): void {
    let bytes = 0;
    for (const { key, value } of records) {
      bytes += recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0);
    }
    const known = this.#fetchBytesMax.get(process) ?? 0;
    if (bytes > known) this.#fetchBytesMax.set(process, bytes);
  }

  /** Either observer's `bytesInFlight`. */
  bytesInFlight(kind: 'sequencer' | 'worker', process: string, bytes: number): void {
    const max = this.#settings[kind].bytesInFlightMax;
    if (bytes <= max || bytes <= (this.#fetchBytesMax.get(process) ?? 0)) return;
    this.#tell(`${process} holds ${bytes} bytes of records, more than ${max} and than any fetch`);
  }

  /** The sequencer's observer: `batch`, which comes before its state is taken. */
  sequencerBatch(process: string, records: number): void {
    const max = this.#settings.sequencer.batchRecordsMax;
    this.#dueRecords.set(process, (this.#dueRecords.get(process) ?? 0) + records);
    if (records > max) this.#tell(`${process} folds ${records} records in a batch, max ${max}`);
  }

  /** The sequencer's observer: `cache`. */
  cache(process: string, containers: number, bytes: number): void {
    const max = this.#settings.sequencer.cacheBytesMax;
    if (bytes <= max) return;
    const records = this.#dueRecords.get(process) ?? 0;
    const pinned = records * containersPerRecord + containersHalfDone;
    if (containers <= pinned) return;
    this.#tell(
      `${process} keeps ${containers} containers of ${bytes} bytes, max ${max} but for ${pinned} of the last ${records} records`,
    );
  }

  /** Hints held when state is taken, just after `cache`: what was due is on its way. */
  hints(process: string, count: number): void {
    const max = this.#settings.sequencer.hintsMax;
    const batch = (this.#dueRecords.get(process) ?? 0) * hintsPerRecord;
    this.#dueRecords.delete(process);
    if (count > max + batch) this.#tell(`${process} keeps ${count} hints, max ${max} and ${batch}`);
  }

  /** The worker's observer: `totalsCached`. */
  totalsCached(process: string, partition: number, entries: number): void {
    const max = this.#settings.worker.totalsCacheEntriesMax * this.#aggregates;
    if (entries <= max) return;
    this.#tell(`${process} keeps ${entries} totals of partition ${partition}, max ${max}`);
  }

  /** The worker's observer: of `finished`. */
  workerBatch(process: string, records: number): void {
    const max = this.#settings.worker.batchRecordsMax;
    if (records > max) this.#tell(`${process} writes ${records} records in a batch, max ${max}`);
  }

  /** The worker's observer: of `applied`. */
  rowsOfBatch(process: string, projection: string, rows: number): void {
    const { batchRowsMax, sliceRecords } = this.#settings.worker;
    const slice = (this.#events.models.get(projection)?.rowsOfEventMax ?? 0) * sliceRecords;
    if (rows < batchRowsMax + slice) return;
    this.#tell(
      `${process} writes ${rows} rows of ${projection} in a batch, max ${batchRowsMax} and less than ${slice} of the last slice`,
    );
  }

  /** One request to the database, a batch or a statement. */
  cqlBatch({ table, statements, isSegment = false }: CqlBatch): void {
    const { batchBytesMax, batchRowsMax } = this.#settings.cql;
    const alone = isSegment ? this.#settings.segmentTailRows + 1 : 1;
    if (statements.length <= alone) return;
    if (statements.length > batchRowsMax) {
      this.#tell(`a batch of ${statements.length} statements for ${table}, max ${batchRowsMax}`);
    }
    let bytes = 0;
    for (const values of statements) for (const value of values) bytes += value?.length ?? 0;
    if (bytes > batchBytesMax) {
      this.#tell(`a batch of ${bytes} bytes for ${table}, max ${batchBytesMax}`);
    }
  }

  #tell(what: string): void {
    this.#breach('I10', what);
  }
}
