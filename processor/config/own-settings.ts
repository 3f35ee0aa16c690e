/** Settings of Turnstream's own processes: sequencer, workers, metrics, logs. */
import { foldDefaults } from '../conversation/limits.ts';
import { logLevels } from '../log-level.ts';
import { choice, integer, text } from './setting.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

export const sequencer = {
  positionBase: integer(
    'TURNSTREAM_POSITION_BASE',
    0,
    'Added to every position. Raise it above the highest position so far when turnstream.changes was created again; never lower it.',
    { min: 0, max: 2 ** 52 },
  ),
  batchRecordsMax: integer(
    'TURNSTREAM_SEQUENCER_BATCH_RECORDS_MAX',
    2000,
    'Row changes that are folded together.',
    { min: 1, max: 100_000 },
  ),
  batchBytesMax: integer(
    'TURNSTREAM_SEQUENCER_BATCH_BYTES_MAX',
    8 * MIB,
    'Bytes of row changes that are folded together; one larger change still passes.',
    { min: 64 * KIB, max: 256 * MIB },
  ),
  bytesInFlightMax: integer(
    'TURNSTREAM_SEQUENCER_BYTES_IN_FLIGHT_MAX',
    32 * MIB,
    'Bytes of row changes that are fetched and not yet folded.',
    { min: MIB, max: 16 * 1024 * MIB },
  ),
  cacheBytesMax: integer(
    'TURNSTREAM_SEQUENCER_CACHE_BYTES_MAX',
    256 * MIB,
    'Memory for conversation state, least recently used first out.',
    { min: MIB, max: 64 * 1024 * MIB },
  ),
  hintsMax: integer(
    'TURNSTREAM_SEQUENCER_HINTS_MAX',
    500_000,
    'Entries kept in memory of which session a turn is in.',
    { min: 1000, max: 100_000_000 },
  ),
  containerBytesMax: integer(
    'TURNSTREAM_SEQUENCER_CONTAINER_BYTES_MAX',
    foldDefaults.containerBytesMax,
    'A session that takes more memory forgets the steps that were read through; they are read again.',
    { min: 64 * KIB, max: 1024 * MIB },
  ),
  eventBytesTarget: integer(
    'TURNSTREAM_SEQUENCER_EVENT_BYTES_TARGET',
    foldDefaults.eventBytesTarget,
    'A change of many facts (a session that moves) is cut into events of about so many bytes; those of a huge one become up to 16 times larger.',
    { min: 16 * KIB, max: 16 * MIB },
  ),
  pendingEventsMax: integer(
    'TURNSTREAM_SEQUENCER_PENDING_EVENTS_MAX',
    4000,
    'Events that are gathered before they are appended, though the batch is not done.',
    { min: 1, max: 1_000_000 },
  ),
  pendingEventBytesMax: integer(
    'TURNSTREAM_SEQUENCER_PENDING_EVENT_BYTES_MAX',
    foldDefaults.pendingEventBytesMax,
    'Bytes of events that are gathered before they are appended, though the change that they are of is not folded to its end (a long session that moves); and of what carries leave to be written behind, before the fold waits for it.',
    { min: 64 * KIB, max: 1024 * MIB },
  ),
  writeConcurrencyMax: integer(
    'TURNSTREAM_SEQUENCER_WRITE_CONCURRENCY_MAX',
    32,
    'Containers of conversation state written at a time.',
    { min: 1, max: 1024 },
  ),
  contentInlineBytesMax: integer(
    'TURNSTREAM_SEQUENCER_CONTENT_INLINE_BYTES_MAX',
    4 * KIB,
    'A longer title, prompt or content is stored apart from its row.',
    { min: 0, max: 40 * KIB },
  ),
  tombstoneDaysMax: integer(
    'TURNSTREAM_SEQUENCER_TOMBSTONE_DAYS_MAX',
    7,
    'Days for which the LSN of a deleted row is kept, so that Debezium’s redelivery of it is recognised.',
    { min: 1, max: 365 },
  ),
  idleWatermarkMs: integer(
    'TURNSTREAM_SEQUENCER_IDLE_WATERMARK_MS',
    1000,
    'Pause between watermarks when nothing changes.',
    { min: 100, max: 60_000 },
  ),
  retryDelayMsMin: integer(
    'TURNSTREAM_SEQUENCER_RETRY_DELAY_MS_MIN',
    50,
    'First pause before a failed request is tried again; each later one is twice as long.',
    { min: 1, max: 60_000 },
  ),
  retryDelayMsMax: integer(
    'TURNSTREAM_SEQUENCER_RETRY_DELAY_MS_MAX',
    10_000,
    'The longest such pause.',
    { min: 1, max: 600_000 },
  ),
  drainMsMax: integer(
    'TURNSTREAM_SEQUENCER_DRAIN_MS_MAX',
    20_000,
    'The longest that SIGTERM waits for what is fetched.',
    { min: 0, max: 600_000 },
  ),
};

