/** What `make demo` prints at its end: the read models, latencies, freshness, what to try next. */

import { stepTypeName } from '../processor/conversation/step-type.ts';
import { readAll, readAllTotals } from '../processor/cql/read.ts';
import type { CqlSession } from '../processor/cql/session.ts';
import type { StoredRow } from '../processor/engine/read-out.ts';
import type { Cell } from '../processor/projection/columns.ts';
import { negativeBucket, quantileOf } from '../projections/buckets.ts';
import { keyspace, models } from './demo-freshness.ts';
import { freshnessTable, type Measured, throughputTable } from './demo-metrics.ts';
import { duration } from './duration.ts';
import type { Settings } from './settings.ts';
import { table } from './terminal.ts';

const rowsShown = 6;
const barChars = 40;

type NamedRow = Readonly<Record<string, Cell>>;

export async function demoReport(
  session: CqlSession,
  settings: Settings,
  measured: { readonly throughput: Measured; readonly freshness: Measured },
): Promise<string> {
  const steps = await namedRows(session, 'steps_by_type_day');
  const turns = await namedRows(session, 'turns_by_account');
  return [
    heading(`steps_by_type_day: ${count(steps.length)} rows; the newest steps of type Text`),
    stepsTable(steps),
    heading(
      `turns_by_account: ${count(turns.length)} rows; the newest turns of the busiest account`,
    ),
    turnsTable(turns),
    heading('latency_histogram: how long things take, from all its counts'),
    await latencyTables(session),
    heading('At a calm pace, from the commit in Postgres until the row could be read'),
    freshnessTable(measured.freshness),
    heading('At full speed, until the last row could be read'),
    throughputTable(measured.throughput),
    heading('What next'),
    nextLines(settings),
  ].join('\n');
}

function heading(text: string): string {
  return `\n── ${text}\n`;
}

async function namedRows(session: CqlSession, name: string): Promise<readonly NamedRow[]> {
  const model = models.find(({ shape }) => shape.projection === name);
  if (model === undefined) throw new Error(`there is no read model ${name}`);
  const { partition, clustering, values } = model.shape;
  const columns = [...partition, ...clustering, ...values].map((column) => column.name);
  const rows: readonly StoredRow[] = await readAll(session, keyspace, model);
  return rows.map(({ key, values: cells }) =>
    Object.fromEntries([...key, ...cells].map((cell, at) => [columns[at] ?? '', cell])),
  );
}

function stepsTable(rows: readonly NamedRow[]): string {
  const byType = new Map<number, number>();
  for (const { tpe } of rows) byType.set(Number(tpe), (byType.get(Number(tpe)) ?? 0) + 1);
  const types = [...byType].sort(([, a], [, b]) => b - a);
  const known = types.filter(([tpe]) => !stepTypeName(tpe).startsWith('Unknown'));
  const unknown = types.filter((type) => !known.includes(type));
  const unknownRows = unknown.reduce((sum, [, rowCount]) => sum + rowCount, 0);
  const shown = newest(rows.filter(({ tpe }) => tpe === 1));
  return [
    table([
      ['CREATED', 'ACCOUNT', 'SESSION', 'CHARS', 'PREVIEW'],
      ...shown.map((row) => [
        time(row['createdAt']),
        short(row['accountUid']),
        short(row['sessionUid']),
        String(row['contentChars']),
        cut(row['preview']),
      ]),
    ]),
    `\n  by type: ${known.map(([tpe, rowCount]) => `${stepTypeName(tpe)} ${count(rowCount)}`).join(', ')}, ${unknown.length} unknown numbers ${count(unknownRows)}`,
  ].join('\n');
}

function turnsTable(rows: readonly NamedRow[]): string {
  const byAccount = new Map<Cell, number>();
  for (const row of rows) {
    const account = row['accountUid'] ?? null;
    byAccount.set(account, (byAccount.get(account) ?? 0) + 1);
  }
  const [busiest] = [...byAccount].sort(([, a], [, b]) => b - a);
  const shown = newest(rows.filter((row) => row['accountUid'] === busiest?.[0]));
  return table([
    ['CREATED', 'ROLE', 'SESSION', 'STEPS', 'LAST STEP', 'PREVIEW'],
    ...shown.map((row) => [
      time(row['createdAt']),
      String(row['role']),
      short(row['sessionUid']),
      row['steps'] === null ? '' : String(row['steps']),
      row['lastStepAt'] === null ? '' : time(row['lastStepAt']),
      cut(row['preview']),
    ]),
  ]);
}

