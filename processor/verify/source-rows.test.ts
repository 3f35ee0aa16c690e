import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseInstant } from '../source/instant.ts';
import { instantOfMicros, stepOf, turnOf } from './source-rows.ts';
import { type FoundColumns, sourceSql } from './source-sql.ts';

test('a moment is what the sequencer reads of the same one', () => {
  const micros = fc.bigInt({ min: -210_866_803_200_000_000n, max: 8_640_000_000_000_000_000n });
  fc.assert(
    fc.property(fc.oneof(micros, fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n })), (at) => {
      const ms = at / 1000n - (at % 1000n < 0n ? 1n : 0n);
      const rest = String(((at % 1000n) + 1000n) % 1000n).padStart(3, '0');
      const text = `${new Date(Number(ms)).toISOString().replace(/Z$/, '')}${rest}Z`;
      expect(instantOfMicros(String(at))).toBe(parseInstant(text));
    }),
  );
  // Beyond what a Date holds, which Postgres has and nobody can show.
  expect(instantOfMicros('9223371331200000000')).toBeNull();
  expect(instantOfMicros(null)).toBeNull();
});

test('cells that are NULL are null, numbers are numbers', () => {
  expect(stepOf(['t', '-2', null, null, null])).toEqual({
    agentTurnUid: 't',
    idx: -2,
    tpe: null,
    content: null,
    createdAt: null,
  });
  expect(turnOf(['u', 's', null, 'c', 'p', '1500']).createdAt).toBe(1.5);
});

const named = {
  sessions: 'sessions',
  human_turns: 'Questions',
  agent_turns: 'agent_turns',
  steps: 'steps',
};

const found = (without: readonly string[] = []): FoundColumns => {
  const columns = (...names: readonly string[]) =>
    new Map(
      names
        .filter((name) => !without.includes(name))
        .map((name) => [
          name,
          name === 'created_at' ? 'timestamp with time zone' : 'character varying',
        ]),
    );
  const turn = ['uid', 'session_uid', 'parent_uid', 'active_child', 'created_at'];
  return {
    sessions: columns('uid', 'account_uid', 'title'),
    human_turns: columns(...turn, 'prompt'),
    agent_turns: columns(...turn),
    steps: columns('agent_turn_uid', 'idx', 'tpe', 'content', 'created_at'),
  };
};

test('texts are cut where the connector cuts them, and a row with too long an identifier is left out', () => {
  const sql = sourceSql({ schema: 'odd"name', tables: named }, found(), 1000);
  expect(sql.steps).toContain('left(content::text, 1000)');
  expect(sql.humanTurns).toContain('FROM "odd""name"."Questions"');
  for (const column of ['uid', 'session_uid', 'parent_uid', 'active_child']) {
    expect(sql.agentTurns).toContain(`coalesce(octet_length(${column}::text), 0) <= 32000`);
  }
});

test('an optional column that a customer lacks is null, one that is needed is asked for', () => {
  const turns = { ...found(), agent_turns: found(['parent_uid', 'created_at']).agent_turns };
  const sql = sourceSql({ schema: 'public', tables: named }, turns, 1000);
  expect(sql.agentTurns).toMatch(
    /SELECT uid::text, session_uid::text, NULL, active_child::text, NULL, NULL FROM/,
  );
  expect(sql.since).toContain('AND false');
  const steps = { ...found(), steps: found(['content']).steps };
  expect(() => sourceSql({ schema: 'public', tables: named }, steps, 1000)).toThrow(
    'steps has no column content',
  );
});
