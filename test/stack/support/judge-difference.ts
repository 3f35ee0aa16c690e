/**
 * Compares the rows of a read model with what the judge expects, key by key and cell by cell, and
 * says the difference so that a failed test can be understood from its output alone.
 */
import { keyTextOf } from '../../../processor/projection/key-text.ts';
import type { JudgedRow, JudgedRows } from './judge.ts';

export type Difference = {
  readonly expected: number;
  readonly actual: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** Of each kind the first `examplesMax`, in a sentence each. */
  readonly examples: readonly string[];
};

const examplesMax = 5;

export function difference(expected: JudgedRows, actual: JudgedRows): Difference {
  const missing: string[] = [];
  const different: string[] = [];
  for (const [text, row] of expected) {
    const found = actual.get(text);
    if (found === undefined) {
      missing.push(`missing ${shown(row.key)}: expected ${shown(row.values)}`);
    } else if (!sameCells(row.values, found.values)) {
      different.push(
        `different ${shown(row.key)}: expected ${shown(row.values)}, found ${shown(found.values)}`,
      );
    }
  }
  const extra: string[] = [];
  for (const [text, row] of actual) {
    if (!expected.has(text)) extra.push(`extra ${shown(row.key)}: found ${shown(row.values)}`);
  }
  return {
    expected: expected.size,
    actual: actual.size,
    missing: missing.length,
    extra: extra.length,
    different: different.length,
    examples: [missing, extra, different].flatMap((list) => list.slice(0, examplesMax)),
  };
}

export function isEqual(found: Difference): boolean {
  return found.missing + found.extra + found.different === 0;
}

/** For an assertion's message: the numbers, then the examples, a line each. */
export function describeDifference(name: string, found: Difference): string {
  const { expected, actual, missing, extra, different } = found;
  return [
    `${name}: ${expected} rows expected, ${actual} found; ` +
      `${missing} missing, ${extra} extra, ${different} different`,
    ...found.examples.map((example) => `  ${example}`),
  ].join('\n');
}

/** Rows of an aggregate as a reader sees them: summed over shards, without those of nothing. */
export function summedOverShards(rows: Iterable<JudgedRow>): JudgedRows {
  const sums = new Map<string, { key: JudgedRow['key']; values: number[] }>();
  for (const { key, values } of rows) {
    const text = keyTextOf(key);
    const sum = sums.get(text) ?? { key, values: values.map(() => 0) };
    values.forEach((value, i) => {
      sum.values[i] = (sum.values[i] ?? 0) + Number(value);
    });
    sums.set(text, sum);
  }
  for (const [text, { values }] of sums) {
    if (values.every((value) => value === 0)) sums.delete(text);
  }
  return sums;
}

function sameCells(a: JudgedRow['values'], b: JudgedRow['values']): boolean {
  return a.length === b.length && a.every((cell, i) => cell === b[i]);
}

function shown(cells: JudgedRow['key']): string {
  return `(${cells.map((cell) => clipped(JSON.stringify(cell))).join(', ')})`;
}

function clipped(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}…"`;
}
