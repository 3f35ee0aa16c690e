/** Rows that pass from one parent to another. `steps` and `contentChars` say how large they are. */
import type { Case } from './side-by-side.ts';

export type MoveSizes = {
  /** Of the long session, over its two turns. */
  readonly steps: number;
  /** Of the heavy session, ten steps: their sum is more than a Kafka message holds. */
  readonly contentChars: number;
};

/** A session of two turns and so many steps, each content random and so long. */
const session = (p: string, steps: number, contentChars: number) => `
  INSERT INTO sessions VALUES ('${p}-s', '${p}-x', 'title');
  INSERT INTO human_turns VALUES ('${p}-h', '${p}-s', NULL, '${p}-a', 'hi', '2026-03-03 10:00:00Z');
  INSERT INTO agent_turns VALUES ('${p}-a', '${p}-s', '${p}-h', NULL, '2026-03-03 10:00:01Z'),
                                 ('${p}-b', '${p}-s', '${p}-h', NULL, '2026-03-03 10:00:01.5Z');
  INSERT INTO steps SELECT CASE WHEN i % 2 = 0 THEN '${p}-a' ELSE '${p}-b' END, i, i % 5,
    (SELECT string_agg(md5(i || ':' || n), '') FROM generate_series(0, ${Math.ceil(contentChars / 32) - 1}) n),
    timestamptz '2026-03-03 10:00:02Z' + i * interval '0.01 s' FROM generate_series(1, ${steps}) i`;

const account = (p: string, ...accounts: readonly string[]) =>
  accounts
    .map((uid) => `UPDATE sessions SET account_uid = '${p}-${uid}' WHERE uid = '${p}-s'`)
    .join(';');

/** human h → agent a → human i → agent b, and an edit j beside i, with steps. */
const tree = (p: string) => `
  INSERT INTO sessions VALUES ('${p}-s', '${p}-x', 'from'), ('${p}-t', '${p}-y', 'to');
  INSERT INTO human_turns VALUES ('${p}-h', '${p}-s', NULL, '${p}-a', 'one', '2026-03-03 11:00:00Z'),
    ('${p}-i', '${p}-s', '${p}-a', '${p}-b', repeat('two ', 3000), '2026-03-03 11:01:00Z'),
    ('${p}-j', '${p}-s', '${p}-a', NULL, 'three', '2026-03-03 11:02:00Z');
  INSERT INTO agent_turns VALUES ('${p}-a', '${p}-s', '${p}-h', '${p}-i', '2026-03-03 11:00:01Z'),
    ('${p}-b', '${p}-s', '${p}-i', NULL, '2026-03-03 11:01:01Z');
  INSERT INTO steps SELECT t, n, n % 4, 'x', timestamptz '2026-03-03 11:01:02Z' + n * interval '1 s'
    FROM unnest(ARRAY['${p}-a', '${p}-b']) t, generate_series(0, 5) n`;

const toSession = (table: 'human_turns' | 'agent_turns', uids: readonly string[], to: string) =>
  `UPDATE ${table} SET session_uid = '${to}' WHERE uid IN (${uids.map((uid) => `'${uid}'`).join(', ')})`;

