/**
 * What the lag metrics ask of Postgres: the current LSN and the state of the replication slot. One
 * connection, made on first use and again after a failure; a query never hangs longer than its
 * timeout.
 */
import pg from 'pg';
import type { Config } from '../config.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import { postgresClientConfig } from '../postgres.ts';
import { type Lsn, parseLsn } from '../source/lsn.ts';
import { type SlotReport, type SlotStatus, slotStatuses } from './scraped.ts';

export type PrimaryReport = { readonly currentLsn: Lsn; readonly slot: SlotReport };

const queryTimeoutMs = 5000;

const query = `
  select p.lsn::text as lsn, s.slot_name is not null as present, s.wal_status, s.active,
         pg_wal_lsn_diff(p.lsn, s.restart_lsn)::float8 as retained
    from (select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                      else pg_current_wal_lsn() end as lsn) p
    left join pg_replication_slots s on s.slot_name = $1`;

type PrimaryRow = {
  readonly lsn: string;
  readonly present: boolean;
  readonly wal_status: string | null;
  readonly active: boolean | null;
  readonly retained: number | null;
};

export class PrimaryProbe {
  readonly #settings: Config['postgres'];
  readonly #slotName: string;
  #client: pg.Client | undefined;

  constructor(settings: Config['postgres'], slotName: string) {
    this.#settings = settings;
    this.#slotName = slotName;
  }

  async report(): Promise<PrimaryReport> {
    try {
      const client = this.#client ?? (await this.#connect());
      const { rows } = await client.query<PrimaryRow>(query, [this.#slotName]);
      return reportOf(this.#slotName, rows[0]);
    } catch (thrown) {
      await this.close();
      const { host, port } = this.#settings;
      throw new TurnstreamError(
        'CONNECT',
        `Postgres at ${host}:${port} can't be asked for its LSN and the slot ${this.#slotName} (${messageOf(thrown)}); check that it runs and the TURNSTREAM_POSTGRES_… settings.`,
        { retriable: true, cause: thrown },
      );
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    // A connection that is already broken fails to close; there is nothing left to release then.
    await client?.end().catch(() => undefined);
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      ...postgresClientConfig(this.#settings, 'turnstream lag'),
      query_timeout: queryTimeoutMs,
    });
    client.on('error', () => {
      if (this.#client === client) this.#client = undefined;
    });
    await client.connect();
    this.#client = client;
    return client;
  }
}

function reportOf(name: string, row: PrimaryRow | undefined): PrimaryReport {
  const currentLsn = parseLsn(row?.lsn ?? '');
  if (row === undefined || currentLsn === undefined) throw new Error('the answer has no LSN');
  const slot: SlotReport = {
    name,
    status: row.present ? statusOf(row.wal_status) : 'missing',
    active: row.active ?? false,
    retainedBytes: row.retained,
  };
  return { currentLsn, slot };
}

/** A fresh slot has no status yet: it holds nothing back. */
function statusOf(walStatus: string | null): SlotStatus {
  return slotStatuses.find((status) => status === walStatus) ?? 'reserved';
}