function newest(rows: readonly NamedRow[]): readonly NamedRow[] {
  return rows
    .toSorted((a, b) => Number(b['createdAt']) - Number(a['createdAt']))
    .slice(0, rowsShown);
}

async function latencyTables(session: CqlSession): Promise<string> {
  const model = models.find(({ shape }) => shape.projection === 'latency_histogram');
  if (model === undefined) throw new Error('there is no read model latency_histogram');
  const metricAt = model.shape.partition.findIndex(({ name }) => name === 'metric');
  const bucketAt =
    model.shape.partition.length +
    model.shape.clustering.findIndex(({ name }) => name === 'bucket');
  const metrics = new Map<string, Map<number, number>>();
  for (const { key, totals } of await readAllTotals(session, keyspace, model)) {
    const metric = String(key[metricAt]);
    const bucket = Number(key[bucketAt]);
    const counts = metrics.get(metric) ?? new Map<number, number>();
    counts.set(bucket, (counts.get(bucket) ?? 0) + (totals[0] ?? 0));
    metrics.set(metric, counts);
  }
  const rows = [...metrics].sort().map(([metric, counts]) => {
    const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
    const at = (q: number) => duration(quantileOf(counts, q)?.micros ?? null);
    const negative = String(counts.get(negativeBucket) ?? 0);
    return [metric, count(total), at(0.5), at(0.95), at(0.99), negative];
  });
  const chart = barChart(metrics.get('first_step') ?? new Map());
  return [
    table([['METRIC', 'COUNT', 'P50', 'P95', 'P99', 'NEGATIVE'], ...rows]),
    '\n  first_step: from the question to the first step of the answer\n',
    chart,
  ].join('\n');
}

/** Counts by power of two milliseconds. */
function barChart(counts: ReadonlyMap<number, number>): string {
  const bars = new Map<number, number>();
  for (const [bucket, n] of counts) {
    if (bucket < 0 || n === 0) continue;
    const micros = quantileOf(new Map([[bucket, 1]]), 1)?.micros ?? 0;
    const power = Math.max(0, Math.floor(Math.log2(Math.max(1, micros / 1000))));
    bars.set(power, (bars.get(power) ?? 0) + n);
  }
  const most = Math.max(1, ...bars.values());
  return [...bars]
    .sort(([a], [b]) => a - b)
    .map(([power, n]) => {
      const label = `≥ ${duration(2 ** power * 1000)}`.padStart(12);
      return `  ${label}  ${'█'.repeat(Math.ceil((n / most) * barChars)).padEnd(barChars)} ${count(n)}`;
    })
    .join('\n');
}

function nextLines(settings: Settings): string {
  return [
    '  npx turnstream lag --watch          how far each read model is behind, live',
    `  curl 127.0.0.1:${settings.workerMetricsPort}/metrics     the worker’s metrics; the sequencer’s are on ${settings.sequencerMetricsPort}`,
    '  make demo                           stream more conversations: it goes on where it is',
    '  DEMO_SESSIONS=10000 make demo       more of them',
    '  make status                         every process with its memory and log',
    '  projections/                        one file is one read model: add yours',
    '  make down                           stop everything; data stays',
    '',
  ].join('\n');
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

function time(cell: Cell | undefined): string {
  return new Date(Number(cell)).toISOString().slice(0, 19).replace('T', ' ');
}

function short(cell: Cell | undefined): string {
  return cell === null || cell === undefined ? '-' : String(cell).slice(0, 12);
}

function cut(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '';
  const text = [...String(cell).replace(/\s+/g, ' ')];
  return text.length > 48 ? `${text.slice(0, 47).join('')}…` : text.join('');
}
