/** What a large fan-out holds in memory: no more than its limit and one event (I10). */
import { expect, test } from 'vitest';
import type { Lsn } from '../source/lsn.ts';
import type { RowChange } from '../source/row-change.ts';
import { foldChange } from './fold.ts';
import { foldDefaults, segmentDefaults } from './limits.ts';
import { MemoryDriver } from './memory-driver.ts';
import { momentOf } from './moment.ts';

const eventBytesTarget = 2_000;

/** Its fullest moment, in events. */
class WatchedDriver extends MemoryDriver {
  eventsMax = 0;
  readonly parts: number[] = [];

  override publish(): void {
    this.eventsMax = Math.max(this.eventsMax, this.workspace.events.length);
    this.parts.push(this.workspace.events.length);
    super.publish();
  }
}

function driverOf(pendingEventBytesMax: number): WatchedDriver {
  const sizes = { eventBytesTarget, pendingEventBytesMax };
  const driver = new WatchedDriver({ ...foldDefaults, ...segmentDefaults, ...sizes });
  let offset = 0;
  const fold = (change: RowChange) => {
    const origin = { lsn: (offset + 1) as Lsn, transactionId: 1, committedAt: 0, capturedAt: 0 };
    const rest = { origin, isNew: true, isRead: false, sweep: null };
    driver.run(
      foldChange(driver.workspace, change, [
        momentOf(0, offset, 0, rest),
        momentOf(0, offset, 1, rest),
      ]),
    );
    driver.flush();
    offset += 1;
  };
  const turn = (sessionUid: string): RowChange => {
    const row = { uid: 't', sessionUid, parentUid: null, activeChild: null, prompt: null };
    const rest = { operation: 'create', key: 't', formerKey: null } as const;
    return { table: 'agent_turns', ...rest, row: { ...row, createdAt: 1 } };
  };
  const session = (accountUid: string): RowChange => {
    const row = { uid: 's', accountUid, title: null };
    return { table: 'sessions', operation: 'create', key: 's', formerKey: null, row };
  };
  fold(session('a'));
  fold(turn('s'));
  for (let idx = 0; idx < 200; idx += 1) {
    const key = { agentTurnUid: 't', idx };
    const row = { ...key, tpe: 1, content: 'content', createdAt: idx };
    fold({ table: 'steps', operation: 'create', key, formerKey: null, row });
  }
  driver.eventsMax = 0;
  fold(session('b'));
  fold(turn('other'));
  return driver;
}

test('a session that moves, and a turn with its steps, are told in parts, the same whatever the parts', () => {
  const whole = driverOf(Number.POSITIVE_INFINITY);
  const inParts = driverOf(5_000);
  expect(whole.eventsMax).toBeGreaterThan(20);
  expect(inParts.eventsMax).toBeLessThanOrEqual(4);
  expect(inParts.parts.filter((events) => events > 0).length).toBeGreaterThan(20);
  expect(inParts.events).toEqual(whole.events);
});
