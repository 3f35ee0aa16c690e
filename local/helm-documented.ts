/**
 * values.yaml as data: each value with the sentence above it (`# --`) and what the schema is to say of it beside
 * what its default tells (`# @schema {…}`, JSON). Lines are read as they stand, so the file keeps to a plain
 * form: a key a line, comments right above their key. Pure.
 */
import { parse } from 'yaml';
import { TurnstreamError } from '../processor/error.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

export type ChartValue = {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly type: string;
  readonly about: string;
  /** Null: nothing beside the default. */
  readonly schema: JsonSchema | null;
};

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** All values that have a sentence, in the order of the file. Rejects a value that neither it nor what it is in has one. */
export function documentedValues(text: string): readonly ChartValue[] {
  const root: unknown = parse(text, { merge: true });
  const found: ChartValue[] = [];
  const open: { readonly indent: number; readonly key: string }[] = [];
  let comments: string[] = [];
  for (const line of text.split('\n')) {
    const comment = /^\s*# ?(.*)$/.exec(line);
    const key = /^( *)([A-Za-z_][\w./-]*):/.exec(line);
    if (comment !== null) comments.push(comment[1] ?? '');
    else if (key !== null) {
      const [, indent = '', name = ''] = key;
      while ((open.at(-1)?.indent ?? -1) >= indent.length) open.pop();
      open.push({ indent: indent.length, key: name });
      const path = open.map((each) => each.key);
      const { about, schema } = said(comments, path);
      if (about !== null) {
        const value = at(root, path);
        found.push({ path, value, type: typeOf(value, schema), about, schema });
      }
      comments = [];
    } else comments = [];
  }
  const silent = undocumented(root, new Set(found.map(({ path }) => path.join('.'))), []);
  if (silent.length > 0) {
    throw new TurnstreamError(
      'CONFIGURATION',
      `These values have no sentence in values.yaml: ${silent.join(', ')}. Write one above each, after "# -- ".`,
    );
  }
  return found;
}

/** The sentence may go on over lines; it ends at `@schema`. What stands before it belongs to nothing. */
function said(comments: readonly string[], path: readonly string[]) {
  const start = comments.findLastIndex((line) => line.startsWith('-- '));
  if (start < 0) return { about: null, schema: null };
  const lines = comments.slice(start);
  const schemaLine = lines.find((line) => line.startsWith('@schema '));
  const sentence = lines
    .filter((line) => line !== schemaLine)
    .join(' ')
    .slice('-- '.length);
  try {
    const schema: unknown =
      schemaLine === undefined ? null : JSON.parse(schemaLine.slice('@schema '.length));
    return { about: sentence, schema: isMap(schema) ? schema : null };
  } catch (thrown) {
    throw new TurnstreamError(
      'CONFIGURATION',
      `What @schema says of ${path.join('.')} in values.yaml is no JSON.`,
      { cause: thrown },
    );
  }
}

function at(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isMap(value) ? value[key] : undefined), root);
}

function undocumented(
  value: unknown,
  known: ReadonlySet<string>,
  path: readonly string[],
): readonly string[] {
  const name = path.join('.');
  if (known.has(name) && !(isMap(value) && hasOwn(known, name))) return [];
  if (!isMap(value) || Object.keys(value).length === 0) return known.has(name) ? [] : [name];
  return Object.entries(value).flatMap(([key, inner]) =>
    undocumented(inner, known, [...path, key]),
  );
}

/** Whether values within it have sentences of their own. */
function hasOwn(known: ReadonlySet<string>, name: string): boolean {
  return [...known].some((each) => each.startsWith(`${name}.`));
}

function typeOf(value: unknown, schema: JsonSchema | null): string {
  const stated = schema?.['type'];
  if (Array.isArray(stated)) return stated.filter((type) => type !== 'null').join(' or ');
  if (Array.isArray(value)) return 'list';
  if (isMap(value)) return 'map';
  return value === null ? 'any' : typeof value === 'number' ? 'integer' : typeof value;
}
