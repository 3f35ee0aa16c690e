/**
 * The turns of an account by UTC month, newest first, of all its sessions and branches: the
 * account's activity as a screen lists it.
 *
 * A turn without a time, or whose session (hence account) is not known, has no row until it is.
 */
import type { Facts } from '../processor/conversation/fact.ts';
import { int, nullable, text, timestamp } from '../processor/projection/columns.ts';
import { defineMap } from '../processor/projection/define.ts';
import { monthOf } from '../processor/projection/time.ts';
import { previewOf } from './preview.ts';

export const turnsByAccount = defineMap({
  name: 'turns_by_account',
  version: 1,
  about:
    'A human or agent turn, under its account and the UTC month of its creation, newest first.',
  of: ['humanTurn', 'agentTurn'],
  key: {
    accountUid: text,
    /** Year × 100 + month. */
    month: int,
    createdAt: timestamp,
    /** `human` or `agent`. */
    role: text,
    turnUid: text,
  },
  partitionBy: ['accountUid', 'month'],
  order: { createdAt: 'desc' },
  values: {
    sessionUid: text,
    parentUid: nullable(text),
    /** The first 200 code points of a human turn's prompt; null for an agent turn. */
    preview: nullable(text),
    /** An agent turn's; null for a human turn. */
    steps: nullable(int),
    /** When the agent turn had its last step. */
    lastStepAt: nullable(timestamp),
  },
  rows: (turn) => {
    if (turn.accountUid === null || turn.createdAt === null) return [];
    return [
      {
        accountUid: turn.accountUid,
        month: monthOf(turn.createdAt),
        createdAt: turn.createdAt,
        turnUid: turn.uid,
        sessionUid: turn.sessionUid,
        parentUid: turn.parentUid,
        ...ofRole(turn),
      },
    ];
  },
});

function ofRole(turn: Facts['humanTurn' | 'agentTurn']) {
  if (turn.kind === 'agentTurn') {
    return { role: 'agent', preview: null, steps: turn.steps, lastStepAt: turn.lastStepAt };
  }
  const preview = turn.prompt === null ? null : previewOf(turn.prompt);
  return { role: 'human', preview, steps: null, lastStepAt: null };
}
