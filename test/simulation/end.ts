/** The end of a history: whether everything has come to its end, and all that is stored. */
import { checkpointOf } from '../../processor/cql/control-statements.ts';
import { controlTables, tableName } from '../../processor/cql/names.ts';
import { stateRowOf } from '../../processor/cql/state-statements.ts';
import { positionColumn, shardColumn } from '../../processor/cql/statements.ts';
import type { StoredRow, StoredTotalsRow } from '../../processor/engine/read-out.ts';
import type { ReadModel } from '../../processor/engine/store.ts';
import { readModelOf } from '../../processor/engine/worker-settings.ts';
import type { Cell } from '../../processor/projection/columns.ts';
import type { Projection } from '../../processor/projection/projection.ts';
import type { Position } from '../../processor/source/position.ts';
import type { FinalState } from './checks/final-check.ts';
import type { SimulatedCluster } from './cql/cluster.ts';
import { type Knobs, sequencerGroup, topics } from './knobs.ts';
import type { Outside } from './outside.ts';

/** What has not come to its end, in words; null when all has. */
export function leftBehind(
  { kafka, cluster }: Outside,
  models: readonly ReadModel[],
  knobs: Knobs,
): string | null {
  if (!kafka.caughtUp(sequencerGroup, topics.changes)) {
    const end = kafka.partitions(topics.changes)[0]?.length;
    const committed = kafka.committedOffset(sequencerGroup, topics.changes, 0)?.offset ?? 0;
    return `the sequencer has committed ${committed} of ${end} changes`;
  }
  const rows = cluster.rows(controlTables.checkpoints);
  for (const model of models) {
    for (let partition = 0; partition < knobs.eventsPartitions; partition += 1) {
      const end = kafka.partitions(topics.events)[partition]?.length ?? 0;
      const row = rows.find(
        ({ key }) => key['projection'] === model.shape.projection && key['partition'] === partition,
      );
      const offset = row === undefined ? 0 : checkpointOf(row.values).offset;
      if (offset === end) continue;
      return `${tableName(model)} has ${offset} of ${end} events of partition ${partition}`;
    }
  }
  return null;
}

export function finalState(
  { cluster, source }: Outside,
  compared: readonly Projection[],
): FinalState {
  return {
    source: source.postgres.tablesNow(),
    models: compared.map((projection) => ({
      projection,
      rows: storedRows(cluster, readModelOf({ projection, generation: 1 })),
    })),
    state: cluster.rows(controlTables.state).map(({ key, values }) => {
      const { row, text } = stateRowOf({ ...key, ...values });
      const whole = text.chunks > 0 ? undefined : row.text;
      return { container: String(key['container']), row: { ...row, text: whole } };
    }),
    hints: cluster.rows(controlTables.hints).map(({ key }) => ({
      role: key['role'] as 'human' | 'agent',
      uid: String(key['turn_uid']),
      sessionUid: String(key['session_uid']),
    })),
  };
}

function storedRows(
  cluster: SimulatedCluster,
  model: ReadModel,
): readonly StoredRow[] | readonly StoredTotalsRow[] {
  const { shape } = model;
  const keys = [...shape.partition, ...shape.clustering];
  return cluster.rows(tableName(model)).map(({ key, values }) => {
    const row = {
      key: keys.map(({ cqlName }) => key[cqlName] as string | number),
      values: shape.values.map(({ cqlName }) => values[cqlName] as Cell),
    };
    if (shape.kind === 'map') return row;
    return {
      key: row.key,
      shard: Number(key[shardColumn]),
      totals: row.values.map(Number),
      position: Number(values[positionColumn]) as Position,
    };
  }) as readonly StoredRow[] | readonly StoredTotalsRow[];
}
