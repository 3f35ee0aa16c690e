import { expect, test } from 'vitest';
import type { Fact } from '../../../processor/conversation/fact.ts';
import {
  agentTurnFact,
  humanTurnFact,
  sessionFact,
  stepFact,
} from '../../../processor/projection/facts.ts';
import { sameFacts } from './same-facts.ts';

test.each([sessionFact(), humanTurnFact(), agentTurnFact(), stepFact()])(
  'a $kind that differs in any one column is not the same',
  (fact) => {
    expect(sameFacts(fact, { ...fact })).toBe(true);
    for (const column of Object.keys(fact)) {
      expect(sameFacts(fact, { ...fact, [column]: 'other' } as unknown as Fact), column).toBe(
        false,
      );
    }
    expect(sameFacts(fact, null)).toBe(false);
  },
);
