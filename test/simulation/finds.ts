/**
 * Former finds: histories that broke a promise in the code as it was, shrunk, with a sentence what was
 * wrong (finds/). They are played again with every test run, under many schedules, since the order of
 * steps changes with the code. `npm run sim -- --find <name>` tells one.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Plan } from './plan.ts';

export type Find = {
  readonly name: string;
  readonly what: string;
  readonly plan: Plan;
};

const folder = new URL('./finds/', import.meta.url);

export const findings: readonly Find[] = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .sort()
  .map((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const { what, plan } = JSON.parse(text) as Omit<Find, 'name'>;
    return { name: file.replace('.json', ''), what, plan };
  });
