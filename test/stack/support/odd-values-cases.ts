/** Values that are rare and right: texts, moments, numbers, identifiers and shapes of the graph. */
import type { Case } from './side-by-side.ts';

const home = (p: string) => `
  INSERT INTO sessions VALUES ('${p}-s', '${p}-x', 'title');
  INSERT INTO human_turns VALUES ('${p}-h', '${p}-s', NULL, '${p}-a', 'hi', '2026-03-04 10:00:00Z');
  INSERT INTO agent_turns VALUES ('${p}-a', '${p}-s', '${p}-h', NULL, '2026-03-04 10:00:01Z')`;

/** SQL expressions. */
const texts: readonly string[] = [
  "''",
  "'\u0001\u0002\u001f\u007f\u0085'",
  "E'line\\nbreak\\ttab\\rreturn\\b\\f'",
  "'👩‍💻🏽 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u{10FFFF} \uFFFF\uFEFF'",
  `repeat('🙂', 201)`,
  `repeat('e\u0301', 150)`,
  `'{"text":"\\ud800"}'`,
  `'{"text":"\\ude00\\ud83d \\u0000"}'`,
  "'no JSON'",
  `'{"text":"cut off'`,
  "'[1,2'",
  "'null'",
  "'__debezium_unavailable_value'",
  "repeat(' ', 300)",
  'NULL',
];

const moments: readonly string[] = [
  'NULL',
  'infinity',
  '-infinity',
  '0001-01-01 00:00:00Z',
  '0001-12-31 23:59:59.999999Z',
  '0001-01-01 00:00:00Z BC',
  '0044-03-15 12:00:00.123456Z BC',
  '4713-01-01 00:00:00Z BC',
  '0099-06-01 00:00:00.000001Z',
  '1683-12-31 23:59:59.999999Z',
  '1684-12-31 23:59:59.999999Z',
  '1969-12-31 23:59:59.999999Z',
  '2255-06-05 23:47:34.740993Z',
  '2026-03-04 10:00:01.000001Z',
  '9999-12-31 23:59:59.999999Z',
  '10000-01-01 00:00:00Z',
  '275760-09-12 23:59:59.999999Z',
  '275760-09-13 00:00:00Z',
  '294276-12-31 23:59:59.999999Z',
];

const sqlMoment = (moment: string) => (moment === 'NULL' ? 'NULL' : `'${moment}'`);

function ofText(): Case {
  const p = 'ov-t';
  const each = texts.map(
    (text, i) => `
      INSERT INTO steps VALUES ('${p}-a', ${i}, 1, ${text}, timestamptz '2026-03-04 10:00:02Z' + ${i} * interval '1 s');
      INSERT INTO human_turns VALUES ('${p}-h${i}', '${p}-s', '${p}-a', ${text}, ${text}, '2026-03-04 11:00:00Z');
      INSERT INTO sessions VALUES ('${p}-s${i}', ${text}, ${text});
      INSERT INTO agent_turns VALUES ('${p}-a${i}', '${p}-s${i}', ${text}, NULL, '2026-03-04 12:00:00Z')`,
  );
  const turned = texts.map(
    (_, i) =>
      `UPDATE steps SET content = (SELECT content FROM steps WHERE agent_turn_uid = '${p}-a' AND idx = ${(i + 1) % texts.length}) WHERE agent_turn_uid = '${p}-a' AND idx = ${i}`,
  );
  return { name: 'texts', rounds: [`${home(p)};${each.join(';')}`, turned.join(';')] };
}

