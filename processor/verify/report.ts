/** What a verification says, as data and as text for people. Pure. */
import { generationName } from '../engine/generations.ts';
import type { Cell } from '../projection/columns.ts';
import type { Projection, TableColumn, TableShape } from '../projection/projection.ts';
import { formatLsn } from '../source/lsn.ts';
import { type Difference, type DifferenceKind, type Findings, listedMax } from './findings.ts';
import type { MendOutcome } from './mend.ts';
import type { Part } from './ports.ts';
import { isWhole, unsettledOf, type Verdict, type Verification, verdictOf } from './verify.ts';

type NamedCells = Readonly<Record<string, Cell>>;

export type ReportedDifference = {
  readonly kind: DifferenceKind;
  readonly key: NamedCells;
  readonly expected: NamedCells | null;
  readonly found: NamedCells | null;
  /** Of what was found; null where nothing is, or no cell tells. */
  readonly writtenAt: string | null;
  readonly repair: string | null;
};

export type ProjectionReport = {
  readonly projection: string;
  readonly generation: string;
  readonly kind: Projection['kind'];
  /** False: totals, in a part of the sessions. */
  readonly compared: boolean;
  readonly rows: number;
  readonly expected: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** Rows that were changing to the end and were as the log has them. */
  readonly changing: number;
  readonly unsettled: number;
  readonly pinned: number;
  readonly pinnedKeys: readonly NamedCells[];
  readonly refused: number;
  readonly refusals: readonly { readonly sessionUid: string; readonly error: string }[];
  readonly unexaminedBuckets: number;
  readonly unexaminedRows: number;
  readonly repaired: number;
  readonly differences: readonly ReportedDifference[];
  readonly problems: readonly string[];
};

export type VerifyReport = {
  readonly verdict: Verdict;
  readonly lsn: string;
  readonly position: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly at: string;
  readonly part: Part;
  readonly projections: readonly ProjectionReport[];
};

export function verifyReport(verification: Verification, part: Part): VerifyReport {
  const { lsn, cut, rounds, startedAtMs, endedAtMs, findings } = verification;
  return {
    verdict: verdictOf(verification),
    lsn: formatLsn(lsn),
    position: cut,
    rounds,
    seconds: Math.round(endedAtMs - startedAtMs) / 1000,
    at: new Date(startedAtMs).toISOString(),
    part,
    projections: findings.map((each) => projectionReport(each, part)),
  };
}

function projectionReport(findings: Findings, part: Part): ProjectionReport {
  const { projection, model } = findings.target;
  const { shape } = model;
  const unsettled = unsettledOf(findings);
  return {
    projection: projection.name,
    generation: generationName({ ...shape, generation: model.generation }),
    kind: projection.kind,
    compared: isWhole(part) || projection.kind === 'map',
    rows: findings.standingRows,
    expected: findings.expectedRows,
    ...findings.counts,
    changing: findings.open.size - unsettled,
    unsettled,
    pinned: findings.pinned,
    pinnedKeys: findings.pins.map(({ key, shard }) => keyCells(shape, key, shard)),
    refused: findings.refused,
    refusals: findings.refusals,
    unexaminedBuckets: findings.unexamined.buckets,
    unexaminedRows: findings.unexamined.rows,
    repaired: findings.mends.filter(({ kind }) => kind === 'repaired' || kind === 'pinned').length,
    differences: listed(findings),
    problems: [...findings.problems],
  };
}

/** The first ten of each kind; all that a repair was tried on. */
function listed({ target, differences, mends }: Findings): readonly ReportedDifference[] {
  const { shape } = target.model;
  const counts: Record<DifferenceKind, number> = { missing: 0, extra: 0, different: 0 };
  return differences.flatMap((difference, at) => {
    counts[difference.kind] += 1;
    const outcome = mends[at];
    if (outcome === undefined && counts[difference.kind] > listedMax) return [];
    return [reportedDifference(shape, difference, outcome)];
  });
}

function reportedDifference(
  shape: TableShape,
  { kind, key, shard, expected, standing }: Difference,
  outcome: MendOutcome | undefined,
): ReportedDifference {
  return {
    kind,
    key: keyCells(shape, key, shard),
    expected: expected === null ? null : named(shape.values, expected),
    found: standing === null ? null : named(shape.values, standing.values),
    writtenAt: standing?.writtenAt?.toString() ?? null,
    repair: outcome === undefined ? null : repairText(outcome),
  };
}

function repairText(outcome: MendOutcome): string {
  switch (outcome.kind) {
    case 'repaired':
      return `repaired at position ${outcome.at}`;
    case 'pinned':
      return `repaired at timestamp ${outcome.at}, above what was written from outside: its next changes will not show until another repair or a replay`;
    case 'overtaken':
      return 'left: it has changed meanwhile, verify again';
    case 'left':
      return `left: ${outcome.reason}`;
    case 'refused':
      return `not repaired: ${outcome.reason}`;
  }
}

