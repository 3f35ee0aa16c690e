/**
 * What the engine handles: a projection with its fact and column types forgotten and its columns
 * put in order. `defineMap` and `defineAggregate` (define.ts) make it from a definition; CQL, the
 * query API and the metrics are derived from its shape.
 */
import type { Fact, FactKind } from '../conversation/fact.ts';
import type { Cell, CqlType } from './columns.ts';

export type TableColumn = {
  /** As the definition spells it: `agentTurnUid`. */
  readonly name: string;
  /** As the table spells it: `agent_turn_uid`. */
  readonly cqlName: string;
  readonly cql: CqlType;
  readonly nullable: boolean;
};

export type ClusteringColumn = TableColumn & { readonly order: 'asc' | 'desc' };

/** The table of a read model, whatever its generation. */
export type TableShape = {
  readonly projection: string;
  readonly version: number;
  readonly kind: 'map' | 'aggregate';
  readonly partition: readonly TableColumn[];
  /** For an aggregate without the trailing `shard`, which cql/ adds. */
  readonly clustering: readonly ClusteringColumn[];
  /** For an aggregate its totals, without the `position` column, which cql/ adds. */
  readonly values: readonly TableColumn[];
};

/** Cells in the order of `[...partition, ...clustering]`. */
export type Key = readonly Cell[];

/** A row of a map: its cells in the order of the shape's columns. */
export type Row = { readonly key: Key; readonly values: readonly Cell[] };

/** What a fact adds to a key: totals in the order of the shape's `values`. */
export type Contribution = { readonly key: Key; readonly totals: readonly number[] };

type Common = {
  readonly name: string;
  readonly version: number;
  readonly about: string;
  readonly of: readonly FactKind[];
  readonly onError: 'dead-letter' | 'halt';
  readonly shape: TableShape;
};

export type MapProjection = Common & {
  readonly kind: 'map';
  /** Pure; throws what the definition's function throws, or PROJECTION for a cell of the wrong type. */
  readonly rows: (fact: Fact) => readonly Row[];
};

export type AggregateProjection = Common & {
  readonly kind: 'aggregate';
  readonly contribute: (fact: Fact) => readonly Contribution[];
};

export type Projection = MapProjection | AggregateProjection;
