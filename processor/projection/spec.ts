/**
 * Examples of a projection: given these facts, when these changes arrive, then the table holds
 * exactly these rows.
 *
 *     const { given } = specOf(stepsByTypeDay);
 *     const step = stepFact({ tpe: 1 });
 *     given(step).when(changed(step, { tpe: 99 }), { times: 2 }).then({ tpe: 99, … });
 *
 * Everything goes the engine's way: facts and changes are events with positions, folded by
 * changes.ts and written last-write-wins. It is done twice, once with an event a batch and once with
 * all in one batch, and both must give the rows. Runs under any test runner: it throws.
 */
import { deepStrictEqual } from 'node:assert/strict';
import type { Fact, FactChange } from '../conversation/fact.ts';
import { type Position, positionOf } from '../source/position.ts';
import type { Entry } from './changes.ts';
import { added } from './facts.ts';
import { keyTextOf } from './key-text.ts';
import { memoryReadModel, type NamedRow } from './memory-read-model.ts';
import type { Projection } from './projection.ts';

/** Changes that one row change of the source causes: one event. */
export type Together = { readonly together: readonly FactChange[] };

export function together(...changes: readonly FactChange[]): Together {
  return { together: changes };
}

type Arrivals = FactChange | Together | readonly (FactChange | Together)[];

export type WhenOptions = {
  /** How often the changes are delivered, in order, at the same positions; once where absent. */
  readonly times?: number;
};

export type Then = {
  /** The table holds exactly these rows: every column of the definition, in any order of rows. */
  readonly then: (...rows: readonly NamedRow[]) => void;
  /** Exactly one entry per pattern was refused, with an error that it matches, in this order. */
  readonly thenRefused: (...errors: readonly RegExp[]) => void;
};

export type When = Then & {
  /** Changes in order, each an event of its own unless put `together`. */
  readonly when: (changes: Arrivals, options?: WhenOptions) => When;
};

type Delivery = { readonly entries: readonly Entry[]; readonly times: number };

/** The words of an example for one projection. */
export function specOf(projection: Projection): {
  /** Facts that exist: each has arrived in an event of its own. */
  readonly given: (...facts: readonly Fact[]) => When;
} {
  return { given: (...facts) => scene(projection, []).when(facts.map(added)) };
}

function scene(projection: Projection, deliveries: readonly Delivery[]): When {
  return {
    when: (changes, { times = 1 } = {}) => {
      const arrivals = isList(changes) ? changes : [changes];
      const first = deliveries.reduce((count, { entries }) => count + entries.length, 0);
      const entries = arrivals.map(
        (arrival, index): Entry => ({
          position: positionAt(first + index),
          changes: 'together' in arrival ? arrival.together : [arrival],
        }),
      );
      return scene(projection, [...deliveries, { entries, times }]);
    },
    // biome-ignore lint/suspicious/noThenProperty: the third word of given/when/then; nobody awaits a scene.
    then: (...rows) => {
      for (const batching of batchings) {
        const { model, errors } = play(projection, deliveries, batching);
        const [error] = errors;
        if (error !== undefined) throw error;
        deepStrictEqual(model.rows(), inOrder(projection, rows), `${batching}: other rows`);
      }
    },
    thenRefused: (...patterns) => {
      for (const batching of batchings) {
        const { errors } = play(projection, deliveries, batching);
        const messages = errors.map((error) => (error instanceof Error ? error.message : error));
        const refused = patterns.map((pattern, index) =>
          pattern.test(String(messages[index])) ? messages[index] : pattern,
        );
        deepStrictEqual(messages, refused, `${batching}: other errors`);
      }
    },
  };
}

function isList(changes: Arrivals): changes is readonly (FactChange | Together)[] {
  return Array.isArray(changes);
}

const batchings = ['an event a batch', 'all in one batch'] as const;

function play(
  projection: Projection,
  deliveries: readonly Delivery[],
  batching: (typeof batchings)[number],
) {
  const model = memoryReadModel(projection);
  const errors: unknown[] = [];
  for (const { entries, times } of deliveries) {
    for (let time = 1; time <= times; time += 1) {
      const batches = batching === 'all in one batch' ? [entries] : entries.map((entry) => [entry]);
      const failures = batches.flatMap((batch) => model.deliver(batch));
      if (time === 1) errors.push(...failures.map((failure) => failure.error));
    }
  }
  return { model, errors };
}

/** Offsets as those of records, so that positions have their usual size and gaps. */
function positionAt(index: number): Position {
  return positionOf(0, index);
}

function inOrder(projection: Projection, rows: readonly NamedRow[]): readonly NamedRow[] {
  const { partition, clustering } = projection.shape;
  const names = [...partition, ...clustering].map((column) => column.name);
  return rows
    .map((row) => ({ text: keyTextOf(names.map((name) => row[name] ?? null)), row }))
    .sort((one, other) => (one.text < other.text ? -1 : 1))
    .map(({ row }) => row);
}
