/**
 * A history before it happens: its knobs, what the source does, and what goes wrong, all drawn from
 * one seed and plain data, so that parts can be left out and the rest repeated (shrink.ts). The one
 * thing that is not listed is the order of steps: it is drawn from `schedule` while the history runs.
 */
import { Dice } from './dice.ts';
import { drawKnobs, type Knobs, type LetterKnobs } from './knobs.ts';
import type { Fate } from './network.ts';
import { mendableNames } from './projections.ts';
import type { SourceAction } from './source/action.ts';
import { drawScript } from './source/script.ts';

/**
 * What befalls an actor (a sequencer or a worker, through all its restarts) as it makes its n-th call,
 * or its n-th call at a place.
 * kill: the process is gone, before the call is sent, while it is under way, or while it is under way
 * for long: it takes effect when others are at work already; or it is killed while its call takes effect
 * in part, at a minority of replicas say. pause: it stands still,
 * and goes on later, a zombie if the broker has given it up meanwhile. expire: the broker gives it
 * up while it works on, and the call is slow. stop: it is asked to drain and leave. rebalance: its group, without reason.
 */
export type Incident = {
  readonly actor: string;
  readonly call: number;
  /** The call's label; any when absent. */
  readonly place?: string;
  readonly kind:
    | 'kill'
    | 'kill-sent'
    | 'kill-slow'
    | 'kill-unheard'
    | 'pause'
    | 'expire'
    | 'stop'
    | 'rebalance';
  /** Until it is started again, goes on or notices. */
  readonly forMs: number;
};

/** What becomes of the n-th call of all, or at a place; calls that are not listed are answered. */
export type Fault = {
  readonly call: number;
  readonly place?: string;
  readonly fate: Exclude<Fate, 'answered'>;
};

export type Plan = {
  readonly seed: number;
  readonly schedule: number;
  readonly knobs: Knobs;
  readonly script: readonly SourceAction[];
  readonly incidents: readonly Incident[];
  readonly faults: readonly Fault[];
};

const callsExpected = 1500;
const callsOfActorExpected = 300;

export function drawPlan(seed: number): Plan {
  const dice = new Dice(seed);
  // A third of the histories are about one thing: who owns the changes, again and again.
  const isDuel = dice.chance(0.35);
  const drawn = drawKnobs(dice.forked('knobs'));
  const plain = isDuel ? { ...drawn, ...duel } : drawn;
  // By chance of its own: the other histories are drawn as they were.
  const mending = dice.forked('mending');
  const knobs = mending.chance(0.15)
    ? { ...plain, projections: [...mendableNames], looks: 0, letters: drawLetters(mending) }
    : plain;
  const incidents = dice.forked('incidents');
  const script = drawScript(dice.forked('script'));
  return {
    seed,
    schedule: seed,
    knobs,
    script: knobs.letters ? withSweeps(mending, script, knobs.letters) : script,
    incidents: isDuel ? drawDuel(incidents) : drawIncidents(incidents, knobs),
    faults: drawFaults(dice.forked('faults')),
  };
}

function drawLetters(dice: Dice): LetterKnobs {
  return { poison: dice.pick([0, 0.05, 0.3]), discards: dice.chance(0.5) };
}

/** What overtakes letters: a TRUNCATE here and there, or a snapshot. */
function withSweeps(
  dice: Dice,
  script: readonly SourceAction[],
  { poison }: LetterKnobs,
): readonly SourceAction[] {
  const swept = [...script];
  for (let more = poison > 0 ? dice.pick([0, 1, 3]) : 0; more > 0; more -= 1) {
    const truncate = { kind: 'truncate', tx: 0, tables: [dice.pick(sweptTables)] } as const;
    const action = dice.chance(0.7) ? truncate : ({ kind: 'snapshot' } as const);
    swept.splice(dice.below(swept.length + 1), 0, action);
  }
  return swept;
}

const sweptTables = ['sessions', 'sessions', 'steps'] as const;

const duel = {
  sequencers: 2,
  workers: 1,
  workerGroups: 1,
  projections: ['counts_by_account'],
  looks: 0,
} as const satisfies Partial<Knobs>;