function ofMoments(): Case {
  const p = 'ov-m';
  const each = moments.map((moment, i) => {
    const at = sqlMoment(moment);
    return `
      INSERT INTO steps VALUES ('${p}-a', ${i}, ${i % 13}, 'x', ${at}), ('${p}-a${i}', 0, 1, 'x', ${at});
      INSERT INTO human_turns VALUES ('${p}-h${i}', '${p}-s', '${p}-a', NULL, 'x', ${at});
      INSERT INTO agent_turns VALUES ('${p}-a${i}', '${p}-s', '${p}-h${i}', NULL, ${at})`;
  });
  return {
    name: 'moments',
    rounds: [
      `${home(p)};${each.join(';')}`,
      `UPDATE steps SET created_at = 'infinity' WHERE agent_turn_uid = '${p}-a' AND idx % 3 = 0; UPDATE human_turns SET created_at = '-infinity' WHERE uid LIKE '${p}-h1%'`,
      `UPDATE steps SET created_at = '2026-03-04 10:00:05.000001Z' WHERE agent_turn_uid = '${p}-a'`,
    ],
  };
}

function ofNumbers(): Case {
  const p = 'ov-n';
  const bounds = [-2147483648, -1, 0, 2147483647];
  const tpes = ['99', '-1', '13', '2147483647', '-2147483648', 'NULL'];
  const rows = bounds.map(
    (idx, i) =>
      `('${p}-a', ${idx}, ${tpes[i]}, 'x', timestamptz '2026-03-04 10:00:02Z' + ${i} * interval '1 s')`,
  );
  return {
    name: 'numbers',
    rounds: [
      `${home(p)}; INSERT INTO steps VALUES ${rows.join(', ')}`,
      tpes
        .map(
          (tpe, i) =>
            `UPDATE steps SET tpe = ${tpe} WHERE agent_turn_uid = '${p}-a' AND idx = ${bounds[(i + 1) % bounds.length]}`,
        )
        .join(';'),
      `UPDATE steps SET idx = 2147483646 WHERE agent_turn_uid = '${p}-a' AND idx = -1; DELETE FROM steps WHERE agent_turn_uid = '${p}-a' AND idx = 2147483647`,
    ],
  };
}

/** Identifiers of so many characters, everywhere; Postgres takes them since they compress. */
function ofIdentifiers(chars: number): Case {
  const p = `ov-i${chars}`;
  const id = (name: string) => `'${p}-${name}-' || repeat('${name}', ${chars})`;
  return {
    name: `identifiers of ${chars} characters`,
    rounds: [
      `INSERT INTO steps SELECT ${id('a')}, i, i, 'x', timestamptz '2026-03-04 10:00:02Z' + i * interval '1 s' FROM generate_series(0, 9) i`,
      `INSERT INTO agent_turns VALUES (${id('a')}, ${id('s')}, ${id('h')}, ${id('g')}, '2026-03-04 10:00:01Z')`,
      `INSERT INTO human_turns VALUES (${id('h')}, ${id('s')}, NULL, ${id('a')}, 'hi', '2026-03-04 10:00:00Z'), (${id('g')}, ${id('s')}, ${id('a')}, ${id('x')}, 'hi', '2026-03-04 10:02:00Z');
       INSERT INTO sessions VALUES (${id('s')}, ${id('x')}, ${id('y')})`,
      `UPDATE sessions SET account_uid = ${id('z')} WHERE uid = ${id('s')}; UPDATE agent_turns SET session_uid = ${id('t')} WHERE uid = ${id('a')}`,
      `DELETE FROM agent_turns WHERE uid = ${id('a')}; DELETE FROM human_turns WHERE uid = ${id('g')}`,
      `DELETE FROM steps WHERE agent_turn_uid = ${id('a')}; DELETE FROM human_turns WHERE uid = ${id('h')}; DELETE FROM sessions WHERE uid = ${id('s')}`,
    ],
  };
}

const human = (uid: string, session: string, parent: string, minute: number) =>
  `INSERT INTO human_turns VALUES ('${uid}', '${session}', ${parent}, NULL, 'hi', '2026-03-04 10:0${minute}:00Z')`;
const agent = (uid: string, session: string, parent: string, minute: number) =>
  `INSERT INTO agent_turns VALUES ('${uid}', '${session}', ${parent}, NULL, '2026-03-04 10:0${minute}:30Z'); INSERT INTO steps VALUES ('${uid}', 0, 1, 'x', '2026-03-04 10:0${minute}:40Z')`;
