/**
 * What is read of the customer's four tables: which columns, of which types, and which of them may
 * be absent. The connector's configuration, the publication and the pre-flight check follow it.
 */
import type { SourceTable } from '../processor/source/row-change.ts';

export type ColumnKind = 'text' | 'integer' | 'moment';

export type SourceColumn = {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Absent: what depends on it is left out (DESIGN 1). */
  readonly optional: boolean;
};

const text = (name: string, optional = false): SourceColumn => ({ name, kind: 'text', optional });
const moment = (optional = false): SourceColumn => ({
  name: 'created_at',
  kind: 'moment',
  optional,
});
const integer = (name: string): SourceColumn => ({ name, kind: 'integer', optional: false });

export const sourceColumns: Readonly<Record<SourceTable, readonly SourceColumn[]>> = {
  sessions: [text('uid'), text('account_uid'), text('title')],
  human_turns: [
    text('uid'),
    text('session_uid'),
    text('parent_uid'),
    text('active_child'),
    text('prompt'),
    moment(),
  ],
  agent_turns: [
    text('uid'),
    text('session_uid'),
    text('parent_uid', true),
    text('active_child', true),
    moment(true),
  ],
  steps: [text('agent_turn_uid'), integer('idx'), integer('tpe'), text('content'), moment()],
};

/** Those that people or programs write; the other texts are identifiers. */
export const textColumns: readonly string[] = ['title', 'prompt', 'content'];

/** Postgres' types that decode to what a kind is, and the one to suggest. */
export const typesOfKind: Readonly<
  Record<ColumnKind, { readonly accepted: readonly string[]; readonly suggested: string }>
> = {
  text: {
    accepted: ['character varying', 'text', 'character', 'uuid', 'json', 'jsonb'],
    suggested: 'varchar',
  },
  integer: { accepted: ['smallint', 'integer', 'bigint'], suggested: 'int' },
  moment: { accepted: ['timestamp with time zone'], suggested: 'timestamptz' },
};
