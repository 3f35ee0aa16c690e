/**
 * All dashboards. Their JSON is in helm/turnstream/monitoring/dashboards/, and a test compares it:
 * `npx vitest run --project unit test/monitoring/dashboards.test.ts -u` writes it anew.
 */
import { consistency } from './consistency.ts';
import type { Dashboard } from './description.ts';
import { pipeline } from './pipeline.ts';
import { projection } from './projection.ts';

export const dashboards: readonly Dashboard[] = [pipeline, projection, consistency];
