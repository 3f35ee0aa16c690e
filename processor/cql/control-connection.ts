/**
 * The driver's connection for what it learns of the cluster, made fit for a cluster that goes away. Of the
 * driver (4.10), each time that the connection is lost:
 *
 * - every new connection is watched twice, so that its loss begins two refreshes, the next one four, …;
 * - refreshes beside each other take each other's connection away and reject (“reading 'once'” of null), and
 *   of those that a timer began nobody hears it: an unhandled rejection ends a process.
 *
 * Here a connection is watched once, one refresh is under way at a time, and one that rejects, or ends with a
 * connection that is lost again, is made once more after a pause.
 */
import type { Client } from 'cassandra-driver';

type Connection = { readonly connected: boolean };

/** What is used of the driver's insides. */
export type Refreshing = {
  _refresh: (hosts?: unknown) => Promise<void>;
  _setHealthListeners: (host: unknown, connection: Connection) => void;
  readonly connection: Connection | null;
  readonly _isShuttingDown: boolean;
};

export function refreshingOf(client: Client): Refreshing {
  return (client as unknown as { readonly controlConnection: Refreshing }).controlConnection;
}

export function keepRefreshing(control: Refreshing, pauseMs: number): void {
  watchOnce(control);
  const refresh = control._refresh.bind(control);
  let underWay = false;
  const attempt = async (): Promise<void> => {
    underWay = true;
    const failed = await refresh().then(
      () => false,
      () => true,
    );
    underWay = false;
    // Without a connection, and no failure, the driver has planned its next try.
    if (failed || control.connection?.connected === false) setTimeout(again, pauseMs).unref();
  };
  const again = () => {
    if (!control._isShuttingDown && !underWay) void attempt();
  };
  control._refresh = async (hosts) => {
    // A refresh that goes on with its next host hears itself of what comes of it.
    if (hosts !== undefined) return refresh(hosts);
    if (!underWay) await attempt();
  };
}

function watchOnce(control: Refreshing): void {
  const watch = control._setHealthListeners.bind(control);
  const watched = new WeakSet<Connection>();
  control._setHealthListeners = (host, connection) => {
    if (connection === null || watched.has(connection)) return;
    watched.add(connection);
    watch(host, connection);
  };
}
