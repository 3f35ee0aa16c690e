/**
 * Facts straight from the tables, by plain loops over all rows: no events, no state, nothing of the
 * fold. Slow and simple, so that it is right by reading fact.ts beside it. Only what the
 * projections use: depth, answers, siblings, attempt and the session's facts are left out.
 */
import type { Pool } from 'pg';
import type {
  AgentTurnFact,
  Fact,
  HumanTurnFact,
  StepFact,
} from '../../../processor/conversation/fact.ts';
import { isVisible } from '../../../processor/conversation/step-type.ts';

type Session = { uid: string; account_uid: string | null };
type Turn = {
  uid: string;
  session_uid: string | null;
  parent_uid: string | null;
  active_child: string | null;
  prompt?: string | null;
  at: number | null;
};
type Step = {
  agent_turn_uid: string;
  idx: number;
  tpe: number | null;
  content: string | null;
  at: number | null;
};

// Milliseconds whose fraction holds the microseconds: an Instant.
const instant = '((extract(epoch FROM created_at) * 1000000)::bigint::float8 / 1000) AS at';

export async function factsOf(pool: Pool): Promise<readonly Fact[]> {
  const all = async <Row extends object>(text: string) => (await pool.query<Row>(text)).rows;
  const sessions = new Map(
    (await all<Session>('SELECT uid, account_uid FROM sessions')).map((row) => [row.uid, row]),
  );
  const humans = await all<Turn>(`SELECT *, ${instant} FROM human_turns`);
  const agents = await all<Turn>(`SELECT *, ${instant} FROM agent_turns`);
  const steps = await all<Step>(`SELECT *, ${instant} FROM steps ORDER BY agent_turn_uid, idx`);
  const stepsOf = groupedByTurn(steps);
  const parentOf = (turn: Turn, candidates: ReadonlyMap<string, Turn>): Turn | undefined => {
    const parent = candidates.get(turn.parent_uid ?? '');
    return parent?.session_uid === turn.session_uid ? parent : undefined;
  };
  const byUid = (turns: readonly Turn[]) => new Map(turns.map((turn) => [turn.uid, turn]));
  const [human, agent] = [byUid(humans), byUid(agents)];
  const own = (turn: Turn, sessionUid: string) => ({
    uid: turn.uid,
    sessionUid,
    parentUid: turn.parent_uid,
    activeChild: turn.active_child,
    createdAt: turn.at,
    accountUid: sessions.get(sessionUid)?.account_uid ?? null,
    depth: null,
  });

  const facts: Fact[] = [];
  for (const turn of humans) {
    if (turn.session_uid === null) continue;
    const parent = parentOf(turn, agent);
    const answeredAt = stepsOf.get(parent?.uid ?? '')?.at(-1)?.at ?? null;
    facts.push({
      kind: 'humanTurn',
      ...own(turn, turn.session_uid),
      prompt: turn.prompt ?? null,
      answeredAt,
      answers: 0,
      siblings: 0,
    } satisfies HumanTurnFact);
  }
  for (const turn of agents) {
    if (turn.session_uid === null) continue;
    const askedAt = parentOf(turn, human)?.at ?? null;
    const its = stepsOf.get(turn.uid) ?? [];
    const fact: AgentTurnFact = {
      kind: 'agentTurn',
      ...own(turn, turn.session_uid),
      askedAt,
      steps: its.length,
      firstStepAt: its[0]?.at ?? null,
      firstVisibleStepAt: its.find((step) => isVisible(step.tpe))?.at ?? null,
      lastStepAt: its.at(-1)?.at ?? null,
      attempt: 1,
    };
    facts.push(fact);
    its.forEach((step, i) => {
      facts.push({
        kind: 'step',
        agentTurnUid: turn.uid,
        idx: step.idx,
        tpe: step.tpe,
        content: step.content,
        createdAt: step.at,
        sessionUid: fact.sessionUid,
        accountUid: fact.accountUid,
        humanTurnUid: turn.parent_uid,
        askedAt,
        turnCreatedAt: turn.at,
        previousStepAt: its[i - 1]?.at ?? null,
        previousStepTpe: its[i - 1]?.tpe ?? null,
      } satisfies StepFact);
    });
  }
  return facts;
}

function groupedByTurn(steps: readonly Step[]): ReadonlyMap<string, readonly Step[]> {
  const grouped = new Map<string, Step[]>();
  for (const step of steps) {
    const its = grouped.get(step.agent_turn_uid);
    if (its === undefined) grouped.set(step.agent_turn_uid, [step]);
    else its.push(step);
  }
  return grouped;
}
