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
  readonly begun: { readonly done: () => void; readonly fail: () => void }[] = [];

  _refresh(_hosts?: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new TypeError("Cannot read properties of null (reading 'once')"));
      this.begun.push({ done: resolve, fail });
    });
  }
}

describe('a refresh of the driver that rejects', () => {
  test('is heard by nobody, and made again after a pause', async () => {
    const control = new Control();
    keepRefreshing(control, 100);
    const first = control._refresh();
    control.begun[0]?.fail();
    await first;
    expect(control.begun).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(control.begun).toHaveLength(2);
  });

  test('for its next host is heard by the refresh itself', async () => {
    const control = new Control();
    keepRefreshing(control, 100);
    const next = control._refresh([]);
    control.begun[0]?.fail();
    await expect(next).rejects.toThrow('once');
  });

  test('is left to the one that began meanwhile', async () => {
    const control = new Control();
    keepRefreshing(control, 100);
    const first = control._refresh();
    const second = control._refresh();
    control.begun[0]?.fail();
    await first;
    control.begun[1]?.done();
    await second;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(control.begun).toHaveLength(2);
  });

  test('is not made again for a client that is shut down', async () => {
    const control = new Control();
    keepRefreshing(control, 100);
    const first = control._refresh();
    control.begun[0]?.fail();
    await first;
    control._isShuttingDown = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(control.begun).toHaveLength(1);
  });
});

test('the driver has what is used of its insides', () => {
  const control = refreshingOf(new Client({ contactPoints: ['x'], localDataCenter: 'd' }));
  expect(typeof control._refresh).toBe('function');
  expect(control._isShuttingDown).toBe(false);
});
