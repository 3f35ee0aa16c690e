/** Postgres → Debezium → Kafka → decoder, on the real stack: what capture promises to the sequencer. */
import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCapture } from '../../connectors/capture.ts';
import { renderConnector } from '../../connectors/render.ts';
import { unchanged } from '../../processor/source/row-change.ts';
import { addresses, brief, CaptureSandbox, rowsOf, waiting } from './support/capture-sandbox.ts';

const sandbox = new CaptureSandbox();
const { pool } = sandbox;
const sql = (text: string) => () => pool.query(text);

beforeAll(async () => {
  await sandbox.createSchema();
  await pool.query(`
    INSERT INTO sessions VALUES ('old', 'a', 'before capture'), ('older', 'a', NULL);
    INSERT INTO steps SELECT 't', n, 1, '{}', now() FROM generate_series(0, 2) n`);
  const result = await sandbox.connect();
  expect(result).toMatchObject({ connector: 'created', publication: 'created', notes: [] });
  await sandbox.read();
});

afterAll(() => sandbox.drop());

describe('a snapshot', () => {
  it('reads the rows that were there, and marks the first and the last', async () => {
    await sandbox.until(() => sandbox.records.some(({ kind }) => kind === 'heartbeat'));
    const rows = rowsOf(sandbox.records);
    expect(rows.map(brief).toSorted()).toEqual([
      'read sessions old',
      'read sessions older',
      'read steps t/0',
      'read steps t/1',
      'read steps t/2',
    ]);
    expect(rows.map(({ snapshot }) => snapshot)).toEqual([
      'first',
      'inside',
      'inside',
      'inside',
      'last',
    ]);
  });
});

describe('rows that arrive', () => {
  it('by INSERT of one and of many, in the order of the statement', async () => {
    const records = await sandbox.captured(async () => {
      await pool.query("INSERT INTO sessions VALUES ('s1', 'acc', 'one')");
      await pool.query("INSERT INTO agent_turns (uid, session_uid) VALUES ('a1','s1'),('a2','s1')");
    });
    expect(records.map(brief)).toEqual([
      'create sessions s1',
      'create agent_turns a1',
      'create agent_turns a2',
    ]);
    expect(records[0]).toMatchObject({
      change: { row: { uid: 's1', accountUid: 'acc', title: 'one' } },
      snapshot: null,
    });
  });

  it('by COPY, all of them', async () => {
    const count = 5000;
    const records = await sandbox.captured(async () => {
      const client = await pool.connect();
      const stream = client.query(copyFrom('COPY steps FROM STDIN'));
      for (let idx = 0; idx < count; idx++) {
        stream.write(`copied\t${idx}\t1\t{"n":${idx}}\t2026-01-02 03:04:05.678901+00\n`);
      }
      stream.end();
      await once(stream, 'finish');
      client.release();
    });
    expect(records.map(brief)).toEqual(
      Array.from({ length: count }, (_, idx) => `create steps copied/${idx}`),
    );
  });

  it('of interleaved transactions in the order of their commits, none of what was rolled back', async () => {
    const [one, two] = [await pool.connect(), await pool.connect()];
    const records = await sandbox.captured(async () => {
      await one.query("BEGIN; INSERT INTO sessions VALUES ('first-begun', 'a', '')");
      await two.query("BEGIN; INSERT INTO sessions VALUES ('second-begun', 'a', '')");
      await one.query("SAVEPOINT s; INSERT INTO sessions VALUES ('undone', 'a', '')");
      await one.query("ROLLBACK TO s; INSERT INTO sessions VALUES ('after-savepoint', 'a', '')");
      await pool.query("BEGIN; INSERT INTO sessions VALUES ('rolled-back', 'a', ''); ROLLBACK");
      await two.query('COMMIT');
      await one.query('COMMIT');
    });
    one.release();
    two.release();
    const rows = rowsOf(records);
    expect(rows.map(brief)).toEqual([
      'create sessions second-begun',
      'create sessions first-begun',
      'create sessions after-savepoint',
    ]);
    const [second, first] = rows;
    expect(second!.origin.lsn).toBeGreaterThan(first!.origin.lsn);
    expect(second!.origin.committedAt).toBeLessThan(first!.origin.committedAt);
    expect(second!.origin.transactionId).not.toBe(first!.origin.transactionId);
  });

  it('with contents of many megabytes', async () => {
    const records = await sandbox.captured(
      sql("INSERT INTO steps VALUES ('large', 0, 1, repeat('0123456789abcdef', 312500), now())"),
    );
    const [{ change }] = rowsOf(records) as [ReturnType<typeof rowsOf>[number]];
    expect(change.table === 'steps' && change.row?.content).toHaveLength(5_000_000);
  });

  it('with moments to the microsecond, and null for those that are none', async () => {
    sandbox.notes.length = 0;
    const records = await sandbox.captured(
      sql(`INSERT INTO steps VALUES
        ('m', 0, 1, '', '2026-01-02 03:04:05.678901+02'), ('m', 1, 1, '', 'infinity'),
        ('m', 2, 1, '', '0044-03-15 00:00:00 BC'), ('m', 3, 99, 'not JSON', '10000-01-01Z')`),
    );
    expect(
      rowsOf(records).map(({ change }) => change.table === 'steps' && change.row?.createdAt),
    ).toEqual([
      Date.UTC(2026, 0, 2, 1, 4, 5, 678) + 0.901,
      null,
      -63_517_824_000_000,
      253_402_300_800_000,
    ]);
    expect(sandbox.notes).toEqual([
      { table: 'steps', column: 'created_at', problem: 'not a moment', text: 'infinity' },
    ]);
  });
});

