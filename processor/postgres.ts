/**
 * Postgres as pg's clients want it described, from the settings. A client that loses its
 * connection between queries emits 'error', which ends the process unless somebody listens:
 * whoever makes a client listens.
 */
import type { ClientConfig } from 'pg';
import type { Config } from './config.ts';

export function postgresClientConfig(
  settings: Config['postgres'],
  applicationName: string,
): ClientConfig {
  return {
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    password: settings.password,
    ssl:
      settings.sslMode === 'disable'
        ? false
        : { rejectUnauthorized: settings.sslMode === 'verify-full' },
    connectionTimeoutMillis: 10_000,
    application_name: applicationName,
  };
}
