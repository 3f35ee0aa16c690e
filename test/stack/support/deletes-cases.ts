/** Rows that go, in every order, and come again. */
import { type Case, permutations } from './side-by-side.ts';

const whole = (p: string) => `
  INSERT INTO sessions VALUES ('${p}-s', '${p}-x', 'title');
  INSERT INTO human_turns VALUES ('${p}-h', '${p}-s', NULL, '${p}-a', 'hi', '2026-03-02 10:00:00Z');
  INSERT INTO agent_turns VALUES ('${p}-a', '${p}-s', '${p}-h', '${p}-g', '2026-03-02 10:00:01Z');
  INSERT INTO steps SELECT '${p}-a', i, i % 3, 'x' || i, timestamptz '2026-03-02 10:00:02Z' + i * interval '1 s' FROM generate_series(0, 3) i;
  INSERT INTO human_turns VALUES ('${p}-g', '${p}-s', '${p}-a', NULL, 'more', '2026-03-02 10:01:00Z')`;

const goes = (p: string): Readonly<Record<string, string>> => ({
  session: `DELETE FROM sessions WHERE uid = '${p}-s'`,
  human: `DELETE FROM human_turns WHERE session_uid = '${p}-s'`,
  agent: `DELETE FROM agent_turns WHERE session_uid = '${p}-s'`,
  parted: `DELETE FROM steps WHERE agent_turn_uid = '${p}-a'`,
});

function inEveryOrder(): readonly Case[] {
  return permutations(['session', 'human', 'agent', 'parted']).flatMap((order) => {
    const p = `de-${order.map((name) => name.slice(0, 1)).join('')}`;
    const statements = (prefix: string) => order.map((name) => goes(prefix)[name] ?? '');
    return [
      {
        name: `${order.join(', ')}, a transaction each`,
        rounds: [whole(`${p}4`), ...statements(`${p}4`)],
      },
      {
        name: `${order.join(', ')}, together`,
        rounds: [whole(`${p}1`), statements(`${p}1`).join(';')],
      },
    ];
  });
}

const session = `INSERT INTO sessions VALUES ('P-s', 'P-other', 'again')`;
const agent = `INSERT INTO agent_turns VALUES ('P-a', 'P-s', NULL, NULL, '2026-03-02 11:00:00Z')`;
const elsewhere = `INSERT INTO agent_turns VALUES ('P-a', 'P-s2', NULL, NULL, '2026-03-02 11:00:00Z')`;
const human = `INSERT INTO human_turns VALUES ('P-h', 'P-s', NULL, NULL, 'again', '2026-03-02 09:00:00Z')`;
const step = `INSERT INTO steps VALUES ('P-a', 1, 4, 'again', '2026-03-02 12:00:00Z')`;
const noSession = `DELETE FROM sessions WHERE uid = 'P-s'`;
const noAgent = `DELETE FROM agent_turns WHERE uid = 'P-a'`;
const noHuman = `DELETE FROM human_turns WHERE uid = 'P-h'`;
const noStep = `DELETE FROM steps WHERE agent_turn_uid = 'P-a' AND idx = 1`;

/** The same key comes again: in the same transaction, and in the next one. */
function again(): readonly Case[] {
  const pairs: readonly (readonly [string, string, string])[] = [
    ['session', noSession, session],
    ['agent turn', noAgent, agent],
    ['agent turn, in another session', noAgent, elsewhere],
    ['human turn', noHuman, human],
    ['step', noStep, step],
    [
      'everything',
      [noStep, noAgent, noHuman, noSession].join(';'),
      [session, human, agent, step].join(';'),
    ],
    [
      'everything, upside down',
      [noSession, noHuman, noAgent, noStep].join(';'),
      [step, agent, human, session].join(';'),
    ],
  ];
  return pairs.flatMap(([name, gone, back], at) => {
    const of = (p: string, ...rounds: readonly string[]) => [
      whole(p),
      ...rounds.map((round) => round.replaceAll('P-', `${p}-`)),
    ];
    return [
      { name: `${name} again, at once`, rounds: of(`de-o${at}`, `${gone}; ${back}`) },
      { name: `${name} again, in the next transaction`, rounds: of(`de-n${at}`, gone, back) },
      {
        name: `${name} again and again`,
        rounds: of(`de-t${at}`, `${gone}; ${back}; ${gone}`, `${back}; ${gone}; ${back}`),
      },
    ];
  });
}

export const deletes: readonly Case[] = [
  ...inEveryOrder(),
  ...again(),
  {
    name: 'children only, the last and the first step',
    rounds: [
      whole('de-c'),
      `DELETE FROM steps WHERE agent_turn_uid = 'de-c-a' AND idx = 3`,
      `DELETE FROM steps WHERE agent_turn_uid = 'de-c-a' AND idx = 0`,
      `DELETE FROM steps WHERE agent_turn_uid = 'de-c-a'`,
      `DELETE FROM human_turns WHERE uid = 'de-c-g'`,
    ],
  },
  {
    name: 'what never was is deleted, and what was deleted once more',
    rounds: [
      `DELETE FROM steps WHERE agent_turn_uid = 'de-none'; DELETE FROM sessions WHERE uid = 'de-none'`,
      `BEGIN; ${whole('de-r')}; ROLLBACK`,
      `INSERT INTO sessions VALUES ('de-v', 'x', 'x'); DELETE FROM sessions WHERE uid = 'de-v'`,
    ],
  },
];

const rows = (p: string) =>
  `${whole(p)}; INSERT INTO steps VALUES ('${p}-lost', 0, 1, 'waits', '2026-03-02Z')`;

/** Each of them takes what is there of a table, so one after the other. */
export const truncates: readonly string[] = [
  rows('tr1'),
  'TRUNCATE steps',
  `INSERT INTO steps SELECT uid, 0, 1, 'after', '2026-03-04Z' FROM agent_turns`,
  'TRUNCATE agent_turns',
  `INSERT INTO agent_turns SELECT DISTINCT agent_turn_uid, 'tr1-s', NULL, NULL, timestamptz '2026-03-04Z' FROM steps`,
  'TRUNCATE sessions',
  `INSERT INTO sessions SELECT DISTINCT session_uid, 'tr-x', 'again' FROM agent_turns`,
  'TRUNCATE human_turns',
  rows('tr2'),
  `BEGIN; TRUNCATE steps; TRUNCATE sessions; ROLLBACK`,
  `INSERT INTO sessions VALUES ('tr3-s', 'x', 'before'); TRUNCATE sessions, steps; INSERT INTO sessions VALUES ('tr3-s', 'y', 'after'); ${`INSERT INTO steps VALUES ('tr2-a', 7, 1, 'after', '2026-03-04Z')`}`,
  `TRUNCATE agent_turns RESTART IDENTITY; ${whole('tr4')}`,
  `ALTER TABLE steps ADD CONSTRAINT of_turn FOREIGN KEY (agent_turn_uid) REFERENCES agent_turns NOT VALID;
   ALTER TABLE agent_turns ADD CONSTRAINT of_session FOREIGN KEY (session_uid) REFERENCES sessions NOT VALID`,
  'TRUNCATE sessions RESTART IDENTITY CASCADE',
  `ALTER TABLE steps DROP CONSTRAINT of_turn; ALTER TABLE agent_turns DROP CONSTRAINT of_session; ${whole('tr5')}`,
  'TRUNCATE sessions, human_turns, agent_turns, steps CASCADE',
  whole('tr5'),
];
