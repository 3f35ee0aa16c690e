/**
 * The statements of the table `generations` (engine/generations.ts): one CQL partition a projection,
 * its static columns say which build is live and who builds one. All writes are conditional, so that
 * one condition covers the live build and the row it is about. Pure.
 */
import {
  type Generation,
  type GenerationId,
  generationName,
  type Lease,
  type Live,
  type Until,
} from '../engine/generations.ts';
import type { Lsn } from '../source/lsn.ts';
import { controlTables, listed, marks, matching, qualified, quoted } from './names.ts';
import type { DecodedRow } from './session.ts';
import type { Statement } from './statements.ts';
import { bigintValue, type CqlValue, doubleValue, intValue, textValue } from './values.ts';

export type NewGeneration = GenerationId & Pick<Generation, 'createdAtMs' | 'until'>;

export type GenerationStatements = {
  readonly live: (projection: string) => Statement;
  /** The static columns, whether or not there is a row. */
  readonly statics: (projection: string) => Statement;
  /** All rows, each with the static columns. */
  readonly all: (projection: string) => Statement;
  readonly create: (of: NewGeneration) => Statement;
  readonly built: (id: GenerationId, atMs: number) => Statement;
  /** If it is there, and `live` is what readers use. */
  readonly drop: (id: Generation, live: Live | null, atMs: number) => Statement;
  /** If it is there and was not dropped, and `live` is what readers use. Built since before, or from now on. */
  readonly promote: (to: Generation, live: Live | null, atMs: number) => Statement;
  /** If `held` has it. */
  readonly lease: (projection: string, lease: Lease, held: Lease | null) => Statement;
  readonly release: (projection: string, owner: string) => Statement;
};

const partitionColumns = ['projection'];
const keyColumns = ['projection', 'version', 'generation'];
const liveColumns = ['live_version', 'live_generation', 'live_promoted_at'];
const leaseColumns = ['lease_owner', 'lease_about', 'lease_until'];
const rowColumns = [
  'version',
  'generation',
  'created_at',
  'until_lsn',
  'until_at',
  'built_at',
  'promoted_at',
  'dropped_at',
];

export function generationStatements(keyspace: string): GenerationStatements {
  const table = qualified(keyspace, controlTables.generations);
  const distinct = (columns: readonly string[]) =>
    `SELECT DISTINCT ${listed(['projection', ...columns])} FROM ${table} WHERE ${matching(partitionColumns)}`;
  const live = distinct(liveColumns);
  const statics = distinct([...liveColumns, ...leaseColumns]);
  const all = `SELECT ${listed([...rowColumns, ...liveColumns])} FROM ${table} WHERE ${matching(partitionColumns)}`;
  const created = [...keyColumns, 'table_name', 'created_at', 'until_lsn', 'until_at'];
  const create = `INSERT INTO ${table} (${listed(created)}) VALUES (${marks(created.length)}) IF NOT EXISTS`;
  const update = (set: readonly string[], key: readonly string[]) =>
    `UPDATE ${table} SET ${set.map((column) => `${quoted(column)} = ?`).join(', ')} WHERE ${matching(key)}`;
  const built = `${update(['built_at'], keyColumns)} IF EXISTS`;
  const drop = update(['dropped_at'], keyColumns);
  const switched = ['live_version', 'live_generation', 'live_table', 'live_promoted_at'];
  const promote = update([...switched, 'promoted_at', 'built_at'], keyColumns);
  const lease = update(leaseColumns, partitionColumns);
  const release = `${lease} IF ${quoted('lease_owner')} = ?`;
  const ofProjection = (query: string) => (projection: string) => {
    return { query, params: [textValue(projection)] };
  };
  return {
    live: ofProjection(live),
    statics: ofProjection(statics),
    all: ofProjection(all),
    create: (of) => ({
      query: create,
      params: [
        ...keyOf(of),
        textValue(generationName(of)),
        timestampValue(of.createdAtMs),
        ...untilValues(of.until),
      ],
    }),
    built: (id, atMs) => ({ query: built, params: [timestampValue(atMs), ...keyOf(id)] }),
    drop: (id, current, atMs) =>
      conditional(drop, [timestampValue(atMs), ...keyOf(id)], [...isLive(current), isThere(id)]),
    promote: (to, current, atMs) =>
      conditional(
        promote,
        [
          intValue(to.version),
          intValue(to.generation),
          textValue(generationName(to)),
          timestampValue(atMs),
          timestampValue(atMs),
          timestampValue(to.builtAtMs ?? atMs),
          ...keyOf(to),
        ],
        [...isLive(current), isThere(to), ['dropped_at', null]],
      ),
    lease: (projection, { owner, about, untilMs }, held) =>
      conditional(
        lease,
        [textValue(owner), textValue(about), timestampValue(untilMs), textValue(projection)],
        [
          ['lease_owner', held && textValue(held.owner)],
          ['lease_until', held && timestampValue(held.untilMs)],
        ],
      ),
    release: (projection, owner) => ({
      query: release,
      params: [null, null, null, textValue(projection), textValue(owner)],
    }),
  };
}

