/** All dashboards. Their JSON is in helm/turnstream/monitoring/dashboards/; a test keeps it up to date. */
import { consistency } from './consistency.ts';
import type { Dashboard } from './description.ts';
import { pipeline } from './pipeline.ts';
import { projection } from './projection.ts';

export const dashboards: readonly Dashboard[] = [pipeline, projection, consistency];
