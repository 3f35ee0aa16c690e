/** Failures that every form of the log words alike. */
import { TurnstreamError } from '../error.ts';
import type { TopicSpec } from './log.ts';

export function partitionCountError(spec: TopicSpec, found: number): TurnstreamError {
  return new TurnstreamError(
    'PARTITION_COUNT',
    `topic ${spec.topic} has ${found} partitions, but ${spec.partitions} are configured; the number is fixed for the life of the store, so set the configured number to ${found}`,
  );
}

export function offsetOutsideError(
  topic: string,
  partition: number,
  offset: number,
  first: number,
  end: number,
): TurnstreamError {
  return new TurnstreamError(
    'LOG',
    `reading partition ${partition} of ${topic} should start at offset ${offset}, but the log holds offsets ${first} to ${end}: records that were not read are gone, or the topic was created anew; replay the read models, or set the position's base and the offsets as after a recreated topic`,
  );
}
