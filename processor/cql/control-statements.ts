/**
 * The statements of the checkpoints (store.ts): written with the checkpoint's position as
 * timestamp, so that an older one never covers a newer one. No column is ever null: at an equal
 * position a null would win over a value. Pure.
 */
import type { Checkpoint, ReadModel } from '../engine/store.ts';
import type { Lsn } from '../source/lsn.ts';
import { controlTables, listed, marks, matching, qualified } from './names.ts';
import type { Statement } from './statements.ts';
import { bigintValue, doubleValue, intValue, textValue } from './values.ts';

export type CheckpointStatements = {
  readonly save: (model: ReadModel, partition: number, checkpoint: Checkpoint) => Statement;
  readonly load: (model: ReadModel) => Statement;
};

const modelColumns = ['projection', 'version', 'generation'];
const valueColumns = ['offset', 'position', 'watermark_lsn', 'watermark_at', 'dead_letters'];
/** Stands for "no watermark": no WAL address is 0. */
const noLsn = 0;

export function checkpointStatements(keyspace: string): CheckpointStatements {
  const table = qualified(keyspace, controlTables.checkpoints);
  const columns = [...modelColumns, 'partition', ...valueColumns];
  const save = `INSERT INTO ${table} (${listed(columns)}) VALUES (${marks(columns.length)}) USING TIMESTAMP ?`;
  const load = `SELECT ${listed(['partition', ...valueColumns])} FROM ${table} WHERE ${matching(modelColumns)}`;
  return {
    save: (model, partition, { offset, position, watermark, deadLetters }) => ({
      query: save,
      params: [
        ...modelKey(model),
        intValue(partition),
        bigintValue(offset),
        bigintValue(position),
        bigintValue(watermark?.lsn ?? noLsn),
        doubleValue(watermark?.committedAt ?? 0),
        bigintValue(deadLetters),
        bigintValue(position),
      ],
    }),
    load: (model) => ({ query: load, params: modelKey(model) }),
  };
}

export function checkpointOf(row: Readonly<Record<string, unknown>>): Checkpoint {
  const lsn = Number(row['watermark_lsn']);
  const committedAt = Number(row['watermark_at']);
  return {
    offset: Number(row['offset']),
    position: Number(row['position']),
    watermark: lsn === noLsn ? null : { lsn: lsn as Lsn, committedAt },
    deadLetters: Number(row['dead_letters']),
  };
}

function modelKey({ shape, generation }: ReadModel): Buffer[] {
  return [textValue(shape.projection), intValue(shape.version), intValue(generation)];
}
