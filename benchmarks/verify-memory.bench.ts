/**
 * What memory does a verification take, and does it grow with the source? The product's verification over
 * a source and read models that are made up while they are read, so that nothing else is in memory: sessions of
 * 20 turns with 25 steps each, in the three read models of the registry. Resident memory is looked at
 * all the while, and told with every million steps of the source.
 * Run: `npx tsx benchmarks/verify-memory.bench.ts [steps]`; five million by default.
 *
 * Exit code 1 when it does not find both sides equal, or takes more than 1 GiB.
 */
import { systemClock } from '../processor/commands/system-clock.ts';
import { type FinalRows, factsOf } from '../processor/conversation/final-facts.ts';
import type { LogEntry } from '../processor/event/event.ts';
import { MemoryLog } from '../processor/kafka/memory-log.ts';
import { partitionOf } from '../processor/kafka/partition.ts';
import { keyTextOf } from '../processor/projection/key-text.ts';
import type { Lsn } from '../processor/source/lsn.ts';
import type { Position } from '../processor/source/position.ts';
import {
  everything,
  type ReadModelReader,
  type SourceSession,
  type StandingRow,
  type Target,
} from '../processor/verify/ports.ts';
import { verifyDefaults } from '../processor/verify/settings.ts';
import { verdictOf, verify } from '../processor/verify/verify.ts';
import { projections } from '../projections/index.ts';

const MIB = 2 ** 20;
const stepsMax = Number(process.argv[2] ?? 5_000_000);
const turnsPerSession = 20;
const stepsPerTurn = 25;
const sessions = Math.ceil(stepsMax / turnsPerSession / stepsPerTurn);
const partitions = 4;
const pageRows = 1_000;
const topic = 'events';
const dayMs = Date.UTC(2026, 2, 5);

/** The same ones each time they are asked for. */
function sessionAt(at: number): SourceSession {
  const uid = `session-${at}`;
  const base = dayMs + (at % 20_000) * 4_000;
  const turns = Array.from({ length: turnsPerSession }, (_, turn) => ({
    uid: `${uid}-turn-${turn}`,
    sessionUid: uid,
    parentUid: turn === 0 ? null : `${uid}-turn-${turn - 1}`,
    activeChild: null,
    prompt: turn % 2 === 0 ? `What of ${at}, ${turn}?` : null,
    createdAt: base + turn * 1_000,
  }));
  const agentTurns = turns.filter((_, turn) => turn % 2 === 1);
  const steps = agentTurns.flatMap((turn) =>
    // As many as if the human turns had some too.
    Array.from({ length: stepsPerTurn * 2 }, (_, idx) => ({
      agentTurnUid: turn.uid,
      idx,
      tpe: idx % 13,
      content: `{"text":"step ${idx} of ${turn.uid}"}`,
      createdAt: turn.createdAt + idx * 17,
    })),
  );
  const humanTurns = turns.filter((_, turn) => turn % 2 === 0);
  const session = { uid, accountUid: `account-${at % 1_000}`, title: null };
  const rows: FinalRows = { sessions: [session], humanTurns, agentTurns, steps };
  return { uid, rows };
}

type Total = { readonly row: StandingRow; readonly values: number[] };

const reader: ReadModelReader = {
  scan: async (model, take) => {
    const projection = projections.find(({ name }) => name === model.shape.projection);
    if (projection === undefined) throw new Error('unknown');
    const totals = new Map<string, Total>();
    let page: StandingRow[] = [];
    for (let at = 0; at < sessions; at += 1) {
      const { uid, rows } = sessionAt(at);
      const shard = partitionOf(uid, partitions);
      for (const fact of factsOf(rows)) {
        if (!projection.of.includes(fact.kind)) continue;
        if (projection.kind === 'map') {
          for (const { key, values } of projection.rows(fact))
            page.push({ key, shard: null, values, position: null, writtenAt: 1n });
        } else {
          for (const one of projection.contribute(fact)) addTo(totals, one, shard);
        }
      }
      if (page.length < pageRows) continue;
      take(page, 0);
      page = [];
      await systemClock.yield();
    }
    take([...page, ...[...totals.values()].map(({ row, values }) => ({ ...row, values }))], 1);
  },
  rows: async () => {
    throw new Error('nothing differs, so nothing is looked up');
  },
};

function addTo(
  totals: Map<string, Total>,
  { key, totals: added }: { readonly key: StandingRow['key']; readonly totals: readonly number[] },
  shard: number,
): void {
  const name = `${shard} ${keyTextOf(key)}`;
  const found = totals.get(name);
  if (found === undefined) {
    const row = { key, shard, values: [], position: 1, writtenAt: 1n };
    totals.set(name, { row, values: [...added] });
    return;
  }
  for (const [column, value] of added.entries()) {
    found.values[column] = (found.values[column] ?? 0) + value;
  }
}

const log = new MemoryLog();
const admin = await log.admin();
await admin.ensureTopics([{ topic, partitions, replicationFactor: 1, config: {} }]);
const watermark: LogEntry = {
  kind: 'watermark',
  position: 1_000 as Position,
  lsn: 2_000 as Lsn,
  committedAt: dayMs,
  capturedAt: dayMs,
};

let steps = 0;
let saidSteps = 0;
const source = {
  open: async () => {
    for (const partition of log.partitions(topic)) {
      const offset = partition.records.length;
      const value = Buffer.from('watermark');
      partition.records.push({ offset, timestampMs: 0, key: null, value, headers: {} });
      partition.wake();
    }
    return {
      lsn: 1_500 as Lsn,
      sessionCount: async () => null,
      sees: () => true,
      sessions: async (_: unknown, take: (session: SourceSession) => Promise<void> | void) => {
        for (let at = 0; at < sessions; at += 1) {
          const session = sessionAt(at);
          await take(session);
          steps += session.rows.steps.length;
          if (steps - saidSteps < 1_000_000) continue;
          saidSteps = steps;
          console.log(`${steps / 1e6} million steps of the source: ${residentMiB()} MiB resident`);
        }
      },
      sessionsOf: async () => undefined,
      close: async () => undefined,
    };
  },
};

let residentMax = 0;
function residentMiB(): number {
  const now = process.memoryUsage.rss() / MIB;
  residentMax = Math.max(residentMax, now);
  return Math.round(now);
}
const looking = setInterval(residentMiB, 200);

const targets: readonly Target[] = projections.map((projection) => ({
  projection,
  model: { shape: projection.shape, generation: 1 },
}));
const reached = { offset: 1_000_000, position: 1_000_000, watermark: null, deadLetters: 0 };
const startedAt = performance.now();
const verification = await verify(
  {
    log,
    decoder: { decode: () => watermark, load: async () => undefined },
    source,
    reader,
    checkpoints: {
      load: async () => new Map(Array.from({ length: partitions }, (_, at) => [at, reached])),
    },
    clock: systemClock,
    signal: new AbortController().signal,
    progress: () => undefined,
    repair: null,
  },
  { ...verifyDefaults, partitions },
  { targets, part: everything, eventsTopic: topic, group: 'verify-memory' },
);
clearInterval(looking);
const rows = verification.findings.reduce((sum, { standingRows }) => sum + standingRows, 0);
const seconds = (performance.now() - startedAt) / 1000;
const verdict = verdictOf(verification);
console.log(
  JSON.stringify({ steps, rows, verdict, seconds, residentMaxMiB: Math.round(residentMax) }),
);
process.exit(verdict === 'equal' && residentMax < 1024 ? 0 : 1);
