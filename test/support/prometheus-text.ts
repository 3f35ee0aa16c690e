/**
 * A strict parser of the Prometheus text format 0.0.4, written from its specification and
 * independent of the library that produces the text. It refuses what Prometheus would take
 * silently wrong: a family without HELP or TYPE, samples of one family in two places, a sample
 * twice, counters below zero, histograms whose buckets fall or disagree with their count.
 */

export type MetricFamily = {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';
  readonly help: string;
  readonly samples: readonly MetricSample[];
};

export type MetricSample = {
  /** With the suffix of a histogram or summary. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

export type MetricFamilies = ReadonlyMap<string, MetricFamily>;

type Draft = { name: string; type?: MetricFamily['type']; help?: string; samples: MetricSample[] };

const types: readonly string[] = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];
const suffixes = { histogram: ['_bucket', '_sum', '_count'], summary: ['', '_sum', '_count'] };

export function parsePrometheusText(text: string): MetricFamilies {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end');
  const drafts = new Map<string, Draft>();
  const state: { current: Draft | undefined } = { current: undefined };
  for (const [index, line] of text.split('\n').entries()) {
    try {
      takeLine(line, drafts, state);
    } catch (thrown) {
      throw new Error(`line ${index + 1}: ${(thrown as Error).message}: ${line}`);
    }
  }
  const families = [...drafts.values()].map(finished);
  return new Map(families.map((family) => [family.name, family]));
}

/** The value of one sample; throws when there is none or more than one. */
export function sampleOf(
  families: MetricFamilies,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const found = samplesOf(families, name, labels);
  if (found.length !== 1 || found[0] === undefined) {
    throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`);
  }
  return found[0].value;
}

/** Samples of that name with at least these labels. */
export function samplesOf(
  families: MetricFamilies,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly MetricSample[] {
  return [...families.values()]
    .flatMap(({ samples }) => samples)
    .filter((sample) => sample.name === name)
    .filter((sample) =>
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    );
}

function takeLine(
  line: string,
  drafts: Map<string, Draft>,
  state: { current: Draft | undefined },
): void {
  if (line.trim() === '') return;
  const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
  if (comment === null) {
    if (line.startsWith('#')) {
      if (/^#\s*(HELP|TYPE)\b/.test(line)) throw new Error('malformed comment');
      return;
    }
    if (state.current === undefined) throw new Error('a sample before any HELP and TYPE');
    state.current.samples.push(sampleIn(line, state.current));
    return;
  }
  const [, kind, name = '', rest = ''] = comment;
  if (state.current?.name !== name) {
    if (drafts.has(name)) throw new Error('a family in two places');
    state.current = { name, samples: [] };
    drafts.set(name, state.current);
  }
  const draft = state.current;
  if (draft.samples.length > 0) throw new Error('a comment after samples of its family');
  if (kind === 'HELP') {
    if (draft.help !== undefined) throw new Error('two HELPs');
    draft.help = rest;
  } else {
    if (draft.type !== undefined) throw new Error('two TYPEs');
    if (!types.includes(rest)) throw new Error('unknown type');
    draft.type = rest as MetricFamily['type'];
  }
}

function sampleIn(line: string, draft: Draft): MetricSample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (match === null) throw new Error('no sample');
  const [, name = '', labelText = '', valueText = ''] = match;
  const allowed =
    draft.type === 'histogram' || draft.type === 'summary' ? suffixes[draft.type] : [''];
  if (!allowed.some((suffix) => name === draft.name + suffix)) {
    throw new Error(`a sample that is not of the family ${draft.name}`);
  }
  return { name, labels: labelsIn(labelText), value: valueIn(valueText) };
}

function labelsIn(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  const pattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(,|$)/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) throw new Error('malformed labels');
    const [, name = '', value = ''] = match;
    if (name in labels) throw new Error(`label ${name} twice`);
    labels[name] = value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}

function valueIn(text: string): number {
  // Numbers as Go's ParseFloat takes them: in either case.
  if (/^nan$/i.test(text)) return Number.NaN;
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw new Error('malformed value');
  return Number(text);
}

function finished({ name, type, help, samples }: Draft): MetricFamily {
  if (type === undefined) throw new Error(`${name} has no TYPE`);
  if (help === undefined || help === '') throw new Error(`${name} has no HELP`);
  const identities = samples.map((sample) => identityOf(sample));
  const twice = identities.find((identity, index) => identities.indexOf(identity) !== index);
  if (twice !== undefined) throw new Error(`${twice} twice`);
  if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) {
    throw new Error(`the counter ${name} is below zero`);
  }
  const family = { name, type, help, samples };
  if (type === 'histogram') checkHistogram(family);
  return family;
}

function identityOf({ name, labels }: MetricSample, without?: string): string {
  const pairs = Object.entries(labels).filter(([key]) => key !== without);
  return `${name}${JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}

function checkHistogram({ name, samples }: MetricFamily): void {
  const series = new Map<string, { bound: number; value: number }[]>();
  for (const sample of samples.filter((each) => each.name === `${name}_bucket`)) {
    const identity = identityOf({ ...sample, name }, 'le');
    const bound = valueIn(sample.labels['le'] ?? 'missing');
    series.set(identity, [...(series.get(identity) ?? []), { bound, value: sample.value }]);
  }
  for (const [identity, buckets] of series) {
    for (const [index, { bound, value }] of buckets.entries()) {
      const before = buckets[index - 1];
      if (before !== undefined && !(before.bound < bound && before.value <= value)) {
        throw new Error(`${identity}: the buckets do not rise`);
      }
    }
    const last = buckets.at(-1);
    if (last?.bound !== Infinity) throw new Error(`${identity} has no bucket +Inf`);
    const count = samples.find(
      (each) => each.name === `${name}_count` && identityOf({ ...each, name }) === identity,
    );
    const sum = samples.find(
      (each) => each.name === `${name}_sum` && identityOf({ ...each, name }) === identity,
    );
    if (count?.value !== last.value) throw new Error(`${identity}: count and +Inf differ`);
    if (sum === undefined) throw new Error(`${identity} has no sum`);
  }
}