describe('rows that change', () => {
  it('have `unchanged` for a stored-apart text that the UPDATE left alone', async () => {
    await sandbox.captured(
      sql(`
      ALTER TABLE human_turns ALTER prompt SET STORAGE EXTERNAL;
      INSERT INTO human_turns VALUES ('h1', 's1', NULL, NULL, repeat('x', 9000), now())`),
    );
    const records = await sandbox.captured(sql("UPDATE human_turns SET active_child = 'a1'"));
    expect(records).toMatchObject([
      {
        change: {
          operation: 'update',
          key: 'h1',
          formerKey: null,
          row: { activeChild: 'a1', prompt: unchanged, sessionUid: 's1' },
        },
      },
    ]);
  });

  it('of identity are one update with the former key, and keep what is unchanged', async () => {
    const turns = await sandbox.captured(sql("UPDATE human_turns SET uid = 'h2' WHERE uid = 'h1'"));
    expect(turns.map(brief)).toEqual([
      "irrelevant: human_turns: the former identity of the next record's row",
      'update human_turns h2',
    ]);
    expect(turns[1]).toMatchObject({ change: { formerKey: 'h1', row: { prompt: unchanged } } });
    const steps = await sandbox.captured(
      sql("UPDATE steps SET idx = 7 WHERE agent_turn_uid = 't' AND idx = 2"),
    );
    expect(steps[1]).toMatchObject({
      change: {
        key: { agentTurnUid: 't', idx: 7 },
        formerKey: { agentTurnUid: 't', idx: 2 },
      },
    });
  });

  it('are deleted by their key alone', async () => {
    const records = await sandbox.captured(sql("DELETE FROM steps WHERE agent_turn_uid = 't'"));
    expect(records.map(brief)).toEqual([
      'delete steps t/0',
      'delete steps t/1',
      'delete steps t/7',
    ]);
    expect(rowsOf(records).every(({ change }) => change.row === null)).toBe(true);
  });

  it('are truncated table by table, with one LSN', async () => {
    const records = await sandbox.captured(sql('TRUNCATE steps, agent_turns'));
    expect(records.map(brief).toSorted()).toEqual(['truncate agent_turns', 'truncate steps']);
    const lsns = records.map((record) => record.kind === 'truncate' && record.origin.lsn);
    expect(new Set(lsns).size).toBe(1);
  });
});

