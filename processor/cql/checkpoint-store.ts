/** Checkpoints on CQL (store.ts); control-statements.ts says why an older one never wins. */
import type { Checkpoint, CheckpointStore, ReadModel } from '../engine/store.ts';
import {
  type CheckpointStatements,
  checkpointOf,
  checkpointStatements,
} from './control-statements.ts';
import { tableName } from './names.ts';
import type { CqlSession } from './session.ts';

export class CqlCheckpointStore implements CheckpointStore {
  private readonly session: CqlSession;
  private readonly statements: CheckpointStatements;

  constructor(session: CqlSession, keyspace: string) {
    this.session = session;
    this.statements = checkpointStatements(keyspace);
  }

  async load(model: ReadModel): Promise<ReadonlyMap<number, Checkpoint>> {
    const doing = `reading the checkpoints of ${tableName(model)}`;
    const rows = await this.session.read(doing, this.statements.load(model));
    return new Map(rows.map((row) => [Number(row['partition']), checkpointOf(row)]));
  }

  save(model: ReadModel, partition: number, checkpoint: Checkpoint): Promise<void> {
    const doing = `writing the checkpoint of ${tableName(model)}, partition ${partition}`;
    return this.session.write(doing, [this.statements.save(model, partition, checkpoint)]);
  }
}
