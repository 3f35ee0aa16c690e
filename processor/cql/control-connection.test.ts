import { Client } from 'cassandra-driver';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { keepRefreshing, type Refreshing, refreshingOf } from './control-connection.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Its refreshes end when the test says so. */
class Control implements Refreshing {
  _isShuttingDown = false;
  connection: { connected: boolean } | null = null;
  readonly watched: unknown[] = [];
  readonly begun: { readonly done: () => void; readonly fail: () => void }[] = [];

  _refresh(_hosts?: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new TypeError("Cannot read properties of null (reading 'once')"));
      this.begun.push({ done: resolve, fail });
    });
  }

  _setHealthListeners(_host: unknown, connection: unknown): void {
    this.watched.push(connection);
  }
}

function control(): Control {
  const made = new Control();
  keepRefreshing(made, 100);
  return made;
}

describe('a refresh of the driver', () => {
  test('that rejects is heard by nobody, and made again after a pause', async () => {
    const one = control();
    const first = one._refresh();
    one.begun[0]?.fail();
    await first;
    expect(one.begun).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(one.begun).toHaveLength(2);
  });

  test('is under way once, however often it is asked for', async () => {
    const one = control();
    const first = one._refresh();
    await Promise.all([one._refresh(), one._refresh()]);
    one.begun[0]?.done();
    await first;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(one.begun).toHaveLength(1);
    void one._refresh();
    expect(one.begun).toHaveLength(2);
  });

  test('whose connection was lost meanwhile is made again', async () => {
    const one = control();
    const first = one._refresh();
    one.connection = { connected: false };
    one.begun[0]?.done();
    await first;
    await vi.advanceTimersByTimeAsync(100);
    expect(one.begun).toHaveLength(2);
  });

  test('that found nobody is left to the driver, which has planned the next', async () => {
    const one = control();
    const first = one._refresh();
    one.begun[0]?.done();
    await first;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(one.begun).toHaveLength(1);
  });

  test('hears itself of what comes of its next host', async () => {
    const one = control();
    const next = one._refresh([]);
    one.begun[0]?.fail();
    await expect(next).rejects.toThrow('once');
  });

  test('is not made again for a client that is shut down', async () => {
    const one = control();
    const first = one._refresh();
    one.begun[0]?.fail();
    await first;
    one._isShuttingDown = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(one.begun).toHaveLength(1);
  });
});

test('a connection is watched once', () => {
  const one = control();
  const [first, second] = [{ connected: true }, { connected: true }];
  for (const each of [first, first, second]) one._setHealthListeners(null, each);
  expect(one.watched).toEqual([first, second]);
});

test('the driver has what is used of its insides', () => {
  const one = refreshingOf(new Client({ contactPoints: ['x'], localDataCenter: 'd' }));
  expect(typeof one._refresh).toBe('function');
  expect(typeof one._setHealthListeners).toBe('function');
  expect(one.connection).toBeNull();
  expect(one._isShuttingDown).toBe(false);
});