describe('a replica identity FULL', () => {
  it('tells the former identity of a row without a primary key', async () => {
    await sandbox.captured(
      sql(
        'ALTER TABLE agent_turns DROP CONSTRAINT agent_turns_pkey; ALTER TABLE agent_turns ALTER uid DROP NOT NULL; ALTER TABLE agent_turns REPLICA IDENTITY FULL',
      ),
    );
    const records = await sandbox.captured(
      sql(`
      INSERT INTO agent_turns (uid, session_uid) VALUES ('f1', 's1'), (NULL, 's1');
      UPDATE agent_turns SET uid = 'f2' WHERE uid = 'f1';
      UPDATE agent_turns SET session_uid = 's2' WHERE uid = 'f2';
      DELETE FROM agent_turns WHERE uid = 'f2'`),
    );
    expect(records.map(brief)).toEqual([
      'create agent_turns f1',
      'irrelevant: agent_turns: uid is null',
      'update agent_turns f2',
      'update agent_turns f2',
      'delete agent_turns f2',
    ]);
    expect(rowsOf(records).map(({ change }) => change.formerKey)).toEqual([null, 'f1', null, null]);
  });
});

describe('a NULL', () => {
  it('in a column with DEFAULT now() is null, and the default is the moment', async () => {
    await pool.query('ALTER TABLE human_turns ALTER created_at SET DEFAULT now()');
    const records = await sandbox.captured(
      sql(`
      INSERT INTO human_turns (uid, created_at) VALUES ('n1', NULL);
      INSERT INTO human_turns (uid) VALUES ('n2')`),
    );
    const moments = rowsOf(records).map(({ change, origin }) =>
      change.table === 'human_turns' && change.row!.createdAt !== null
        ? Math.abs(change.row!.createdAt - origin.committedAt) < 60_000
        : null,
    );
    expect(moments).toEqual([null, true]);
  });
});

describe('heartbeats', () => {
  it('come without changes, with rising LSNs and commit times', async () => {
    const from = sandbox.records.length;
    await sandbox.until(() => sandbox.records.length >= from + 10);
    const beats = sandbox.records
      .slice(from)
      .flatMap((record) => (record.kind === 'heartbeat' ? [record.origin] : []));
    expect(beats.length).toBeGreaterThanOrEqual(10);
    for (const [index, beat] of beats.slice(1).entries()) {
      expect(beat.lsn).toBeGreaterThan(beats[index]!.lsn);
      expect(beat.committedAt).toBeGreaterThanOrEqual(beats[index]!.committedAt);
    }
  });

  it('of another prefix do not arrive', async () => {
    expect(
      await sandbox.captured(sql("SELECT pg_logical_emit_message(true, 'other', 'x')")),
    ).toEqual([]);
  });

  it('move the slot on while the tables are idle', async () => {
    const lsn = await sandbox.currentLsn();
    const confirmed = async () => {
      const { rows } = await pool.query<{ behind: boolean }>(
        'SELECT confirmed_flush_lsn < $2 AS behind FROM pg_replication_slots WHERE slot_name = $1',
        [sandbox.name, `${Math.floor(lsn / 2 ** 32).toString(16)}/${(lsn % 2 ** 32).toString(16)}`],
      );
      return !rows[0]!.behind;
    };
    while (!(await confirmed())) await waiting.delay(100);
  });
});

describe('registering again', () => {
  it('changes nothing, or only what differs, and goes on with the stream', async () => {
    expect(await sandbox.connect()).toMatchObject({
      connector: 'unchanged',
      publication: 'unchanged',
    });
    const slower = sandbox.settings({ heartbeatIntervalMs: 150 });
    expect(await sandbox.connect(slower)).toMatchObject({ connector: 'updated' });
    const records = await sandbox.captured(sql("INSERT INTO sessions VALUES ('later', 'a', '')"));
    expect(records.map(brief)).toContain('create sessions later');
  });

  it('adds the tables that the publication lacks', async () => {
    await pool.query(`ALTER PUBLICATION ${sandbox.name} DROP TABLE ${sandbox.name}.human_turns`);
    expect(await sandbox.connect()).toMatchObject({ publication: 'updated' });
    const records = await sandbox.captured(sql("INSERT INTO human_turns (uid) VALUES ('again')"));
    expect(records.map(brief)).toContain('create human_turns again');
  });

  it('names no setting that this Debezium does not know', async () => {
    const config = renderConnector(sandbox.settings());
    const answer = await fetch(
      `${addresses.connect.url}/connector-plugins/${config['connector.class']}/config`,
    );
    const known = new Set(((await answer.json()) as { name: string }[]).map(({ name }) => name));
    const others =
      /^(?:(?:key|value|header)\.converter\.|transforms\.route\.|producer\.override\.|topic\.creation\.default\.)/;
    // It lists a setting that has a number in its name by this pattern.
    const listed = (name: string) => known.has(name.replace(/\d+/, '(d+)')) || known.has(name);
    expect(Object.keys(config).filter((name) => !listed(name) && !others.test(name))).toEqual([]);
  });
});

