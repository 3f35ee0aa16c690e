import { describe, it } from 'vitest';
import {
  added,
  agentTurnFact,
  at,
  changed,
  humanTurnFact,
  removed,
  stepFact,
} from '../processor/projection/facts.ts';
import { specOf, together } from '../processor/projection/spec.ts';
import { turnsByAccount } from './turns-by-account.ts';

const { given } = specOf(turnsByAccount);

const human = humanTurnFact({ createdAt: at('2024-11-30T23:59:59.999999Z') });
const agent = agentTurnFact({
  createdAt: at('2024-12-01T00:00:00Z'),
  steps: 2,
  lastStepAt: at('2024-12-01T00:00:05.123456Z'),
});

const humanRow = {
  accountUid: 'account-1',
  month: 202_411,
  createdAt: at('2024-11-30T23:59:59.999Z'),
  role: 'human',
  turnUid: 'human-1',
  sessionUid: 'session-1',
  parentUid: null,
  preview: 'How far is the moon?',
  steps: null,
  lastStepAt: null,
};

const agentRow = {
  accountUid: 'account-1',
  month: 202_412,
  createdAt: at('2024-12-01T00:00:00Z'),
  role: 'agent',
  turnUid: 'agent-1',
  sessionUid: 'session-1',
  parentUid: 'human-1',
  preview: null,
  steps: 2,
  lastStepAt: at('2024-12-01T00:00:05.123Z'),
};

describe('turns_by_account', () => {
  it('lists human and agent turns by account and UTC month, and nothing else', () => {
    given(human, agent, stepFact()).then(humanRow, agentRow);
  });

  it('keeps turns apart that share a uid but not a role', () => {
    given(human, { ...agent, uid: 'human-1' }).then(humanRow, { ...agentRow, turnUid: 'human-1' });
  });

  it('counts the steps of an agent turn and knows its last one', () => {
    const lastStepAt = at('2024-12-01T00:00:09Z');
    given(agent)
      .when(changed(agent, { steps: 3, lastStepAt }), { times: 2 })
      .then({ ...agentRow, steps: 3, lastStepAt });
    given({ ...agent, steps: 0, lastStepAt: null }).then({
      ...agentRow,
      steps: 0,
      lastStepAt: null,
    });
  });

  it('follows a session that moves to another account: no turn stays behind', () => {
    given(human, agent)
      .when(
        together(
          changed(human, { accountUid: 'account-2' }),
          changed(agent, { accountUid: 'account-2' }),
        ),
        { times: 2 },
      )
      .then({ ...humanRow, accountUid: 'account-2' }, { ...agentRow, accountUid: 'account-2' });
  });

  it('follows a turn that moves to another session', () => {
    const moved = { ...human, sessionUid: 'session-2' };
    given(human)
      .when([removed(human), added(moved)], { times: 2 })
      .then({ ...humanRow, sessionUid: 'session-2' });
  });

  it('has no row for a turn whose account or time is unknown, until it is known', () => {
    given({ ...human, accountUid: null }, { ...agent, createdAt: null }).then();
    given({ ...human, accountUid: null })
      .when(changed({ ...human, accountUid: null }, { accountUid: 'account-1' }))
      .then(humanRow);
    given(human)
      .when(changed(human, { createdAt: null }), { times: 2 })
      .then();
  });

  it('lists every edit and every regeneration, shown or not', () => {
    const edit = { ...human, uid: 'human-2', siblings: 1, prompt: null };
    given(human, edit, agent)
      .when(added({ ...agent, uid: 'agent-2', attempt: 2 }))
      .then(humanRow, { ...humanRow, turnUid: 'human-2', preview: null }, agentRow, {
        ...agentRow,
        turnUid: 'agent-2',
      });
  });

  it('shows 200 characters of a long prompt', () => {
    given({ ...human, prompt: '🌘'.repeat(300) }).then({ ...humanRow, preview: '🌘'.repeat(200) });
  });

  it('drops a deleted turn', () => {
    given(human, agent).when(removed(human), { times: 2 }).then(agentRow);
  });
});
