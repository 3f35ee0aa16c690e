/**
 * The chart's files/grants.sql, by psql as its Job runs it: the user that it makes passes the pre-flight check, and
 * running it again changes nothing. Without psql in PATH it does not run.
 */
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFacts } from '../../connectors/facts.ts';
import { preflight } from '../../connectors/preflight.ts';
import { exampleSettings } from '../../connectors/settings-example.ts';
import { stackAddresses } from '../../local/stack.ts';
import { tables } from './support/capture-sandbox.ts';

const isMissing = spawnSync('psql', ['--version']).status !== 0;
if (isMissing) console.warn('grants.sql was not run: psql is not in PATH.');

const { postgres } = stackAddresses();
const name = `grants_${randomBytes(4).toString('hex')}`;
const password = "it's a secret";
const names = { sessions: 'Chats', human_turns: 'questions', agent_turns: 'a', steps: 'steps' };
const owner = new pg.Pool({ ...postgres, options: `-c search_path=${name}` });

function runScript(): Promise<unknown> {
  const env = {
    PATH: process.env['PATH'],
    PGHOST: postgres.host,
    PGPORT: String(postgres.port),
    PGDATABASE: postgres.database,
    PGUSER: postgres.user,
    PGPASSWORD: postgres.password,
    CAPTURE_USER: name,
    CAPTURE_PASSWORD: password,
    CAPTURE_SCHEMA: name,
    CAPTURE_TABLES: Object.values(names).join(),
    CAPTURE_PUBLICATION: name,
    CAPTURE_REPLICATION: 'attribute',
  };
  const script = '--file=helm/turnstream/files/grants.sql';
  return promisify(execFile)('psql', ['--no-psqlrc', '--set=ON_ERROR_STOP=1', script], { env });
}

describe.skipIf(isMissing)('the script of grants', () => {
  beforeAll(() =>
    owner.query(`CREATE SCHEMA ${name}; ${tables}
      ALTER TABLE sessions RENAME TO "Chats";
      ALTER TABLE human_turns RENAME TO questions;
      ALTER TABLE agent_turns RENAME TO a`),
  );

  afterAll(async () => {
    await owner.query(`DROP PUBLICATION IF EXISTS ${name}; DROP SCHEMA ${name} CASCADE`);
    await owner.query(`DROP OWNED BY ${name}; DROP ROLE ${name}`);
    await owner.end();
  });

  test.each(['once', 'again'])('%s, it leaves a user that may capture', async () => {
    await runScript();
    const client = new pg.Client({ ...postgres, user: name, password });
    await client.connect();
    try {
      const settings = {
        ...exampleSettings,
        postgres: { ...exampleSettings.postgres, ...postgres, schema: name, tables: names },
        connector: { ...exampleSettings.connector, slot: name, publication: name },
      };
      const facts = await readFacts(client, settings);
      expect(facts.server).toMatchObject({ role: name, superuser: false, mayReplicate: true });
      expect(facts.publication?.tables.toSorted()).toEqual(Object.keys(names).toSorted());
      expect(preflight(facts, settings)).toEqual({ failures: [], notes: [] });
    } finally {
      await client.end();
    }
  });
});
