import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Statement } from './rows.ts';
import { type Options, parseSettings } from './settings.ts';
import { planConversation } from './shape.ts';

type Of<Kind extends Statement['kind']> = Extract<Statement, { kind: Kind }>;

const endAtMs = Date.UTC(2026, 2, 1, 12);
const settingsOf = (options: Partial<Options> = {}) => parseSettings({ endAtMs, ...options });

function statementsOf(sessions: number, options: Partial<Options> = {}) {
  const settings = settingsOf({ sessions, ...options });
  return Array.from({ length: sessions }, (_, number) =>
    planConversation(settings, number).transactions.flatMap(({ statements }) => statements),
  );
}

function of<Kind extends Statement['kind']>(kind: Kind, statements: readonly Statement[]) {
  return statements.filter((statement): statement is Of<Kind> => statement.kind === kind);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function near(value: number, wanted: number, tolerance: number, what: string): void {
  expect(value, what).toBeGreaterThanOrEqual(wanted * (1 - tolerance));
  expect(value, what).toBeLessThanOrEqual(wanted * (1 + tolerance));
}

describe('a planned conversation', () => {
  it('is the same for the same seed and number, and another for another', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 10_000 }), (seed, number) => {
        const settings = settingsOf({ seed, roundsMax: 20, hugeTextRatio: 0 });
        const plan = planConversation(settings, number);
        expect(planConversation(settings, number)).toEqual(plan);
        const other = planConversation(settings, number + 1);
        expect(other.sessionUid).not.toBe(plan.sessionUid);
        const otherSeed = planConversation({ ...settings, seed: seed + 1 }, number);
        expect(otherSeed.sessionUid).not.toBe(plan.sessionUid);
      }),
    );
  });

  it('never refers to a row that was not inserted before, and inserts no key twice', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 5000 }), (seed, number) => {
        const settings = settingsOf({ seed, roundsMax: 30, agenticRatio: 0.5, hugeTextRatio: 0 });
        const known = new Set<string>();
        const add = (key: string) => {
          expect(known.has(key)).toBe(false);
          known.add(key);
        };
        const knows = (key: string | null) => expect(key === null || known.has(key)).toBe(true);
        const { transactions } = planConversation(settings, number);
        for (const statement of transactions.flatMap(({ statements }) => statements)) {
          if (statement.kind === 'insertStep') {
            knows(statement.agentTurnUid);
            add(`${statement.agentTurnUid}/${statement.idx}`);
          } else if (statement.kind === 'reviseStep') {
            knows(`${statement.agentTurnUid}/${statement.idx}`);
          } else if (statement.kind === 'selectChild') {
            knows(statement.uid);
            knows(statement.activeChild);
          } else if (statement.kind.startsWith('insert')) {
            if ('sessionUid' in statement) knows(statement.sessionUid);
            if ('parentUid' in statement) knows(statement.parentUid);
            add(statement.uid);
          } else {
            knows(statement.uid);
          }
        }
      }),
    );
  });

  it('has commit times that never fall, of which none is after the end', () => {
    const settings = settingsOf({ sessions: 200, agenticRatio: 0.1, spanHours: 2, roundsMax: 200 });
    for (let number = 0; number < 200; number += 1) {
      const { transactions } = planConversation(settings, number);
      const wrong = transactions.filter(
        ({ at, statements }, i) =>
          !Number.isSafeInteger(at) ||
          at < (transactions[i - 1]?.at ?? 0) ||
          at > endAtMs * 1000 ||
          statements.some((statement) => 'createdAt' in statement && statement.createdAt > at),
      );
      expect(wrong).toEqual([]);
    }
  });

  it('starts in its span, more often by day than by night', () => {
    const settings = settingsOf({ sessions: 4000, roundsMax: 1, spanHours: 240 });
    const hours = new Array<number>(24).fill(0);
    for (let number = 0; number < 4000; number += 1) {
      const at = planConversation(settings, number).transactions[0]?.at ?? 0;
      expect(at).toBeGreaterThanOrEqual((endAtMs - 240 * 3_600_000) * 1000);
      const hour = new Date(at / 1000).getUTCHours();
      hours[hour] = (hours[hour] ?? 0) + 1;
    }
    const busy = hours[13]! + hours[14]! + hours[15]!;
    const quiet = hours[1]! + hours[2]! + hours[3]!;
    near(busy / quiet, 3.4, 0.25, 'busiest against quietest');
  });
});

