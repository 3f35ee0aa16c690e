/**
 * The sequencer's fold alone: CPU time per row change, with its state in memory. Conversations that
 * grow side by side, a few revisions among them; what each batch changed becomes stored rows.
 * Run: `npx tsx benchmarks/fold.bench.ts [sessions]`.
 */
import { foldChange } from '../processor/conversation/fold.ts';
import { foldDefaults, segmentDefaults } from '../processor/conversation/limits.ts';
import { momentOf } from '../processor/conversation/moment.ts';
import { Workspace } from '../processor/conversation/workspace.ts';
import { readAhead, runFold } from '../processor/sequencer/driver.ts';
import { takePending } from '../processor/sequencer/flush.ts';
import { MemoryStateStore } from '../processor/sequencer/memory-state-store.ts';
import { storedRow } from '../processor/sequencer/state-codec.ts';
import type { Lsn } from '../processor/source/lsn.ts';
import type { RowChange } from '../processor/source/row-change.ts';

const sessions = Number(process.argv[2] ?? 500);
const rounds = 8;
const stepsPerTurn = 12;
const batchChanges = 2000;
const content = JSON.stringify({ text: 'lorem ipsum dolor sit amet '.repeat(12) });

const uid = (kind: number, session: number, round: number) =>
  `${String(kind).padStart(8, '0')}-0000-4000-8000-${String(session * 1000 + round).padStart(12, '0')}`;

function* changes(): Generator<RowChange> {
  const common = { operation: 'create', formerKey: null } as const;
  for (let s = 0; s < sessions; s += 1) {
    const key = uid(0, s, 0);
    const row = { uid: key, accountUid: uid(9, s % 50, 0), title: 'A conversation of theirs' };
    yield { table: 'sessions', key, row, ...common };
  }
  for (let round = 0; round < rounds; round += 1) {
    for (let s = 0; s < sessions; s += 1) {
      const [human, agent] = [uid(1, s, round), uid(2, s, round)];
      const parentUid = round === 0 ? null : uid(2, s, round - 1);
      const at = round * 60_000 + s;
      const turn = { sessionUid: uid(0, s, 0), activeChild: null, createdAt: at };
      const asked = { ...turn, uid: human, parentUid, prompt: 'And what about the other one?' };
      yield { table: 'human_turns', key: human, row: asked, ...common };
      const started = { ...turn, uid: agent, parentUid: human, prompt: null };
      yield { table: 'agent_turns', key: agent, row: started, ...common };
      for (let idx = 0; idx < stepsPerTurn; idx += 1) {
        const row = { agentTurnUid: agent, idx, tpe: idx % 6, content, createdAt: at + idx };
        yield { table: 'steps', key: { agentTurnUid: agent, idx }, row, ...common };
      }
    }
  }
}

const store = new MemoryStateStore();
const workspace = new Workspace({ ...foldDefaults, ...segmentDefaults });
let rows = 0;
let segments = 0;

async function flush(): Promise<void> {
  workspace.takeEvents();
  workspace.hintsToAdd = [];
  const { containers, rounds } = takePending(workspace);
  for (const { segments: taken } of rounds.flat()) {
    for (const segment of taken) {
      segments += 1;
      rows += segment.rows.map(({ ref, value }) => storedRow(ref, value)).length;
    }
  }
  for (const container of containers) container.written();
}

const settledBelow = () => 0;
let offset = 0;
async function fold(change: RowChange): Promise<void> {
  const origin = { lsn: (offset + 1) as Lsn, transactionId: 1, committedAt: 0, capturedAt: 0 };
  const rest = { origin, isNew: true, isRead: false, sweep: null };
  const moments = [momentOf(0, offset, 0, rest), momentOf(0, offset, 1, rest)] as const;
  offset += 1;
  const insist = <T>(_: string, run: () => Promise<T>) => run();
  const publish = async () => void workspace.takeEvents();
  const ports = { store, settledBelow, insist, flush, publish };
  await runFold(foldChange(workspace, change, moments), workspace, ports);
}

const all = [...changes()];
const started = process.cpuUsage();
for (let start = 0; start < all.length; start += batchChanges) {
  const batch = all.slice(start, start + batchChanges);
  await readAhead(batch, workspace, { store, settledBelow });
  for (const change of batch) await fold(change);
  await flush();
  // All stays in memory: nothing is stored.
  workspace.settle(Number.POSITIVE_INFINITY);
}
const { user, system } = process.cpuUsage(started);
const microseconds = (user + system) / all.length;
console.log(
  JSON.stringify({
    changes: all.length,
    cpuMicrosecondsPerChange: Number(microseconds.toFixed(2)),
    rowsStored: rows,
    segments,
  }),
);
