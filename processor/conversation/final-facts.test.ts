import { expect, test } from 'vitest';
import { type FinalTurn, factsOf } from './final-facts.ts';

const turns = 40_000;

/** Looking at all rows for each of them would take a minute. */
test('a session of 40,000 turns and as many steps is worked out in seconds', () => {
  const columns = { sessionUid: 's', activeChild: null, prompt: null };
  const chain = Array.from({ length: turns }, (_, at) => {
    const parentUid = at === 0 ? null : `t${at - 1}`;
    return { ...columns, uid: `t${at}`, parentUid, createdAt: at };
  });
  const siblings: FinalTurn[] = Array.from({ length: turns }, (_, at) => {
    return { ...columns, uid: `r${at}`, parentUid: 't0', createdAt: turns - at };
  });
  const steps = Array.from({ length: turns }, (_, idx) => {
    return { agentTurnUid: 'r7', idx, tpe: 0, content: null, createdAt: idx };
  });
  const facts = factsOf({
    sessions: [{ uid: 's', accountUid: 'a', title: null }],
    humanTurns: chain.filter((_, at) => at % 2 === 0),
    agentTurns: [...chain.filter((_, at) => at % 2 === 1), ...siblings],
    steps,
  });
  const found = (uid: string) => facts.find((fact) => 'uid' in fact && fact.uid === uid);
  expect(found(`t${turns - 1}`)).toMatchObject({ depth: turns - 1 });
  // Beside t1, the first of them all by time but for what was created at 1 too.
  expect(found('r0')).toMatchObject({ depth: 1, attempt: turns + 1 });
  expect(found('t0')).toMatchObject({ answers: turns + 1 });
  expect(facts.at(-1)).toMatchObject({ idx: turns - 1, previousStepAt: turns - 2 });
}, 15_000);