export const worker = {
  bytesInFlightMax: integer(
    'TURNSTREAM_WORKER_BYTES_IN_FLIGHT_MAX',
    32 * MIB,
    'Bytes of events, as encoded, that are fetched and not yet written.',
    { min: MIB, max: 16 * 1024 * MIB },
  ),
  batchRecordsMax: integer(
    'TURNSTREAM_WORKER_BATCH_RECORDS_MAX',
    2000,
    'Events that are consolidated and written together.',
    { min: 1, max: 100_000 },
  ),
  batchRowsMax: integer(
    'TURNSTREAM_WORKER_BATCH_ROWS_MAX',
    5000,
    'Rows of one projection that are written together; one event may go beyond.',
    { min: 1, max: 1_000_000 },
  ),
  totalsCachedMax: integer(
    'TURNSTREAM_WORKER_TOTALS_CACHED_MAX',
    200_000,
    'Totals kept in memory, over all projections and partitions of the worker.',
    { min: 100, max: 100_000_000 },
  ),
  checkpointIntervalMs: integer(
    'TURNSTREAM_WORKER_CHECKPOINT_INTERVAL_MS',
    100,
    'A checkpoint is written at most so often; rows are written at once.',
    { min: 0, max: 60_000 },
  ),
  commitIntervalMs: integer(
    'TURNSTREAM_WORKER_COMMIT_INTERVAL_MS',
    1000,
    "The group's offsets are committed at most so often.",
    { min: 0, max: 60_000 },
  ),
  retryDelayMsMin: integer(
    'TURNSTREAM_WORKER_RETRY_DELAY_MS_MIN',
    50,
    'First pause before a failed write is tried again; each later one is twice as long.',
    { min: 1, max: 60_000 },
  ),
  retryDelayMsMax: integer(
    'TURNSTREAM_WORKER_RETRY_DELAY_MS_MAX',
    10_000,
    'The longest such pause.',
    { min: 1, max: 600_000 },
  ),
  deadLetterRecordsMax: integer(
    'TURNSTREAM_WORKER_DEAD_LETTER_RECORDS_MAX',
    10_000,
    'Events of one partition that a projection may have set aside; with more it stops, and goes on from there once it is mended.',
    { min: 1, max: 100_000 },
  ),
  drainMsMax: integer(
    'TURNSTREAM_WORKER_DRAIN_MS_MAX',
    20_000,
    'The longest that SIGTERM waits for what is queued.',
    { min: 0, max: 600_000 },
  ),
};

export const replay = {
  batchRecordsMax: integer(
    'TURNSTREAM_REPLAY_BATCH_RECORDS_MAX',
    40_000,
    'Events of a partition that a replay consolidates and writes together.',
    { min: 1, max: 1_000_000 },
  ),
  batchRowsMax: integer(
    'TURNSTREAM_REPLAY_BATCH_ROWS_MAX',
    40_000,
    'Rows of one projection that a replay writes together; one event may go beyond.',
    { min: 1, max: 1_000_000 },
  ),
  gatherMsMax: integer(
    'TURNSTREAM_REPLAY_GATHER_MS_MAX',
    1000,
    'A batch that is not full waits so long for events that its partition has.',
    { min: 0, max: 60_000 },
  ),
  bytesInFlightMax: integer(
    'TURNSTREAM_REPLAY_BYTES_IN_FLIGHT_MAX',
    256 * MIB,
    'Bytes of events, as encoded, that a replay has fetched and not yet written; it takes up to three times that in memory. Beside a worker (`run --replay-on-upgrade`) half as many.',
    { min: MIB, max: 64 * 1024 * MIB },
  ),
  threads: integer(
    'TURNSTREAM_REPLAY_THREADS',
    1,
    'Threads of a replay that share the partitions of the events topic, a core each; they share its memory too.',
    { min: 1, max: 64 },
  ),
  totalsCachedMax: integer(
    'TURNSTREAM_REPLAY_TOTALS_CACHED_MAX',
    1_000_000,
    'Totals kept in memory by a replay, about 300 bytes each; with more it reads them again.',
    { min: 100, max: 1_000_000_000 },
  ),
  checkpointIntervalMs: integer(
    'TURNSTREAM_REPLAY_CHECKPOINT_INTERVAL_MS',
    2000,
    'A replay saves its checkpoints at most so often: so much is done again after a kill.',
    { min: 0, max: 600_000 },
  ),
  leaseMs: integer(
    'TURNSTREAM_REPLAY_LEASE_MS',
    15_000,
    'A replay that was killed, or cannot renew its lease, is replaced after so long.',
    { min: 1000, max: 600_000 },
  ),
  lookMs: integer(
    'TURNSTREAM_REPLAY_LOOK_MS',
    500,
    'Pause between looks whether a replay has caught up.',
    { min: 10, max: 60_000 },
  ),
  reportIntervalMs: integer(
    'TURNSTREAM_REPLAY_REPORT_INTERVAL_MS',
    5000,
    'Pause between lines of progress in the log, where there is no terminal.',
    { min: 100, max: 3_600_000 },
  ),
  dropDelayMs: integer(
    'TURNSTREAM_REPLAY_DROP_DELAY_MS',
    60_000,
    'Readers may use a table for so long after another one was promoted: no former one is dropped before.',
    { min: 0, max: 86_400_000 },
  ),
};

