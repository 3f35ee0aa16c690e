/**
 * What folding costs without servers: nanoseconds of CPU, garbage collection included, per fact
 * change for each read model of the registry, in batches as the worker folds them.
 * Run: `npx tsx benchmarks/projections.bench.ts`.
 *
 * The events are those of an answer that grows: every step is added to its turn, and the turn's fact
 * changes with it. Contents have the median size of a text step (1,000 characters).
 */
import type { FactChange } from '../processor/conversation/fact.ts';
import {
  applyDeltas,
  type Entry,
  foldAggregate,
  foldMap,
} from '../processor/projection/changes.ts';
import { added, agentTurnFact, at, changed, stepFact } from '../processor/projection/facts.ts';
import type { Projection } from '../processor/projection/projection.ts';
import { positionOf } from '../processor/source/position.ts';
import { projections } from '../projections/index.ts';

const events = 20_000;
const stepsPerTurn = 5;
const batchEvents = 500;
const rounds = 15;

const contents = {
  ascii: `{"text":"${'The moon is far away. '.repeat(46)}"}`,
  emoji: `{"text":"${'Der Mond ist weit weg 🌘'.repeat(42)}"}`,
};

function entriesOf(content: string): readonly Entry[] {
  const start = at('2024-11-22T10:00:00Z');
  return Array.from({ length: events }, (_, index): Entry => {
    const turn = Math.floor(index / stepsPerTurn);
    const idx = index % stepsPerTurn;
    const agentTurnUid = `0193512a-7c00-7000-8000-${turn.toString(16).padStart(12, '0')}`;
    const askedAt = start + turn * 7.123;
    const stepAt = (number: number) => askedAt + 1_000 + number * 431.017;
    const step = stepFact({
      agentTurnUid,
      idx,
      tpe: index % 13,
      content,
      createdAt: stepAt(idx),
      previousStepAt: idx === 0 ? null : stepAt(idx - 1),
    });
    const before = agentTurnFact({
      uid: agentTurnUid,
      askedAt,
      steps: idx,
      firstStepAt: idx === 0 ? null : stepAt(0),
      firstVisibleStepAt: idx === 0 ? null : stepAt(0),
      lastStepAt: idx === 0 ? null : stepAt(idx - 1),
    });
    const firstStepAt = stepAt(0);
    const changes: readonly FactChange[] = [
      added(step),
      changed(before, {
        steps: idx + 1,
        firstStepAt,
        firstVisibleStepAt: firstStepAt,
        lastStepAt: stepAt(idx),
      }),
    ];
    return { position: positionOf(0, index), changes };
  });
}

function fold(projection: Projection, entries: readonly Entry[]): number {
  if (projection.kind === 'map') {
    const into = new Map();
    foldMap(projection, entries, into);
    return into.size;
  }
  const { deltas } = foldAggregate(projection, entries);
  for (const one of deltas.values()) applyDeltas(null, one);
  return deltas.size;
}

/** The median round, after a quarter of them to warm up. */
function nanosPerChange(projection: Projection, entries: readonly Entry[]) {
  const changes = entries.reduce(
    (count, entry) =>
      count + entry.changes.filter((change) => projection.of.includes(change.kind)).length,
    0,
  );
  const nanos: number[] = [];
  let writes = 0;
  for (let round = 0; round < rounds; round += 1) {
    writes = 0;
    const before = process.cpuUsage();
    for (let start = 0; start < entries.length; start += batchEvents) {
      writes += fold(projection, entries.slice(start, start + batchEvents));
    }
    const { user, system } = process.cpuUsage(before);
    nanos.push(((user + system) * 1000) / changes);
  }
  const measured = nanos.slice(Math.floor(rounds / 4)).sort((one, other) => one - other);
  return { changes, writes, nanos: Math.round(measured[Math.floor(measured.length / 2)] ?? 0) };
}

for (const [name, content] of Object.entries(contents)) {
  const entries = entriesOf(content);
  for (const projection of projections) {
    const { changes, writes, nanos } = nanosPerChange(projection, entries);
    console.log(
      `${projection.name.padEnd(20)} ${name.padEnd(6)} ${String(nanos).padStart(6)} ns per fact change` +
        ` (${changes} changes, ${writes} writes)`,
    );
  }
}
