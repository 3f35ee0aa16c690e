/**
 * Row changes without an end, of conversations that come and go: some thousands live at a time, each
 * with turns, steps, revisions, a move and sometimes a deletion; then another one takes its place,
 * with uids that were never seen. The clock of their rows goes on too, so days and hours pass.
 */
import { createRandom } from '../../generator/random.ts';
import type { RowChange } from '../../processor/source/row-change.ts';

const create = { operation: 'create', formerKey: null } as const;
const update = { operation: 'update', formerKey: null } as const;
const remove = { operation: 'delete', formerKey: null, row: null } as const;
const turnsOfSession = 3;
const stepsOfTurn = 12;
const accounts = 400;

export function* endlessChanges(liveSessions: number, startMs: number): Generator<RowChange> {
  const { next: random } = createRandom(1);
  let opened = 0;
  let count = 0;
  /** A million changes are ten days. */
  const clock = () => startMs + count * 864;
  const open = () => {
    opened += 1;
    return conversation(`0193512a-7c00-7000-8000-${opened.toString(16).padStart(12, '0')}`);
  };
  function* conversation(uid: string): Generator<RowChange> {
    const account = () => `account-${Math.floor(random() * accounts)}`;
    const session = { uid, accountUid: account(), title: `Conversation ${uid}` };
    yield { table: 'sessions', key: uid, row: session, ...create };
    for (let turn = 0; turn < turnsOfSession; turn += 1) {
      const human = `${uid}-h${turn}`;
      const agent = `${uid}-a${turn}`;
      const at = { sessionUid: uid, activeChild: null, createdAt: clock() };
      const parentUid = turn === 0 ? null : `${uid}-a${turn - 1}`;
      const asked = { ...at, uid: human, parentUid, prompt: textOf(200) };
      yield { table: 'human_turns', key: human, row: asked, ...create };
      const started = { ...at, uid: agent, parentUid: human, prompt: null };
      yield { table: 'agent_turns', key: agent, row: started, ...create };
      for (let idx = 0; idx < stepsOfTurn; idx += 1) {
        const content = textOf(random() < 0.02 ? 20_000 : 600);
        const row = { agentTurnUid: agent, idx, tpe: idx % 13, content, createdAt: clock() };
        const key = { agentTurnUid: agent, idx };
        yield { table: 'steps', key, row, ...create };
        if (random() < 0.05) yield { table: 'steps', key, row: { ...row, tpe: 3 }, ...update };
      }
    }
    if (random() < 0.1) {
      yield { table: 'sessions', key: uid, row: { ...session, accountUid: account() }, ...update };
    }
    if (random() < 0.05) yield { table: 'sessions', key: uid, ...remove };
  }
  const textOf = (chars: number) =>
    JSON.stringify({ text: 'lorem ipsum dolor sit amet '.repeat(chars / 27), at: count });

  const live = Array.from({ length: liveSessions }, open);
  for (;;) {
    const at = Math.floor(random() * live.length);
    const { value, done } = (live[at] as Generator<RowChange>).next();
    if (done === true) live[at] = open();
    else {
      count += 1;
      yield value;
    }
  }
}