const under = (table: string, uid: string, parent: string) =>
  `UPDATE ${table} SET parent_uid = ${parent} WHERE uid = '${uid}'`;

const shapes: readonly Case[] = [
  {
    name: 'two roots in a session',
    rounds: [
      [
        human('ov-r1', 'ov-r', 'NULL', 0),
        human('ov-r2', 'ov-r', 'NULL', 1),
        agent('ov-r3', 'ov-r', 'NULL', 2),
      ].join(';'),
      `INSERT INTO sessions VALUES ('ov-r', 'ov-rx', NULL)`,
    ],
  },
  {
    name: 'a cycle of parents, closed, grown and opened',
    rounds: [
      [
        human('ov-c1', 'ov-c', 'NULL', 0),
        agent('ov-c2', 'ov-c', "'ov-c1'", 1),
        human('ov-c3', 'ov-c', "'ov-c2'", 2),
        agent('ov-c4', 'ov-c', "'ov-c3'", 3),
      ].join(';'),
      under('human_turns', 'ov-c1', "'ov-c4'"),
      `${agent('ov-c5', 'ov-c', "'ov-c1'", 4)}; INSERT INTO sessions VALUES ('ov-c', 'ov-cx', NULL)`,
      `UPDATE agent_turns SET session_uid = 'ov-c-other' WHERE uid = 'ov-c2'; UPDATE human_turns SET created_at = '2026-03-04 09:00:00Z' WHERE uid = 'ov-c1'`,
      `UPDATE agent_turns SET session_uid = 'ov-c' WHERE uid = 'ov-c2'; DELETE FROM human_turns WHERE uid = 'ov-c3'`,
    ],
  },
  {
    name: 'a turn that is its own parent, of both kinds',
    rounds: [
      [human('ov-o', 'ov-os', "'ov-o'", 0), agent('ov-oo', 'ov-os', "'ov-oo'", 1)].join(';'),
      `${agent('ov-o', 'ov-os', "'ov-o'", 2)}; INSERT INTO sessions VALUES ('ov-os', 'ov-o', NULL)`,
      `DELETE FROM human_turns WHERE uid = 'ov-o'`,
    ],
  },
  {
    name: 'a human turn under a human turn, an agent turn under an agent turn',
    rounds: [
      [
        human('ov-k1', 'ov-k', 'NULL', 0),
        human('ov-k2', 'ov-k', "'ov-k1'", 1),
        agent('ov-k3', 'ov-k', "'ov-k2'", 2),
        agent('ov-k4', 'ov-k', "'ov-k3'", 3),
      ].join(';'),
      `INSERT INTO sessions VALUES ('ov-k', 'ov-kx', NULL); ${agent('ov-k1', 'ov-k', "'ov-k2'", 4)}`,
      `DELETE FROM human_turns WHERE uid = 'ov-k1'`,
    ],
  },
  {
    name: 'empty identifiers',
    rounds: [
      `INSERT INTO steps VALUES ('', 0, 1, '', '2026-03-04Z')`,
      `INSERT INTO agent_turns VALUES ('', '', '', '', '2026-03-04Z')`,
      `INSERT INTO human_turns VALUES ('', '', '', '', '', '2026-03-03Z')`,
      `INSERT INTO sessions VALUES ('', '', '')`,
      `UPDATE sessions SET account_uid = 'ov-e' WHERE uid = ''`,
      `DELETE FROM agent_turns WHERE uid = ''`,
      `DELETE FROM steps WHERE agent_turn_uid = ''; DELETE FROM human_turns WHERE uid = ''; DELETE FROM sessions WHERE uid = ''`,
    ],
  },
];

export const oddValues: readonly Case[] = [
  ofText(),
  ofMoments(),
  ofNumbers(),
  ofIdentifiers(10_000),
  ofIdentifiers(30_000),
  ...shapes,
];