function keyCells(shape: TableShape, key: readonly Cell[], shard: number | null): NamedCells {
  const own = named([...shape.partition, ...shape.clustering], key);
  return shard === null ? own : { ...own, shard };
}

function named(columns: readonly TableColumn[], cells: readonly Cell[]): NamedCells {
  return Object.fromEntries(
    columns.map((column, at) => [column.name, shown(column, cells[at] ?? null)]),
  );
}

/** Dates and times as people write them. */
function shown({ cql }: TableColumn, cell: Cell): Cell {
  if (typeof cell !== 'number') return cell;
  const ms = cql === 'date' ? cell * 86_400_000 : cell;
  if ((cql !== 'date' && cql !== 'timestamp') || Math.abs(ms) > 8.64e15) return cell;
  const text = new Date(ms).toISOString();
  return cql === 'date' ? text.slice(0, text.indexOf('T')) : text;
}

const verdicts: Readonly<Record<Verdict, string>> = {
  equal: 'equal',
  differences: 'DIFFERENT',
  unknown: 'NOT KNOWN: not all could be compared',
};

export function verifyText(report: VerifyReport): string {
  const { verdict, lsn, position, rounds, seconds, part, projections } = report;
  const head = `${verdicts[verdict]}, as of LSN ${lsn} (below position ${position}), in ${seconds} s and ${rounds} ${rounds === 1 ? 'snapshot' : 'snapshots'}`;
  const of = partText(part);
  return [head, ...(of === null ? [] : [of]), ...projections.flatMap(projectionLines)].join('\n');
}

function partText(part: Part): string | null {
  if (isWhole(part)) return null;
  const { sample, accountUid, sinceMs } = part;
  const words = [
    ...(sample === null ? [] : [`a sample of ${sample * 100} % of the sessions`]),
    ...(accountUid === null ? [] : [`the sessions of account ${accountUid}`]),
    ...(sinceMs === null
      ? []
      : [`sessions with a turn or step since ${new Date(sinceMs).toISOString()}`]),
  ];
  return `Only ${words.join(', of these ')}: rows that nobody should have are not seen so, and totals are not compared.`;
}

function projectionLines(one: ProjectionReport): readonly string[] {
  const name = `${one.generation}:`;
  if (!one.compared) return [`${name} totals, not compared`];
  const counts = [
    comparedText(one),
    ...(['missing', 'extra', 'different'] as const).map((kind) => `${one[kind]} ${kind}`),
    ...(one.repaired > 0 ? [`${one.repaired} repaired`] : []),
    ...(one.changing > 0 ? [`${one.changing} changing all the time, as the log has them`] : []),
    ...(one.unsettled > 0 ? [`${one.unsettled} changing and NOT settled`] : []),
  ];
  return [
    `${name} ${counts.join(', ')}`,
    ...one.differences.flatMap(differenceLines),
    ...(one.unexaminedBuckets > 0
      ? [
          `  and at least ${one.unexaminedRows} more, in ${one.unexaminedBuckets} buckets that were not looked at row by row (TURNSTREAM_VERIFY_DETAIL_ROWS_MAX); a replay mends them all`,
        ]
      : []),
    ...(one.pinned > 0
      ? [
          `  ${one.pinned} ${one.pinned === 1 ? 'row was' : 'rows were'} written at timestamps beyond the log, by hand or by a repair: later changes of ${one.pinned === 1 ? 'it' : 'them'} do not show. \`turnstream replay ${one.projection}\` builds the read model without them. The first: ${one.pinnedKeys.map(cellsText).join('; ')}`,
        ]
      : []),
    ...(one.refused > 0
      ? [
          `  on ${one.refused} facts its function throws, so nobody knows their rows: ${one.refusals.map(({ sessionUid, error }) => `session ${sessionUid}: ${error}`).join('; ')}`,
        ]
      : []),
    ...one.problems.map((problem) => `  ${problem}`),
  ];
}

/** What is added up into totals are no rows yet; totals of nothing stay as zeros. */
function comparedText({ kind, rows, expected }: ProjectionReport): string {
  const [standing, source] = [rows, expected].map((value) => value.toLocaleString('en-US'));
  return kind === 'map'
    ? `${standing} rows compared with ${source} of the source`
    : `${standing} rows of totals, zeros among them, compared with the sums of ${source} contributions of the source`;
}

function differenceLines(one: ReportedDifference): readonly string[] {
  const { kind, key, expected, found, writtenAt, repair } = one;
  return [
    `  ${kind}: ${cellsText(key)}`,
    `    source:     ${expected === null ? 'no row' : cellsText(expected)}`,
    `    read model: ${found === null ? 'no row' : `${cellsText(found)}${writtenAt === null ? '' : `, written at ${writtenAt}`}`}`,
    ...(repair === null ? [] : [`    ${repair}`]),
  ];
}

function cellsText(cells: NamedCells): string {
  return Object.entries(cells)
    .map(([name, cell]) => `${name} ${JSON.stringify(cell)}`)
    .join(', ');
}
