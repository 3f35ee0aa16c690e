/**
 * The steps of one type on one UTC day, newest first: what somebody who watches a kind of step
 * scrolls through. A reader asks all buckets of (type, day) and merges them.
 *
 * A step without type or time is on no day of no type: it has no row.
 */
import { date, int, nullable, text, timestamp } from '../processor/projection/columns.ts';
import { defineMap } from '../processor/projection/define.ts';
import { bucketOf } from '../processor/projection/hash.ts';
import { dayOf } from '../processor/projection/time.ts';
import { previewOf, sizeOf } from './preview.ts';

/**
 * CQL partitions per (type, day), so that at 5,000,000 steps of a type a day none passes
 * 100,000 rows or 100 MB:
 *
 *     rows    5,000,000 / 64 = 78,125 on average; a hash spreads them with a standard deviation
 *             of √78,125 ≈ 280, so six of those above the average is 79,800 rows.
 *     bytes   preview 200 × 4 at most, four uids of 36, 8 + 5 × 4 for the rest, about 100 for the
 *             storage engine's row, its timestamps and index: 1,072, so 79,800 × 1,072 = 86 MB.
 *
 * 52 would be enough for the rows, but not, with the longest previews, for the bytes. Another
 * number is another key: raise `version` with it.
 */
export const bucketsPerTypeDay = 64;

export const stepsByTypeDay = defineMap({
  name: 'steps_by_type_day',
  version: 1,
  about: 'A step, under its type and the UTC day of its creation, newest first.',
  of: 'step',
  key: {
    tpe: int,
    day: date,
    bucket: int,
    createdAt: timestamp,
    agentTurnUid: text,
    idx: int,
  },
  partitionBy: ['tpe', 'day', 'bucket'],
  order: { createdAt: 'desc' },
  values: {
    sessionUid: text,
    accountUid: nullable(text),
    /** The first 200 code points of the content, raw. */
    preview: nullable(text),
    /** Code points. */
    contentChars: nullable(int),
    /** UTF-8. */
    contentBytes: nullable(int),
  },
  rows: (step) => {
    if (step.tpe === null || step.createdAt === null) return [];
    const size = step.content === null ? null : sizeOf(step.content);
    return [
      {
        tpe: step.tpe,
        day: dayOf(step.createdAt),
        // With the index: a turn of a great many steps must not fill one bucket.
        bucket: bucketOf(`${step.agentTurnUid}:${step.idx}`, bucketsPerTypeDay),
        createdAt: step.createdAt,
        agentTurnUid: step.agentTurnUid,
        idx: step.idx,
        sessionUid: step.sessionUid,
        accountUid: step.accountUid,
        preview: step.content === null ? null : previewOf(step.content),
        contentChars: size?.chars ?? null,
        contentBytes: size?.bytes ?? null,
      },
    ];
  },
});
