/**
 * The driver's connection for what it learns of the cluster, made fit for a cluster that goes away: its
 * refresh rejects when the connection breaks again before it is done (“reading 'once'” of null, 4.10), and
 * of those that a timer began nobody hears it. An unhandled rejection ends a process. Here the rejection
 * counts as one more try that failed, and another is made after a pause, unless one is under way.
 */
import type { Client } from 'cassandra-driver';

/** What is used of the driver's insides. */
export type Refreshing = {
  _refresh: (hosts?: unknown) => Promise<void>;
  readonly _isShuttingDown: boolean;
};

export function refreshingOf(client: Client): Refreshing {
  return (client as unknown as { readonly controlConnection: Refreshing }).controlConnection;
}

export function keepRefreshing(control: Refreshing, pauseMs: number): void {
  const refresh = control._refresh.bind(control);
  let underWay = 0;
  control._refresh = async (hosts) => {
    // A refresh goes on with its next host: its own caller hears of it.
    if (hosts !== undefined) return refresh(hosts);
    underWay += 1;
    const failed = await refresh(hosts).then(
      () => false,
      () => true,
    );
    underWay -= 1;
    if (!failed || underWay > 0) return;
    const again = setTimeout(() => {
      if (!control._isShuttingDown && underWay === 0) void control._refresh();
    }, pauseMs);
    again.unref();
  };
}
