/** The projections that a command line names. An unknown name is answered with the known ones. */
import { projections } from '../../projections/index.ts';
import { TurnstreamError } from '../error.ts';
import type { Projection } from '../projection/projection.ts';

/** In the registry's order, each once. */
export function selectProjections(
  names: readonly string[],
  known: readonly Projection[] = projections,
): readonly Projection[] {
  const list = known.map(({ name }) => name).join(', ');
  const unknown = names.filter((name) => !known.some((projection) => projection.name === name));
  if (unknown.length > 0) {
    const what = unknown.length === 1 ? 'is no projection' : 'are no projections';
    throw new TurnstreamError(
      'CONFIGURATION',
      `${unknown.join(', ')} ${what}; there are: ${list}.`,
    );
  }
  return known.filter(({ name }) => names.includes(name));
}

/** For commands that concern all projections unless some are named. */
export function selectOrAll(names: readonly string[]): readonly Projection[] {
  return names.length === 0 ? projections : selectProjections(names);
}

/** For `run`, where nobody gets all without asking. */
export function selectExplicitly(names: readonly string[], all: boolean): readonly Projection[] {
  const list = projections.map(({ name }) => name).join(', ');
  if (all === names.length > 0) {
    throw new TurnstreamError(
      'CONFIGURATION',
      `Name projections, or give --all, but not both; there are: ${list}.`,
    );
  }
  return all ? projections : selectProjections(names);
}