describe('the pre-flight check', () => {
  const other = new CaptureSandbox();

  afterAll(() => other.drop());

  const check = async () => {
    const { failures } = await checkCapture(other.settings(), { postgres: other.pool, waiting });
    return failures;
  };

  it('tells a schema that is not there, and every table of it', async () => {
    const failures = await check();
    expect(failures).toHaveLength(5);
    expect(failures[0]).toBe(
      `Database ${addresses.postgres.database} has no schema ${other.name}: set TURNSTREAM_POSTGRES_SCHEMA to the schema of the four tables.`,
    );
  });

  it('tells tables without identity, with other types or columns, all at once, and changes nothing', async () => {
    await other.createSchema();
    await other.pool.query(`
      DROP TABLE sessions;
      ALTER TABLE steps DROP CONSTRAINT steps_pkey;
      CREATE UNIQUE INDEX steps_identity ON steps (agent_turn_uid, idx);
      ALTER TABLE human_turns ALTER created_at TYPE timestamp;
      ALTER TABLE human_turns DROP prompt`);
    const failures = await check();
    expect(failures).toEqual([
      expect.stringMatching(/^Table .*\.sessions does not exist: /),
      expect.stringMatching(/human_turns has no column prompt/),
      expect.stringMatching(/created_at of .*human_turns is timestamp without time zone/),
      expect.stringMatching(
        /steps has no primary key.*REPLICA IDENTITY USING INDEX steps_identity;\.$/,
      ),
    ]);
    await expect(other.connect()).rejects.toMatchObject({ code: 'PREFLIGHT' });
    const { rows } = await other.pool.query('SELECT FROM pg_publication WHERE pubname = $1', [
      other.name,
    ]);
    expect(rows).toEqual([]);
    await other.pool.query(`
      CREATE TABLE sessions (uid varchar PRIMARY KEY, account_uid varchar, title varchar);
      ALTER TABLE steps REPLICA IDENTITY USING INDEX steps_identity;
      ALTER TABLE human_turns ADD prompt varchar, ALTER created_at TYPE timestamptz`);
    expect(await check()).toEqual([]);
  });

  it('tells what a role lacks, with the statements that give it', async () => {
    const role = `${other.name}_role`;
    const client = await other.pool.connect();
    try {
      await client.query(`CREATE ROLE ${role}; SET ROLE ${role}`);
      const { failures } = await checkCapture(
        { ...other.settings(), postgres: { ...other.settings().postgres, user: role } },
        { postgres: client, waiting },
      );
      expect(failures.map((failure) => failure.replaceAll(other.name, 'X'))).toEqual([
        'Role X_role may not replicate: run ALTER ROLE X_role WITH REPLICATION; (on Amazon RDS, GRANT rds_replication TO X_role;).',
        'Role X_role may not use schema X: run GRANT USAGE ON SCHEMA X TO X_role;.',
        ...['sessions', 'human_turns', 'agent_turns', 'steps'].map(
          (table) =>
            `Role X_role may not read X.${table}: run GRANT SELECT ON X.${table} TO X_role;.`,
        ),
        expect.stringMatching(
          /^Publication X is missing .* run CREATE PUBLICATION X FOR TABLE X\.sessions, /,
        ),
      ]);
    } finally {
      await client.query(`RESET ROLE; DROP ROLE ${role}`);
      client.release();
    }
  });
});

describe('what Kafka Connect refuses', () => {
  it('is told with its reason', async () => {
    const wrong = sandbox.settings({ postgresPort: 1, name: `${sandbox.name}_wrong` });
    await expect(sandbox.connect(wrong)).rejects.toMatchObject({
      code: 'CONNECT',
      message: expect.stringContaining('refused connector'),
    });
    const absent = sandbox.settings({ url: 'http://127.0.0.1:1' });
    await expect(sandbox.connect(absent)).rejects.toMatchObject({
      code: 'CONNECT',
      retriable: true,
    });
  });
});
