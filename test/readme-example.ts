/** The sessions of an account with their size: what a list of conversations shows. */
import { int, nullable, text, timestamp } from '../processor/projection/columns.ts';
import { defineMap } from '../processor/projection/define.ts';

export const sessionsByAccount = defineMap({
  name: 'sessions_by_account',
  version: 1,
  about: 'A session, under its account.',
  of: 'session',
  key: { accountUid: text, sessionUid: text },
  partitionBy: ['accountUid'],
  values: {
    title: nullable(text),
    lastActivityAt: nullable(timestamp),
    humanTurns: int,
    steps: int,
  },
  rows: ({ uid, accountUid, title, lastActivityAt, humanTurns, steps }) => {
    if (accountUid === null) return [];
    return [{ accountUid, sessionUid: uid, title, lastActivityAt, humanTurns, steps }];
  },
});
