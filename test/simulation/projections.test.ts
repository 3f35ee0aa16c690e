import { expect, test } from 'vitest';
import {
  agentTurnFact,
  humanTurnFact,
  sessionFact,
  stepFact,
} from '../../processor/projection/facts.ts';
import {
  countsByAccount,
  everything,
  fragile,
  poison,
  simulatedProjections,
} from './projections.ts';

test.each([sessionFact(), humanTurnFact(), agentTurnFact(), stepFact()])(
  'a row of everything shows every column of a $kind',
  (fact) => {
    const row = JSON.stringify(everything.rows(fact));
    for (const [name, value] of Object.entries(fact)) {
      if (name === 'kind') continue;
      const other = typeof value === 'number' ? value + 7 : 'other';
      const changed = JSON.stringify(everything.rows({ ...fact, [name]: other } as typeof fact));
      expect(changed, name).not.toBe(row);
    }
  },
);

test('a fact without an account is counted apart from one of any name', () => {
  const keys = [null, '', '-'].map(
    (accountUid) => countsByAccount.contribute(stepFact({ accountUid }))[0]?.key[0],
  );
  expect(keys).toEqual(['-', '+', '+-']);
});

test('fragile throws on poison and on nothing else', () => {
  expect(fragile.rows(stepFact({ content: null }))).toHaveLength(1);
  expect(() => fragile.rows(stepFact({ content: `a ${poison} b` }))).toThrow('poisonous');
});

test('what cannot hold when events are cut is not hosted then', () => {
  const names = (cutsEvents: boolean) =>
    simulatedProjections({ cutsEvents }).compared.map(({ name }) => name);
  expect(names(false)).toContain('slots');
  expect(names(true)).not.toContain('slots');
  expect(names(false)).not.toContain('fragile');
});