const heavy = (p: string) => `
  INSERT INTO steps SELECT '${p}-a', i, i, repeat(c, n), timestamptz '2026-03-04 10:00:02Z' + i * interval '1 s'
    FROM (VALUES (0, 'x', 5000000), (1, '日', 5000000), (2, 'x', 17000000)) v (i, c, n)`;

/** Texts and identifiers around and beyond what a record and a key may hold. */
export const tooLarge: readonly Case[] = [
  {
    name: 'contents of 5 MB are whole, of 17 MB are cut; what changes beside them is as ever',
    rounds: [
      `${home('ov-b')}; ${heavy('ov-b')}`,
      `UPDATE steps SET tpe = 9 WHERE agent_turn_uid = 'ov-b-a'; INSERT INTO human_turns VALUES ('ov-b-g', 'ov-b-s', 'ov-b-a', NULL, repeat('y', 6000000), '2026-03-04 11:00:00Z')`,
      `UPDATE sessions SET title = repeat('z', 6000000), account_uid = 'ov-b-y' WHERE uid = 'ov-b-s'`,
      `UPDATE steps SET content = 'short' WHERE agent_turn_uid = 'ov-b-a' AND idx = 2; UPDATE steps SET content = repeat('w', 6000000) WHERE agent_turn_uid = 'ov-b-a' AND idx = 0`,
      `DELETE FROM steps WHERE agent_turn_uid = 'ov-b-a'; DELETE FROM human_turns WHERE session_uid = 'ov-b-s'`,
    ],
  },
  {
    name: 'steps of a turn whose identifier is too long, beside others',
    rounds: [
      `INSERT INTO steps VALUES (repeat('u', 70000), 7, 1, 'x', '2026-03-04Z'), ('ov-u', 0, 1, 'x', '2026-03-04Z');
       INSERT INTO agent_turns VALUES (repeat('u', 70000), 'ov-us', NULL, NULL, '2026-03-04Z'), ('ov-u', 'ov-us', NULL, NULL, '2026-03-04Z')`,
      `INSERT INTO human_turns VALUES ('ov-uh', 'ov-us', repeat('p', 40000), NULL, 'x', '2026-03-04Z');
       INSERT INTO sessions VALUES ('ov-us', repeat('q', 100000), NULL), (repeat('s', 33000), 'ov-ux', NULL)`,
      `UPDATE sessions SET account_uid = 'ov-ux' WHERE uid = 'ov-us'; UPDATE human_turns SET parent_uid = 'ov-u' WHERE uid = 'ov-uh'`,
      `DELETE FROM steps WHERE agent_turn_uid = repeat('u', 70000)`,
    ],
  },
];

/** What must be named of them, in the order of their dead letters: table and key, what is too large. */
export const tooLargeNamed: readonly RegExp[] = [
  /steps agent_turn_uid ov-b-a, idx 2 at LSN [0-9A-F]+\/[0-9A-F]+ .*content has 5417642 characters or more/,
  /steps agent_turn_uid u{80}…, idx 7 at LSN .*agent_turn_uid has \d+ bytes or more/,
  /agent_turns uid u{80}… at LSN .*uid has \d+ bytes or more/,
  /human_turns uid ov-b-g at LSN .*prompt has 5417642 characters or more/,
  /human_turns uid ov-uh at LSN .*parent_uid has \d+ bytes or more/,
  /sessions uid ov-us at LSN .*account_uid has \d+ bytes or more/,
  /sessions uid s{80}… at LSN .*uid has \d+ bytes or more/,
  /sessions uid ov-b-s at LSN .*title has 5417642 characters or more/,
  /steps agent_turn_uid ov-b-a, idx 0 at LSN .*content has 5417642 characters or more/,
  /steps agent_turn_uid u{80}…, idx 7 at LSN .*agent_turn_uid has \d+ bytes or more/,
];