export function liveOf(projection: string, row: DecodedRow): Live | null {
  const version = numberOf(row['live_version']);
  const generation = numberOf(row['live_generation']);
  if (version === null || generation === null) return null;
  return { projection, version, generation, promotedAtMs: Number(row['live_promoted_at']) };
}

export function leaseOf(row: DecodedRow): Lease | null {
  const owner = row['lease_owner'];
  if (owner === null || owner === undefined) return null;
  return {
    owner: String(owner),
    about: String(row['lease_about']),
    untilMs: Number(row['lease_until']),
  };
}

/** Null for the row that stands for static columns without any. */
export function generationOf(projection: string, row: DecodedRow): Generation | null {
  const version = numberOf(row['version']);
  const generation = numberOf(row['generation']);
  const createdAtMs = numberOf(row['created_at']);
  if (version === null || generation === null || createdAtMs === null) return null;
  return {
    projection,
    version,
    generation,
    createdAtMs,
    until: untilOf(row),
    builtAtMs: numberOf(row['built_at']),
    promotedAtMs: numberOf(row['promoted_at']),
    droppedAtMs: numberOf(row['dropped_at']),
  };
}

type Condition = readonly [column: string, value: CqlValue];

/** What is null is asked for in words: not every database takes a marker for it in a condition. */
function conditional(
  update: string,
  params: readonly CqlValue[],
  conditions: readonly Condition[],
): Statement {
  const texts = conditions.map(
    ([column, value]) => `${quoted(column)} = ${value === null ? 'null' : '?'}`,
  );
  const values = conditions.flatMap(([, value]) => (value === null ? [] : [value]));
  return { query: `${update} IF ${texts.join(' AND ')}`, params: [...params, ...values] };
}

function isLive(live: Live | null): readonly Condition[] {
  return [
    ['live_version', live && intValue(live.version)],
    ['live_generation', live && intValue(live.generation)],
  ];
}

/** A row that is not there has no time at which it was created. */
function isThere({ createdAtMs }: Generation): Condition {
  return ['created_at', timestampValue(createdAtMs)];
}

function untilValues(until: Until | null): readonly CqlValue[] {
  if (until === null) return [null, null];
  return 'lsn' in until ? [bigintValue(until.lsn), null] : [null, doubleValue(until.committedAtMs)];
}

function untilOf(row: DecodedRow): Until | null {
  const lsn = numberOf(row['until_lsn']);
  if (lsn !== null) return { lsn: lsn as Lsn };
  const committedAtMs = numberOf(row['until_at']);
  return committedAtMs === null ? null : { committedAtMs };
}

function keyOf({ projection, version, generation }: GenerationId): readonly CqlValue[] {
  return [textValue(projection), intValue(version), intValue(generation)];
}

function timestampValue(ms: number): CqlValue {
  return bigintValue(Math.floor(ms), 'timestamp');
}

function numberOf(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
