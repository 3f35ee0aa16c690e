/**
 * The registry: every read model that Turnstream keeps. A new one is a file beside this and a line
 * here; table, worker, metrics, REST endpoint, replay and verification follow from its definition.
 */
import type { Projection } from '../processor/projection/projection.ts';
import { latencyHistogram } from './latency-histogram.ts';
import { stepsByTypeDay } from './steps-by-type-day.ts';
import { turnsByAccount } from './turns-by-account.ts';

export const projections: readonly Projection[] = [
  stepsByTypeDay,
  turnsByAccount,
  latencyHistogram,
];

/**
 * Older definitions, under their old versions: `turnstream run` keeps a read model of theirs up to date
 * until a replay has built the present version and switched readers over. Then they may go.
 */
export const formerVersions: readonly Projection[] = [];