export const verify = {
  readersMax: integer(
    'TURNSTREAM_VERIFY_READERS_MAX',
    4,
    'Connections to Postgres that read the source side by side, and ranges of a read model that are read so.',
    { min: 1, max: 64 },
  ),
  sessionsPerRead: integer(
    'TURNSTREAM_VERIFY_SESSIONS_PER_READ',
    50,
    'Sessions that a connection reads together, with all their turns and steps: they are in memory.',
    { min: 1, max: 10_000 },
  ),
  pageRowsMax: integer(
    'TURNSTREAM_VERIFY_PAGE_ROWS_MAX',
    2000,
    'Rows of a read model that are fetched together.',
    { min: 10, max: 100_000 },
  ),
  bucketBits: integer(
    'TURNSTREAM_VERIFY_BUCKET_BITS',
    20,
    'Rows are summed up in 2 to the power of so many buckets, by projection: 20 takes 16 MiB and fits tens of millions of rows.',
    { min: 4, max: 26 },
  ),
  detailRowsMax: integer(
    'TURNSTREAM_VERIFY_DETAIL_ROWS_MAX',
    200_000,
    'Rows in differing buckets that are looked at one by one, by projection: they are in memory. What is beyond is counted.',
    { min: 100, max: 10_000_000 },
  ),
  fluxRowsMax: integer(
    'TURNSTREAM_VERIFY_FLUX_ROWS_MAX',
    500_000,
    'Rows of a projection that may change while it is verified: their keys are in memory. With more it could not verify.',
    { min: 100, max: 10_000_000 },
  ),
  roundsMax: integer(
    'TURNSTREAM_VERIFY_ROUNDS_MAX',
    30,
    'Snapshots in which rows that go on changing are compared again.',
    { min: 3, max: 1000 },
  ),
  waitMsMax: integer(
    'TURNSTREAM_VERIFY_WAIT_MS_MAX',
    60_000,
    'With the event log or the read model standing still behind the source for so long, it could not verify.',
    { min: 1000, max: 3_600_000 },
  ),
  holdMs: integer(
    'TURNSTREAM_VERIFY_HOLD_MS',
    15_000,
    'While totals are repaired their read model stands still; for so long at most, should the repair be killed.',
    { min: 3000, max: 600_000 },
  ),
  repairRowsMax: integer(
    'TURNSTREAM_VERIFY_REPAIR_ROWS_MAX',
    2000,
    'Totals of a read model that are repaired at a time; with more of them a replay is the better remedy.',
    { min: 1, max: 1_000_000 },
  ),
};

export const metrics = {
  host: text(
    'TURNSTREAM_METRICS_HOST',
    '127.0.0.1',
    'Address that /metrics and /health listen on; 0.0.0.0 in a container.',
    { flag: '--metrics-host' },
  ),
  port: integer(
    'TURNSTREAM_METRICS_PORT',
    9464,
    'Port of /metrics and /health; 0 takes any free one.',
    { min: 0, max: 65_535 },
    { flag: '--metrics-port' },
  ),
  pollIntervalMs: integer(
    'TURNSTREAM_METRICS_POLL_INTERVAL_MS',
    5000,
    'Pause between looks at Postgres and Kafka for the lag metrics.',
    { min: 100, max: 600_000 },
  ),
  stalledMsMax: integer(
    'TURNSTREAM_METRICS_STALLED_MS_MAX',
    120_000,
    'With something to read and no checkpoint moving for so long, /health/live fails.',
    { min: 1000, max: 86_400_000 },
  ),
};

export const log = {
  level: choice(
    'TURNSTREAM_LOG_LEVEL',
    logLevels,
    'info',
    'How much is logged on stderr; debug adds stacks to errors.',
    { flag: '--log-level' },
  ),
  format: choice(
    'TURNSTREAM_LOG_FORMAT',
    ['auto', 'json', 'pretty'],
    'auto',
    'auto: one line for people on a terminal, JSON elsewhere.',
  ),
  repeatMsMin: integer(
    'TURNSTREAM_LOG_REPEAT_MS_MIN',
    30_000,
    'While something is waited for, the same line is written at most so often, and then says how many were left out.',
    { min: 0, max: 86_400_000 },
  ),
};
