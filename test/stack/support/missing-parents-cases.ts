/** Children that come before their parents: every order, with and without commits between. */
import { type Case, permutations } from './side-by-side.ts';

/** The inserts of one conversation, whose names begin with `p`. */
const conversation = (p: string): Readonly<Record<string, string>> => ({
  session: `INSERT INTO sessions VALUES ('${p}-s', '${p}-account', 'title')`,
  turns: `INSERT INTO human_turns VALUES ('${p}-h', '${p}-s', NULL, '${p}-a', 'hi', '2026-03-01 10:00:00Z');
    INSERT INTO agent_turns VALUES ('${p}-a', '${p}-s', '${p}-h', NULL, '2026-03-01 10:00:01Z')`,
  steps: `INSERT INTO steps SELECT '${p}-a', i, i % 3, '{"n":' || i || '}',
    timestamptz '2026-03-01 10:00:02Z' + i * interval '0.7 s' FROM generate_series(0, 4) i`,
});

function inEveryOrder(): readonly Case[] {
  return permutations(['session', 'turns', 'steps']).flatMap((order) => {
    const p = `mp-${order.map((table) => table.slice(0, 2)).join('')}`;
    const statements = (prefix: string) => order.map((name) => conversation(prefix)[name] ?? '');
    return [
      { name: `${order.join(', ')}, a transaction each`, rounds: statements(`${p}3`) },
      { name: `${order.join(', ')}, together`, rounds: [statements(`${p}1`).join(';')] },
    ];
  });
}

const agent = (uid: string, session: string | null, parent = 'NULL') =>
  `INSERT INTO agent_turns VALUES ('${uid}', ${session === null ? 'NULL' : `'${session}'`}, ${parent}, NULL, '2026-03-01 12:00:00Z')`;
const step = (turn: string, idx: number, tpe = 1) =>
  `INSERT INTO steps VALUES ('${turn}', ${idx}, ${tpe}, 'step ${idx}', timestamptz '2026-03-01 12:00:01Z' + ${idx} * interval '1 s')`;

export const missingParents: readonly Case[] = [
  ...inEveryOrder(),
  {
    name: 'steps change and go while they wait',
    rounds: [
      [0, 1, 2, 3].map((idx) => step('mp-w', idx)).join(';'),
      `UPDATE steps SET content = 'later' WHERE agent_turn_uid = 'mp-w' AND idx = 1`,
      `DELETE FROM steps WHERE agent_turn_uid = 'mp-w' AND idx = 0; UPDATE steps SET idx = 9 WHERE agent_turn_uid = 'mp-w' AND idx = 2`,
      `${agent('mp-w', 'mp-ws')}; INSERT INTO sessions VALUES ('mp-ws', 'mp-wx', NULL)`,
    ],
  },
  {
    name: 'a large content waits, and an UPDATE leaves it unsaid',
    rounds: [
      `INSERT INTO steps SELECT 'mp-l', 0, 1, string_agg(md5(i::text), ''), '2026-03-01Z' FROM generate_series(1, 3000) i`,
      `UPDATE steps SET tpe = 5 WHERE agent_turn_uid = 'mp-l'`,
      agent('mp-l', 'mp-ls'),
      `UPDATE steps SET tpe = 6 WHERE agent_turn_uid = 'mp-l'`,
    ],
  },
  {
    name: 'the turn comes, goes and comes again',
    rounds: [
      step('mp-g', 0),
      agent('mp-g', 'mp-gs'),
      `DELETE FROM agent_turns WHERE uid = 'mp-g'; ${step('mp-g', 1)}`,
      `${step('mp-g', 2)}; ${agent('mp-g', 'mp-gs2')}`,
      `DELETE FROM agent_turns WHERE uid = 'mp-g'`,
      `${agent('mp-g', 'mp-gs')}; DELETE FROM agent_turns WHERE uid = 'mp-g'; ${agent('mp-g', 'mp-gs3')}`,
    ],
  },
  {
    name: 'a turn without a session gets one',
    rounds: [
      `${agent('mp-n', null)}; ${step('mp-n', 0)}; INSERT INTO human_turns VALUES ('mp-nh', NULL, NULL, NULL, repeat('long ', 4000), '2026-03-01Z')`,
      `UPDATE human_turns SET active_child = 'x' WHERE uid = 'mp-nh'`,
      `UPDATE agent_turns SET session_uid = 'mp-ns', parent_uid = 'mp-nh' WHERE uid = 'mp-n'; UPDATE human_turns SET session_uid = 'mp-ns' WHERE uid = 'mp-nh'`,
      `INSERT INTO sessions VALUES ('mp-ns', 'mp-nx', NULL)`,
    ],
  },
  {
    name: 'parents of parents come last',
    rounds: [
      `INSERT INTO human_turns VALUES ('mp-c2', 'mp-cs', 'mp-c1', NULL, 'two', '2026-03-01 09:00:09Z')`,
      agent('mp-c3', 'mp-cs', `'mp-c2'`),
      agent('mp-c1', 'mp-cs', `'mp-c0'`),
      `${step('mp-c1', 0)}; ${step('mp-c3', 0)}`,
      `INSERT INTO human_turns VALUES ('mp-c0', 'mp-cs', NULL, NULL, 'one', '2026-03-01 09:00:00Z')`,
      `INSERT INTO sessions VALUES ('mp-cs', 'mp-cx', NULL)`,
    ],
  },
  {
    name: 'years lie between a step and its turn',
    rounds: [
      `INSERT INTO steps VALUES ('mp-y', 0, 1, 'early', '1999-12-31 23:59:59.999999Z'), ('mp-y', 1, 1, 'late', '2199-01-01Z')`,
      agent('mp-y', 'mp-ys'),
      `INSERT INTO sessions VALUES ('mp-ys', 'mp-yx', NULL)`,
    ],
  },
  {
    name: 'a turn that never comes',
    rounds: [[0, 1, 2].map((idx) => step('mp-never', idx)).join(';')],
  },
];