function subtrees(): readonly Case[] {
  const humans = (p: string) => toSession('human_turns', [`${p}-i`, `${p}-j`], `${p}-t`);
  const agents = (p: string) => toSession('agent_turns', [`${p}-b`], `${p}-t`);
  const top = (p: string) => toSession('agent_turns', [`${p}-a`], `${p}-t`);
  const back = (p: string) =>
    `UPDATE agent_turns SET session_uid = '${p}-s' WHERE session_uid = '${p}-t'; UPDATE human_turns SET session_uid = '${p}-s' WHERE session_uid = '${p}-t'`;
  return [
    {
      name: 'a subtree to another session, parents first, and back',
      rounds: [tree('mo-p'), top('mo-p'), humans('mo-p'), agents('mo-p'), back('mo-p')],
    },
    {
      name: 'a subtree to another session, children first, and back',
      rounds: [tree('mo-c'), agents('mo-c'), humans('mo-c'), top('mo-c'), back('mo-c')],
    },
    {
      name: 'a subtree there and back in one transaction, and there for good',
      rounds: [
        tree('mo-o'),
        [top('mo-o'), humans('mo-o'), agents('mo-o'), back('mo-o')].join(';'),
        [humans('mo-o'), agents('mo-o'), top('mo-o')].join(';'),
      ],
    },
    {
      name: 'a subtree hung elsewhere in its session, and on a turn of another session',
      rounds: [
        tree('mo-e'),
        `UPDATE human_turns SET parent_uid = NULL WHERE uid = 'mo-e-i'`,
        `UPDATE agent_turns SET parent_uid = 'mo-e-j' WHERE uid = 'mo-e-b'; UPDATE human_turns SET parent_uid = 'mo-e-b' WHERE uid = 'mo-e-i'`,
        `${toSession('agent_turns', ['mo-e-b'], 'mo-e-t')}; UPDATE human_turns SET parent_uid = 'mo-e-a' WHERE uid = 'mo-e-i'`,
      ],
    },
    {
      name: 'turns to a session that comes later, and the key of a session',
      rounds: [
        tree('mo-l'),
        `UPDATE human_turns SET session_uid = 'mo-l-later'; UPDATE agent_turns SET session_uid = 'mo-l-later'`.replaceAll(
          "later'",
          "later' WHERE uid LIKE 'mo-l-%'",
        ),
        `INSERT INTO sessions VALUES ('mo-l-later', 'mo-l-z', NULL)`,
        `UPDATE sessions SET uid = 'mo-l-last' WHERE uid = 'mo-l-later'`,
        `UPDATE human_turns SET session_uid = 'mo-l-last' WHERE session_uid = 'mo-l-later'; UPDATE agent_turns SET session_uid = 'mo-l-last' WHERE session_uid = 'mo-l-later'`,
      ],
    },
  ];
}

const stepTo = (p: string, turn: string, idx: number, to: string, toIdx: number) =>
  `UPDATE steps SET agent_turn_uid = '${p}-${to}', idx = ${toIdx} WHERE agent_turn_uid = '${p}-${turn}' AND idx = ${idx}`;

export function moves({ steps, contentChars }: MoveSizes): readonly Case[] {
  return [
    {
      name: 'a session of many steps to another account, to none and back',
      rounds: [
        session('mo-m', steps, 60),
        account('mo-m', 'y'),
        `UPDATE sessions SET account_uid = NULL WHERE uid = 'mo-m-s'`,
        account('mo-m', 'x'),
      ],
    },
    {
      name: 'accounts back and forth in one transaction',
      rounds: [
        session('mo-b', 40, 60),
        account('mo-b', 'y', 'x'),
        account('mo-b', 'y', 'x', 'z'),
        `${account('mo-b', 'y')}; INSERT INTO steps VALUES ('mo-b-a', 99, 1, 'between', '2026-03-03Z'); ${account('mo-b', 'x')}`,
        `${account('mo-b', 'y')}; DELETE FROM sessions WHERE uid = 'mo-b-s'; INSERT INTO sessions VALUES ('mo-b-s', 'mo-b-q', NULL)`,
      ],
    },
    {
      name: 'a fan-out larger than a Kafka message: a session, then its turn',
      rounds: [
        session('mo-f', 10, contentChars),
        account('mo-f', 'y'),
        toSession('agent_turns', ['mo-f-a'], 'mo-f-t'),
        `DELETE FROM agent_turns WHERE uid = 'mo-f-a'`,
        `INSERT INTO agent_turns VALUES ('mo-f-a', 'mo-f-s', 'mo-f-h', NULL, '2026-03-03 10:00:01Z')`,
      ],
    },
    {
      name: 'a step to another turn: of its session, of another, of none, and back',
      rounds: [
        `${tree('mo-s')}; ${tree('mo-u')}`,
        stepTo('mo-s', 'a', 3, 'b', 30),
        `${stepTo('mo-s', 'a', 0, 'nowhere', 0)}; UPDATE steps SET agent_turn_uid = 'mo-u-a', idx = 50 WHERE agent_turn_uid = 'mo-s-b' AND idx = 5`,
        `${stepTo('mo-s', 'nowhere', 0, 'a', 0)}; ${stepTo('mo-s', 'b', 30, 'a', 3)}`,
      ],
    },
    {
      name: 'two steps change places in one transaction',
      rounds: [
        tree('mo-x'),
        [
          stepTo('mo-x', 'a', 1, 'a', -1),
          stepTo('mo-x', 'b', 1, 'a', 1),
          stepTo('mo-x', 'a', -1, 'b', 1),
        ].join(';'),
        [
          stepTo('mo-x', 'a', 1, 'a', -1),
          stepTo('mo-x', 'a', 2, 'a', 1),
          stepTo('mo-x', 'a', -1, 'a', 2),
        ].join(';'),
      ],
    },
    ...subtrees(),
  ];
}
