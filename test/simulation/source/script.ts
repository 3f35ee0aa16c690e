/** A script of the source, drawn from dice: plain actions (action.ts), any part of which will do. */
import { type SourceTable, sourceTables } from '../../../processor/source/row-change.ts';
import type { Dice } from '../dice.ts';
import type { ActionKind, SourceAction, TransactionSlot } from './action.ts';
import { RowDice } from './draw-row.ts';
import { drawKnobs, type SourceKnobs } from './source-knobs.ts';

export type ScriptOptions = {
  readonly actions?: number;
  readonly sessions?: number;
  readonly turns?: number;
  /** Steps have an idx from -1 to this. */
  readonly idxMax?: number;
  readonly knobs?: SourceKnobs;
};

const copyRowsMax = 6;
const crashBackMax = 12;

export function drawScript(dice: Dice, options: ScriptOptions = {}): readonly SourceAction[] {
  const knobs = options.knobs ?? drawKnobs(dice.forked('source knobs'));
  const { actions = dice.pick([5, 10, 15, 25, 40, 80]) } = options;
  const { sessions = 3, turns = 3, idxMax = 4 } = options;
  const rows = new RowDice(dice, { knobs, sessions, turns, idxMax });
  const kindOf = picker(dice, knobs.weights);
  const script = Array.from({ length: actions }, () => drawAction(kindOf(), dice, rows, knobs));
  if (!knobs.rowsBefore) return script;
  // No slot yet, then rows that a first snapshot finds.
  script.splice(dice.below(script.length + 1), 0, { kind: 'snapshot' });
  return [{ kind: 'slot-lost' }, ...script];
}

function picker(dice: Dice, weights: SourceKnobs['weights']): () => ActionKind {
  const entries = Object.entries(weights) as [ActionKind, number][];
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  return () => {
    let left = dice.fraction() * total;
    for (const [kind, weight] of entries) {
      left -= weight;
      if (left < 0) return kind;
    }
    return 'write';
  };
}

function drawAction(kind: ActionKind, dice: Dice, rows: RowDice, knobs: SourceKnobs): SourceAction {
  const slot = () => dice.pick([1, 2, 3] as const);
  const tx: TransactionSlot = dice.chance(knobs.transactional) ? slot() : 0;
  const table = rows.table();
  switch (kind) {
    case 'write':
      return { kind, tx, table, columns: rows.row(table) };
    case 'copy': {
      const count = dice.int(2, copyRowsMax);
      return { kind, tx, table, rows: Array.from({ length: count }, () => rows.row(table)) };
    }
    case 'update':
      return { kind, tx, table, key: rows.key(table), set: rows.someCells(table) };
    case 'update-all':
      return { kind, tx, table, set: rows.someCells(table) };
    case 'move':
      return drawMove(tx, dice, rows);
    case 'rekey':
      return { kind, tx, table, key: rows.key(table), to: rows.key(table) };
    case 'delete':
      return { kind, tx, table, key: rows.key(table) };
    case 'delete-tree': {
      const root = dice.pick(['sessions', 'agent_turns', 'agent_turns'] as const);
      return { kind, tx, table: root, key: rows.key(root) };
    }
    case 'truncate':
      return { kind, tx, tables: drawTables(dice) };
    case 'begin':
    case 'commit':
    case 'rollback':
      return { kind, tx: slot() };
    case 'garbage':
      return { kind, bytes: dice.pick(garbage) };
    case 'connector-crash':
      return { kind, back: dice.int(1, crashBackMax) };
    case 'snapshot-cut':
      return { kind, after: dice.below(8) };
    default:
      return { kind };
  }
}

function drawMove(tx: TransactionSlot, dice: Dice, rows: RowDice): SourceAction {
  const table = dice.pick(['human_turns', 'agent_turns', 'sessions'] as const);
  const owner = () => (table === 'sessions' ? rows.account() : rows.sessionOrNull());
  const through = Array.from({ length: dice.pick([1, 1, 2, 3]) }, owner);
  return { kind: 'move', tx, table, key: rows.key(table), through };
}

function drawTables(dice: Dice): readonly SourceTable[] {
  const one = dice.pick(sourceTables);
  return dice.chance(0.2) ? sourceTables.filter((t) => t === one || dice.chance(0.3)) : [one];
}

/** No value, no bytes, text, JSON that is no sweep, Avro that ends too early. */
const garbage: readonly (string | null)[] = [
  null,
  '',
  'hello',
  '{',
  '{"kind":"else"}',
  '\0\0\0\0\x01\0',
];
