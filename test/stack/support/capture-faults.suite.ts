/**
 * The promise of capture under faults as a suite with sizes: short in test/stack/, long in
 * test/chaos/. In the exactly-once mode the stack's Connect is started again as such a worker, and
 * put back at the end.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSettings } from '../../../local/settings.ts';
import { startServer, stopServer } from '../../../local/stack.ts';
import { createKafkaLog } from '../../../processor/kafka/kafkajs-log.ts';
import { kafkaDefaults } from '../../../processor/kafka/kafkajs-options.ts';
import type { LogAdmin } from '../../../processor/kafka/log.ts';
import {
  copyStatement,
  type Environment,
  type FaultyRun,
  insertStatement,
  insertTurns,
  middle,
  runWithKills,
  type Statement,
  statementOf,
  updateStatement,
} from './capture-faults.ts';
import { ChangesReader } from './changes-reader.ts';
import { Spine } from './spine.ts';

export type CaptureFaults = {
  readonly delivery: 'at-least-once' | 'exactly-once';
  readonly copyRows: number;
  /** Of the transaction of INSERTs, and of that of UPDATEs; 0 leaves both out. */
  readonly transactionRows: number;
  /** In the middle of each statement. */
  readonly kills: number;
  readonly seed: number;
};

const limitMs = 900_000;

export function describeCaptureFaults(faults: CaptureFaults): void {
  const { delivery, copyRows, transactionRows, kills, seed } = faults;
  const mode = readSettings(process.env).connectExactlyOnce;
  const wantedMode = delivery === 'exactly-once' ? 'enabled' : 'disabled';
  const connectEnvironment: Environment = {
    ...process.env,
    TURNSTREAM_LOCAL_CONNECT_EXACTLY_ONCE: wantedMode,
  };
  const spine = new Spine({ TURNSTREAM_CONNECT_DELIVERY_MODE: delivery });
  const changesTopic = `${spine.name}.changes`;
  const reader = new ChangesReader(changesTopic, statementOf);
  const say = (line: string) => console.log(`${delivery}: ${line}`);
  let admin: LogAdmin;

  describe(`${delivery}, ${kills} × Connect killed in each statement, seed ${seed}`, () => {
    beforeAll(async () => {
      if (wantedMode !== mode) await restartConnect(connectEnvironment);
      const { brokers } = spine.addresses.kafka;
      const options = { ...kafkaDefaults, brokers, clientId: 'capture', logger: () => undefined };
      admin = await createKafkaLog(options).admin();
      await spine.prepare();
      await insertTurns(spine.pool, 'COPY', copyRows);
      if (transactionRows > 0) await insertTurns(spine.pool, 'INSERTs', transactionRows);
      await reader.start();
      spine.startBoth();
      await spine.caughtUp();
    }, limitMs);

    afterAll(async () => {
      await reader.stop();
      await admin.close();
      await spine.drop();
      if (wantedMode !== mode) await restartConnect(process.env);
    }, limitMs);

    const transactions: readonly (readonly [string, Statement])[] = [
      [`a transaction of ${transactionRows} INSERTs`, insertStatement(transactionRows)],
      [`a transaction of ${transactionRows} UPDATEs`, updateStatement(transactionRows)],
    ];
    const statements: readonly (readonly [string, Statement])[] = [
      [`a COPY of ${copyRows} rows`, copyStatement(copyRows)],
      ...(transactionRows === 0 ? [] : transactions),
    ];

    test.each(statements)(
      'every row of %s arrives',
      async (_, statement) => {
        const run: FaultyRun = {
          ...{
            pool: spine.pool,
            reader,
            admin,
            changesTopic,
            kills,
            seed,
            connectEnvironment,
            say,
          },
        };
        const fell = await runWithKills(statement, run);
        for (const { share } of fell) {
          expect(share, 'the kill was not in the middle').toBeGreaterThan(middle.min);
          expect(share, 'the kill was not in the middle').toBeLessThan(middle.max);
        }
        const { distinct, records } = reader.tally(statement.name);
        expect(distinct).toBe(statement.rows);
        if (delivery === 'exactly-once') expect(records - distinct, 'duplicates').toBe(0);
        // At least once is what it says: without a row that comes again the kills hit nothing.
        else expect(records - distinct, 'rows that came again').toBeGreaterThan(0);
      },
      limitMs,
    );

    test(
      'the read models equal SQL over Postgres, key by key',
      async () => {
        const startedAt = performance.now();
        expect(await spine.judged()).toBeNull();
        say(`judged ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the last row`);
      },
      limitMs,
    );
  });
}

async function restartConnect(environment: Environment): Promise<void> {
  await stopServer('connect', environment);
  await startServer('connect', environment);
}
