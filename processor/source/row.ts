/**
 * The columns of one row, as Debezium's Avro gives them → RowChange. Columns are looked up by
 * name; one that the source lacks is null, and so is a value that is not what it should be, which
 * is noted. A row without an identity concerns nobody: its reason is answered instead.
 */
import { TurnstreamError } from '../error.ts';
import { type Instant, parseInstant } from './instant.ts';
import {
  type Operation,
  type RowChange,
  type SessionRow,
  type SourceTable,
  type StepKey,
  type StepRow,
  type TextColumn,
  type TurnRow,
  unchanged,
} from './row-change.ts';
import { identifierBytesMax } from './row-limits.ts';

/**
 * Debezium's `unavailable.value.placeholder`; the connector's configuration has it too. No text of
 * Postgres holds a NUL, so none is ever taken for it.
 */
export const unchangedPlaceholder = '__debezium_unavailable\u0000value';

export type Columns = Readonly<Record<string, unknown>>;

/** A value that could not be read and became null. Counted by the caller, never dropped in silence. */
export type DecodeNote = {
  readonly table: SourceTable;
  readonly column: string;
  readonly problem: 'not a moment' | 'not a number';
  readonly text: string;
};

/** The columns that tell a table's rows apart for us, whatever its primary key is. */
export const identityColumns: Readonly<Record<SourceTable, readonly string[]>> = {
  sessions: ['uid'],
  human_turns: ['uid'],
  agent_turns: ['uid'],
  steps: ['agent_turn_uid', 'idx'],
};

/** `steps agent_turn_uid t1, idx 3`: names a row in a sentence, whatever its key is like. */
export function rowName(table: SourceTable, columns: Columns): string {
  const parts = identityColumns[table].map((name) => {
    const value = String(columns[name]);
    return `${name} ${value.length <= 80 ? value : `${value.slice(0, 80)}…`}`;
  });
  return `${table} ${parts.join(', ')}`;
}

export function hasIdentity(table: SourceTable, columns: Columns): boolean {
  return identityColumns[table].every((name) => (columns[name] ?? null) !== null);
}

export type Reading = {
  readonly table: SourceTable;
  readonly note: (note: DecodeNote) => void;
  /** The placeholder means `unchanged` in an UPDATE alone; elsewhere it is somebody's text. */
  readonly mayBeUnchanged: boolean;
  /** From how many characters on the connector cuts a column; undefined where it does not. */
  readonly cutAt: (column: string) => number | undefined;
  /** Told of each text that was cut. */
  readonly cut: (column: string, chars: number) => void;
};

/** The change, or the reason why it concerns nobody. Throws LIMIT for an identifier that is too long. */
export function readChange(
  reading: Reading,
  operation: Operation,
  columns: Columns,
  former: Columns | null,
  withRow: boolean,
): RowChange | string {
  const { table } = reading;
  if (table === 'steps') return readStepChange(reading, operation, columns, former, withRow);
  const uid = identifier(columns, 'uid');
  if (uid === null) return `${table}: uid is null`;
  const formerUid = former === null ? null : identifier(former, 'uid');
  const formerKey = formerUid === uid ? null : formerUid;
  if (table === 'sessions') {
    const row: SessionRow | null = withRow
      ? {
          uid,
          accountUid: reference(reading, columns, 'account_uid'),
          title: text(reading, columns, 'title'),
        }
      : null;
    return { table, operation, key: uid, formerKey, row };
  }
  const row: TurnRow | null = withRow
    ? {
        uid,
        sessionUid: reference(reading, columns, 'session_uid'),
        parentUid: reference(reading, columns, 'parent_uid'),
        activeChild: reference(reading, columns, 'active_child'),
        prompt: table === 'human_turns' ? text(reading, columns, 'prompt') : null,
        createdAt: moment(reading, columns, 'created_at'),
      }
    : null;
  return { table, operation, key: uid, formerKey, row };
}

function readStepChange(
  reading: Reading,
  operation: Operation,
  columns: Columns,
  former: Columns | null,
  withRow: boolean,
): RowChange | string {
  const agentTurnUid = identifier(columns, 'agent_turn_uid');
  if (agentTurnUid === null) return 'steps: agent_turn_uid is null';
  const idx = number(reading, columns, 'idx');
  if (idx === null) return 'steps: idx is null';
  const row: StepRow | null = withRow
    ? {
        agentTurnUid,
        idx,
        tpe: number(reading, columns, 'tpe'),
        content: text(reading, columns, 'content'),
        createdAt: moment(reading, columns, 'created_at'),
      }
    : null;
  const key = { agentTurnUid, idx };
  return { table: 'steps', operation, key, formerKey: formerStep(reading, key, former), row };
}

function formerStep(reading: Reading, key: StepKey, former: Columns | null): StepKey | null {
  if (former === null) return null;
  const agentTurnUid = identifier(former, 'agent_turn_uid');
  const idx = number(reading, former, 'idx');
  if (agentTurnUid === null || idx === null) return null;
  return agentTurnUid === key.agentTurnUid && idx === key.idx ? null : { agentTurnUid, idx };
}

function identifier(columns: Columns, name: string): string | null {
  const value = columns[name];
  return value === null || value === undefined ? null : short(name, String(value));
}

/** A column that names another row. */
function reference(reading: Reading, columns: Columns, name: string): TextColumn {
  const value = text(reading, columns, name);
  return typeof value === 'string' ? short(name, value) : value;
}

/** A key of the database that holds the read models. */
function short(name: string, value: string): string {
  // A character takes a byte or more, and three at most.
  if (value.length * 3 <= identifierBytesMax) return value;
  const bytes = Buffer.byteLength(value);
  if (bytes <= identifierBytesMax) return value;
  throw new TurnstreamError(
    'LIMIT',
    `its ${name} has ${bytes} bytes or more, and an identifier may have ${identifierBytesMax}`,
  );
}

function text(reading: Reading, columns: Columns, name: string): TextColumn {
  const value = columns[name];
  if (value === null || value === undefined) return null;
  if (value === unchangedPlaceholder && reading.mayBeUnchanged) return unchanged;
  const found = typeof value === 'string' ? value : String(value);
  const cutAt = reading.cutAt(name);
  if (cutAt !== undefined && found.length >= cutAt) reading.cut(name, cutAt);
  return found;
}

function number(reading: Reading, columns: Columns, name: string): number | null {
  const value = columns[name];
  if (typeof value === 'number') return value;
  if (value === null || value === undefined) return null;
  const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(parsed)) return parsed;
  note(reading, name, 'not a number', value);
  return null;
}

/** Postgres' `infinity` is no moment; years before 1 and after 9999 are. */
function moment(reading: Reading, columns: Columns, name: string): Instant | null {
  const value = columns[name];
  if (value === null || value === undefined) return null;
  const instant = typeof value === 'string' ? parseInstant(value) : undefined;
  if (instant === undefined) note(reading, name, 'not a moment', value);
  return instant ?? null;
}

function note(
  reading: Reading,
  column: string,
  problem: DecodeNote['problem'],
  value: unknown,
): void {
  const text = String(value).slice(0, 100);
  reading.note({ table: reading.table, column, problem, text });
}
