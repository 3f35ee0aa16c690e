/**
 * What one script is like: which kinds of actions it has and how many of each, drawn so that some
 * histories concentrate on few kinds (swarm testing). Weights are relative; 0 leaves a kind out.
 */
import type { Dice } from '../dice.ts';
import type { ActionKind } from './action.ts';

export type SourceKnobs = {
  readonly weights: Readonly<Record<ActionKind, number>>;
  /** Of statements, how many are in one of the open transactions. */
  readonly transactional: number;
  /** Of columns that may be null. */
  readonly nulls: number;
  /** Of texts. */
  readonly large: number;
  /** How many uids of each kind, at most what the script allows. */
  readonly uids: number;
  /** Of turns, how many have a uid that humans and agents share. */
  readonly shared: number;
  /** Of turns and moves, how many go to the first session. */
  readonly firstSession: number;
  /** Rows are there before the connector: it begins with a snapshot, not with a slot. */
  readonly rowsBefore: boolean;
};

const usual: SourceKnobs['weights'] = {
  write: 30,
  copy: 6,
  update: 9,
  'update-all': 1,
  move: 5,
  rekey: 2,
  delete: 6,
  'delete-tree': 1.5,
  truncate: 0.6,
  begin: 5,
  commit: 5,
  rollback: 1,
  heartbeat: 6,
  garbage: 0.6,
  'connector-crash': 2.5,
  'slot-lost': 0.5,
  snapshot: 0.8,
  'snapshot-cut': 0.5,
};

/** Turns with steps that go back and forth between two sessions, come, go and come back. */
const moves: SourceKnobs = {
  weights: {
    ...(Object.fromEntries(Object.keys(usual).map((kind) => [kind, 0])) as SourceKnobs['weights']),
    write: 20,
    copy: 5,
    move: 20,
    delete: 6,
    heartbeat: 2,
    'connector-crash': 2,
  },
  transactional: 0,
  nulls: 0.02,
  large: 0,
  uids: 2,
  shared: 0,
  firstSession: 0.3,
  rowsBefore: false,
};

export function drawKnobs(dice: Dice): SourceKnobs {
  if (dice.chance(0.15)) return moves;
  const weights: Record<string, number> = {};
  for (const [kind, weight] of Object.entries(usual)) {
    weights[kind] = kind === 'write' ? weight : weight * dice.pick([0, 0.5, 1, 1, 3]);
  }
  return {
    weights: weights as SourceKnobs['weights'],
    transactional: dice.pick([0, 0.3, 0.9]),
    nulls: dice.pick([0.02, 0.1, 0.3]),
    large: dice.pick([0, 0.2, 0.6]),
    uids: dice.pick([1, 2, 3, 3]),
    shared: dice.pick([0, 0, 0.3]),
    firstSession: dice.pick([0, 0.5, 0.9]),
    rowsBefore: dice.chance(0.3),
  };
}
