/**
 * The JSON content of a step, shaped by its type as an agent would store it. Only the form is
 * meant to be real; lengths follow the distributions of settings.ts.
 */
import { stepTypes } from '../processor/conversation/step-type.ts';
import { type Language, labels } from './phrases.ts';
import { between, chance, logNormal, pick, pickWeighted, type Random, uuid } from './random.ts';
import { prompt, prose } from './text.ts';

export type ContentLimits = {
  /** Share of text steps whose text has `hugeTextChars`. */
  readonly hugeTextRatio: number;
  readonly hugeTextChars: number;
};

const textCharsMax = 20_000;

type Make = (random: Random, language: Language, limits: ContentLimits) => unknown;

const makers: Readonly<Record<number, Make>> = {
  [stepTypes.Think]: (random, language) => ({
    text: prose(random, language, chars(random, 400, 0.8)),
  }),
  [stepTypes.Text]: (random, language, limits) => ({ text: answer(random, language, limits) }),
  [stepTypes.Retrieval]: retrieval,
  [stepTypes.Code]: code,
  [stepTypes.WebSearch]: webSearch,
  [stepTypes.Card]: (random, language) => ({
    title: prompt(random, language, 40),
    body: prose(random, language, chars(random, 160, 0.5)),
    actions: ['open', 'share'].slice(0, between(random, 0, 2)),
  }),
  [stepTypes.Audio]: (random) => ({
    url: `https://media.example.com/${uuid(random)}.ogg`,
    durationMs: Math.round(logNormal(random, 9000, 0.7)),
  }),
  [stepTypes.Plot]: (random, language) => ({
    title: prompt(random, language, 40),
    kind: pick(random, ['bar', 'line', 'scatter']),
    x: Array.from({ length: 12 }, (_, month) => month + 1),
    y: Array.from({ length: 12 }, () => Math.round(logNormal(random, 1000, 0.6)) / 10),
  }),
  [stepTypes.Table]: table,
  [stepTypes.Document]: (random, language) => ({
    id: uuid(random),
    title: prompt(random, language, 50),
    mime: pick(random, ['application/pdf', 'text/markdown', 'text/csv']),
    excerpt: prose(random, language, chars(random, 600, 0.9)),
  }),
  [stepTypes.InputRequest]: (random, language) => ({
    question: prompt(random, language, chars(random, 80, 0.5)),
    options: chance(random, 0.6) ? ['yes', 'no'] : [],
  }),
  [stepTypes.TurnClassifier]: (random) => ({
    label: pick(random, labels),
    confidence: between(random, 500, 1000) / 1000,
  }),
  [stepTypes.LangDetection]: (random, language) => ({
    language: language.code,
    confidence: between(random, 800, 1000) / 1000,
  }),
};

/** The content of one step as JSON text; a type outside of the enumeration gets `{"raw": …}`. */
export function contentOf(
  random: Random,
  tpe: number,
  language: Language,
  limits: ContentLimits,
): string {
  const make = makers[tpe];
  return JSON.stringify(
    make === undefined ? { raw: uuid(random) } : make(random, language, limits),
  );
}

function chars(random: Random, median: number, sigma: number): number {
  return Math.min(textCharsMax, Math.max(1, Math.round(logNormal(random, median, sigma))));
}

function answer(random: Random, language: Language, limits: ContentLimits): string {
  return chance(random, limits.hugeTextRatio)
    ? prose(random, language, limits.hugeTextChars)
    : prose(random, language, chars(random, 1000, 0.8));
}

function retrieval(random: Random, language: Language): unknown {
  // One retrieval of ten finds nothing.
  const found = chance(random, 0.1) ? 0 : between(random, 1, 8);
  const scores = Array.from({ length: found }, () => between(random, 100, 999) / 1000);
  return {
    query: prompt(random, language, 60),
    documents: scores
      .sort((a, b) => b - a)
      .map((score) => ({ id: uuid(random), title: prompt(random, language, 45), score })),
  };
}

function webSearch(random: Random, language: Language): unknown {
  return {
    query: prompt(random, language, 60),
    results: Array.from({ length: between(random, 0, 6) }, (_, rank) => ({
      url: `https://www.example.org/${uuid(random).slice(0, 8)}`,
      title: prompt(random, language, 45),
      rank: rank + 1,
    })),
  };
}

const codeLines: readonly (readonly [language: string, lines: readonly string[]])[] = [
  [
    'python',
    [
      'import pandas as pd',
      'frame = pd.read_csv("orders.csv", parse_dates=["paid_at"])',
      'late = frame[frame.paid_at > frame.due_at]',
      'print(late.groupby("region").amount.sum().sort_values())',
      'assert (late.amount >= 0).all(), "negative amount"',
    ],
  ],
  [
    'sql',
    [
      'SELECT region, sum(amount) AS total',
      'FROM orders JOIN customers USING (customer_id)',
      "WHERE paid_at >= date '2026-01-01'",
      'GROUP BY region ORDER BY total DESC;',
    ],
  ],
  [
    'typescript',
    [
      'const total = orders.reduce((sum, order) => sum + order.amount, 0);',
      'for (const order of orders.filter(isLate)) {\n\tawait remind(order.customer);\n}',
      'export type Order = { readonly id: string; readonly amount: number };',
    ],
  ],
];

function code(random: Random): unknown {
  const [language, lines] = pick(random, codeLines);
  const wanted = chars(random, 295, 1);
  let text = '';
  while (text.length < wanted) text += `${pick(random, lines)}\n`;
  return {
    language,
    code: text,
    exitCode: pickWeighted(random, [
      [0, 9],
      [1, 1],
    ]),
  };
}

function table(random: Random, language: Language): unknown {
  const columns = ['region', 'orders', 'revenue', 'note'].slice(0, between(random, 2, 4));
  return {
    columns,
    rows: Array.from({ length: between(random, 1, 20) }, (_, row) =>
      columns.map((name) => {
        if (name === 'region') return `R${row + 1}`;
        if (name === 'note') return prose(random, language, 24);
        return Math.round(logNormal(random, 5000, 1));
      }),
    ),
  };
}