function drawDuel(dice: Dice): readonly Incident[] {
  const kinds = dice.pick<readonly Incident['kind'][]>([
    ['expire'],
    ['expire', 'kill-slow', 'kill-unheard', 'rebalance'],
    ['kill-slow', 'kill-unheard', 'kill-sent'],
  ]);
  const place = dice.pick([undefined, 'write conversation_state', 'commit offset']);
  const callsMax = place === undefined ? 500 : 80;
  return Array.from({ length: dice.pick([4, 12, 30]) }, () => ({
    actor: dice.pick(['sequencer 1', 'sequencer 2']),
    call: dice.int(1, callsMax),
    ...(place === undefined ? {} : { place }),
    kind: dice.pick(kinds),
    forMs: dice.pick([0, 0, 20, 300]),
  }));
}

export function actorsOf(knobs: Knobs): readonly string[] {
  const named = (kind: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${kind} ${at + 1}`);
  return [...named('sequencer', knobs.sequencers), ...named('worker', knobs.workers)];
}

function drawIncidents(dice: Dice, knobs: Knobs): readonly Incident[] {
  const actors = actorsOf(knobs);
  const count = dice.pick([0, 1, 3, 6, 12, 25]);
  const kinds = dice.pick(kindsOfIncidents);
  const callsMax = dice.pick([30, 100, callsOfActorExpected]);
  const forMs = dice.pick([[0], [0, 20], [0, 20, 300, 2000]]);
  return Array.from({ length: count }, () => {
    const actor = dice.pick(actors);
    const rest = { actor, kind: dice.pick(kinds), forMs: dice.pick(forMs) };
    if (dice.chance(0.5)) return { ...rest, call: dice.int(1, callsMax) };
    const place = dice.pick(actor.startsWith('sequencer') ? placesOfSequencers : placesOfWorkers);
    return { ...rest, call: dice.int(1, dice.pick([10, 40])), place };
  });
}

/** Where it matters most to be interrupted. */
const placesOfSequencers = [
  'commit offset',
  'write conversation_state',
  'read conversation_state',
  'append events',
  'write turn_sessions',
  'append changes',
  'read conversation_content',
  'scan conversation_state',
];
const placesOfWorkers = [
  'checkpoint',
  'read checkpoints',
  'write a read model',
  'read a read model',
  'append dead-letters',
];

/** All of them, or only those after which two owners work at a time. */
const kindsOfIncidents: readonly (readonly Incident['kind'][])[] = [
  ['kill', 'kill-sent', 'kill-slow', 'kill-unheard', 'pause', 'expire', 'stop', 'rebalance'],
  ['kill-slow', 'kill-unheard', 'expire'],
  ['expire', 'pause', 'rebalance'],
];

function drawFaults(dice: Dice): readonly Fault[] {
  const rate = dice.pick([0, 0, 0.005, 0.02, 0.06]);
  const fates = dice.pick<readonly Fault['fate'][]>([
    ['slow', 'lost', 'unheard', 'late'],
    ['slow'],
    ['unheard'],
    ['late'],
  ]);
  const faults: Fault[] = [];
  for (let call = 1; call <= callsExpected; call += 1) {
    if (dice.chance(rate)) faults.push({ call, fate: dice.pick(fates) });
  }
  // Places that are seldom come to.
  const rare = dice.pick([0, 0, 3, 10]);
  for (let more = 0; more < rare; more += 1) {
    faults.push({ call: dice.int(1, 4), place: dice.pick(rarePlaces), fate: dice.pick(fates) });
  }
  return faults;
}

const rarePlaces = [
  'leave the group',
  'join the group',
  'read schemas',
  'read conversation_content',
  'scan conversation_state',
  'append changes',
  'append dead-letters',
  'read partition count',
];

/** A call's place: of what there is one for each read model or group, all are one place. */
export function placeOf(label: string): string {
  const group = /^(join|leave) /.exec(label);
  if (group !== null) return `${group[1]} the group`;
  const [verb, table = ''] = label.split(' ');
  const own =
    /^(conversation_state|conversation_content|turn_sessions|checkpoints|schemas|partition|committed|end|offsets)$/;
  if (verb === 'write' || verb === 'read' || verb === 'scan') {
    return own.test(table) ? label : `${verb} a read model`;
  }
  return label;
}
