import { describe, expect, test } from 'vitest';
import { synthesise } from '../../test/worker/synthetic.ts';
import type { Fact, FactChange, FactKind } from '../conversation/fact.ts';
import { agentTurnFact, humanTurnFact, sessionFact, stepFact } from '../projection/facts.ts';
import type { Lsn } from '../source/lsn.ts';
import { memoryRegistry } from '../source/memory-registry.ts';
import type { Position } from '../source/position.ts';
import { eventCodec } from './codec.ts';
import type { ConversationEvent, LogEntry } from './event.ts';

const codec = eventCodec(memoryRegistry(), 7);
const kinds: readonly FactKind[] = ['session', 'humanTurn', 'agentTurn', 'step'];
const subsets = Array.from({ length: 16 }, (_, bits) =>
  kinds.filter((_kind, at) => (bits & (1 << at)) !== 0),
);

const optional =
  /Uid$|^title$|^prompt$|At$|^content$|^tpe$|^depth$|^activeChild$|^previousStepTpe$/;
const required: Readonly<Record<FactKind, readonly string[]>> = {
  session: ['uid'],
  humanTurn: ['uid', 'sessionUid'],
  agentTurn: ['uid', 'sessionUid'],
  step: ['agentTurnUid', 'sessionUid'],
};

/** Every optional field there, then none of them. */
const samples: readonly Fact[] = [sessionFact(), humanTurnFact(), agentTurnFact(), stepFact()]
  .map((fact): Fact => filled(fact))
  .flatMap((fact) => [fact, emptied(fact)]);

function filled(fact: Fact): Fact {
  const cells = Object.entries(fact).map(([name, value]) => [
    name,
    value ?? (/At$/.test(name) ? 1_700_000_000_000.5 : /^depth$|Tpe$|^tpe$/.test(name) ? 300 : 'ü'),
  ]);
  return Object.fromEntries(cells) as Fact;
}

function emptied(fact: Fact): Fact {
  const cells = Object.entries(fact).map(([name, value]) => [
    name,
    optional.test(name) && !required[fact.kind].includes(name) ? null : value,
  ]);
  return Object.fromEntries(cells) as Fact;
}

function eventOf(changes: readonly FactChange[]): ConversationEvent {
  return {
    kind: 'event',
    position: 1024 as Position,
    lsn: 5 as Lsn,
    transactionId: null,
    committedAt: 1,
    capturedAt: 2,
    type: 'StepRevised',
    sessionUid: 's',
    changes,
  };
}

describe('reading some kinds of facts', () => {
  const entries: readonly LogEntry[] = [
    ...synthesise(3, 1, 0).events.map(({ event }) => event),
    ...samples.flatMap((fact) => [
      eventOf([{ kind: fact.kind, before: null, after: fact } as FactChange]),
      eventOf([
        { kind: fact.kind, before: fact, after: null } as FactChange,
        { kind: 'session', before: null, after: sessionFact() },
      ]),
    ]),
  ];

  test.each(subsets.map((subset) => [subset.join(', ') || 'none', subset] as const))(
    'of %s: what is decoded is the event without the other changes',
    (_, subset) => {
      const { decode } = codec.reading(new Set(subset));
      for (const entry of entries) {
        const whole = codec.decode(codec.encode(entry)) as ConversationEvent;
        const changes = whole.changes.filter(({ kind }) => subset.includes(kind));
        expect(decode(codec.encode(entry))).toEqual({ ...whole, changes });
      }
    },
  );

  test('bytes that are cut off are refused though nobody reads their facts', () => {
    const { decode } = codec.reading(new Set());
    const value = codec.encode(eventOf([{ kind: 'step', before: null, after: stepFact() }]));
    expect(() => decode(value.subarray(0, value.length - 3))).toThrow('does not decode');
  });
});

describe('looking for watermarks', () => {
  const watermark: LogEntry = {
    kind: 'watermark',
    position: 2048 as Position,
    lsn: 77 as Lsn,
    committedAt: 3,
    capturedAt: 4,
  };

  test('a watermark is found, an event and bytes that are no entry are none', () => {
    expect(codec.watermarkOf(codec.encode(watermark))).toEqual(watermark);
    expect(codec.watermarkOf(codec.encode(eventOf([])))).toBeNull();
    expect(codec.watermarkOf(Buffer.from('nonsense'))).toBeNull();
    expect(codec.watermarkOf(Buffer.alloc(0))).toBeNull();
  });
});