describe('many planned conversations', () => {
  const sessions = statementsOf(5000, { hugeTextRatio: 0 });
  const all = sessions.flat();
  const asked = of('insertHumanTurn', all);
  const answered = of('insertAgentTurn', all);
  const steps = of('insertStep', all);

  it('have a median of 2 rounds, a 99th percentile of about 30 and a long tail', () => {
    const rounds = sessions.map(
      (statements) => new Set(of('insertHumanTurn', statements).map((turn) => turn.parentUid)).size,
    );
    expect(quantile(rounds, 0.5)).toBe(2);
    near(quantile(rounds, 0.99), 30, 0.25, 'p99 of rounds');
    expect(Math.max(...rounds)).toBeGreaterThan(300);
  });

  it('are about 50 row changes each', () => {
    near(all.length / sessions.length, 55, 0.25, 'row changes');
  });

  it('have a median of 5 steps per agent turn, 10 at the 90th percentile, 19 at the 99th', () => {
    const perTurn = new Map(answered.map((turn) => [turn.uid, 0]));
    for (const step of steps) {
      perTurn.set(step.agentTurnUid, (perTurn.get(step.agentTurnUid) ?? 0) + 1);
    }
    const counts = [...perTurn.values()];
    expect(quantile(counts, 0)).toBeGreaterThan(0);
    expect(quantile(counts, 0.5)).toBe(5);
    near(quantile(counts, 0.9), 10, 0.1, 'p90 of steps');
    near(quantile(counts, 0.99), 19, 0.1, 'p99 of steps');
  });

  it('are regenerated 12 %, edited 6 %, unanswered 2 %, and ask for input 5 % of the time', () => {
    const answersOf = new Map(asked.map((turn) => [turn.uid, 0]));
    for (const turn of answered) {
      answersOf.set(turn.parentUid, (answersOf.get(turn.parentUid) ?? 0) + 1);
    }
    const counts = [...answersOf.values()];
    const share = (some: number, of: number) => some / of;
    near(share(counts.filter((n) => n > 1).length, counts.length), 0.12, 0.1, 'regenerated');
    near(share(counts.filter((n) => n === 0).length, counts.length), 0.02, 0.15, 'unanswered');
    const wordings = new Map<string, number>();
    for (const { sessionUid, parentUid } of asked) {
      const key = `${sessionUid}/${parentUid}`;
      wordings.set(key, (wordings.get(key) ?? 0) + 1);
    }
    const edited = [...wordings.values()].filter((n) => n > 1).length;
    near(share(edited, wordings.size), 0.06, 0.1, 'edited');
    const requests = steps.filter(({ tpe }) => tpe === 10).length;
    near(share(requests, answered.length), 0.05, 0.1, 'input requests');
  });

  it('are corrected, moved and deleted as often as the settings say', () => {
    near(of('reviseStep', all).length / answered.length, 0.03, 0.15, 'corrected');
    near(of('moveSession', all).length / sessions.length, 0.01, 0.35, 'moved');
    near(of('deleteSession', all).length / sessions.length, 0.01, 0.35, 'deleted');
  });

  it('have a think time of 124 s, counted from the last step of the answer', () => {
    const lastStepAt = new Map(steps.map((step) => [step.agentTurnUid, step.createdAt]));
    const thought = asked.flatMap(({ parentUid, createdAt }) => {
      const answeredAt = lastStepAt.get(parentUid ?? '');
      return answeredAt === undefined ? [] : [(createdAt - answeredAt) / 1e6];
    });
    near(quantile(thought, 0.5), 124, 0.15, 'median think time');
    near(quantile(thought, 0.1), 18, 0.25, 'p10 of think time');
  });

  it('have prompts of 82 and texts of 1,000 characters at the median, in several languages', () => {
    near(
      quantile(
        asked.slice(0, 5_000).map(({ prompt }) => [...prompt].length),
        0.5,
      ),
      82,
      0.1,
      'prompt',
    );
    const texts = steps
      .filter(({ tpe }) => tpe === 1)
      .slice(0, 5_000)
      .map(({ content }) => [...(JSON.parse(content) as { text: string }).text].length);
    near(quantile(texts, 0.5), 1000, 0.1, 'text');
    for (const sign of [/\p{Script=Han}/u, /\p{Script=Arabic}/u, /\p{Script=Devanagari}/u, /🎉/u]) {
      expect(asked.some(({ prompt }) => sign.test(prompt))).toBe(true);
    }
  });

  it('have JSON objects as content, types outside of the enumeration and clocks that lag', () => {
    const broken = steps.slice(0, 10_000).filter(({ content }) => {
      const halfOfAPair = Buffer.from(content).toString() !== content;
      return halfOfAPair || typeof JSON.parse(content) !== 'object';
    });
    expect(broken).toEqual([]);
    const types = new Set(steps.map(({ tpe }) => tpe));
    for (let tpe = 0; tpe <= 12; tpe += 1) expect(types.has(tpe)).toBe(true);
    expect([...types].some((tpe) => tpe > 12)).toBe(true);
    const before = new Map<string, number>();
    let lagging = 0;
    for (const { agentTurnUid, createdAt } of steps) {
      if (createdAt < (before.get(agentTurnUid) ?? 0)) lagging += 1;
      before.set(agentTurnUid, createdAt);
    }
    expect(lagging).toBeGreaterThan(0);
  });
});

describe('the size of texts', () => {
  it('is 100,000 characters for some', () => {
    const steps = of('insertStep', statementsOf(40, { hugeTextRatio: 0.05 }).flat());
    const huge = steps.filter(({ content }) => content.length > 90_000);
    expect(huge.length).toBeGreaterThan(0);
    expect(huge.every(({ tpe }) => tpe === 1)).toBe(true);
  });
});

describe('the settings', () => {
  it('are refused all at once, each by its name', () => {
    expect(() => parseSettings({ endAtMs, sessions: -1, editedRatio: 2, concurrency: 0 })).toThrow(
      /sessions[\s\S]*editedRatio[\s\S]*concurrency/,
    );
  });
});
