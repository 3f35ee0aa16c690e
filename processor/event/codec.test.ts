import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fact, FactChange } from '../conversation/fact.ts';
import type { TurnstreamError } from '../error.ts';
import { parseInstant } from '../source/instant.ts';
import { exactLongs } from '../source/long.ts';
import type { Lsn } from '../source/lsn.ts';
import { memoryRegistry } from '../source/memory-registry.ts';
import type { Position } from '../source/position.ts';
import { wireHeaderBytes } from '../source/registry.ts';
import { eventCodec, openEventCodec } from './codec.ts';
import { type ConversationEvent, eventTypes, type LogEntry } from './event.ts';
import { entryOfForeign } from './foreign.ts';
import { eventSchema, eventType } from './schema.ts';

const schemaId = 0x01020304;
const codec = eventCodec(memoryRegistry(), schemaId);

const uid = fc.oneof(fc.uuid(), fc.string({ unit: 'binary', maxLength: 12 }));
const text = fc.option(
  fc.oneof(
    uid,
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 20 }).map((part) => part.repeat(50)),
  ),
);
const instant = fc.option(
  fc.oneof(
    fc.integer({ min: -8_000_000_000_000, max: 8_000_000_000_000 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  ),
);
const int = fc.integer();
const optionalInt = fc.option(int);
const long = fc.oneof(fc.maxSafeInteger(), fc.maxSafeNat(), fc.integer());

const facts = {
  session: fc.record({
    kind: fc.constant('session' as const),
    uid,
    accountUid: text,
    title: text,
    firstTurnAt: instant,
    lastActivityAt: instant,
    humanTurns: int,
    agentTurns: int,
    steps: int,
  }),
  humanTurn: fc.record({
    kind: fc.constant('humanTurn' as const),
    uid,
    sessionUid: uid,
    parentUid: text,
    activeChild: text,
    prompt: text,
    createdAt: instant,
    accountUid: text,
    depth: optionalInt,
    answeredAt: instant,
    answers: int,
    siblings: int,
  }),
  agentTurn: fc.record({
    kind: fc.constant('agentTurn' as const),
    uid,
    sessionUid: uid,
    parentUid: text,
    activeChild: text,
    createdAt: instant,
    accountUid: text,
    depth: optionalInt,
    askedAt: instant,
    steps: int,
    firstStepAt: instant,
    firstVisibleStepAt: instant,
    lastStepAt: instant,
    attempt: int,
  }),
  step: fc.record({
    kind: fc.constant('step' as const),
    agentTurnUid: uid,
    idx: int,
    tpe: optionalInt,
    content: text,
    createdAt: instant,
    sessionUid: uid,
    accountUid: text,
    humanTurnUid: text,
    askedAt: instant,
    turnCreatedAt: instant,
    previousStepAt: instant,
    previousStepTpe: optionalInt,
  }),
};

function changeOf<F extends Fact>(fact: fc.Arbitrary<F>): fc.Arbitrary<FactChange> {
  return fc
    .oneof(
      fc.tuple(fact, fact),
      fc.tuple(fc.constant(null), fact),
      fc.tuple(fact, fc.constant(null)),
    )
    .map(([before, after]) => ({ kind: (after ?? before)!.kind, before, after }) as FactChange);
}

const event = fc.record({
  kind: fc.constant('event' as const),
  position: long as fc.Arbitrary<Position>,
  lsn: fc.option(long as fc.Arbitrary<Lsn>),
  transactionId: fc.option(long),
  committedAt: fc.double({ noNaN: true }),
  capturedAt: fc.double({ noNaN: true }),
  type: fc.constantFrom(...eventTypes),
  sessionUid: uid,
  changes: fc.array(
    fc.oneof(
      ...[facts.session, facts.humanTurn, facts.agentTurn, facts.step].map((fact) =>
        changeOf<Fact>(fact),
      ),
    ),
    { maxLength: 4 },
  ),
});

const watermark = fc.record({
  kind: fc.constant('watermark' as const),
  position: long as fc.Arbitrary<Position>,
  lsn: long as fc.Arbitrary<Lsn>,
  committedAt: fc.double({ noNaN: true }),
  capturedAt: fc.double({ noNaN: true }),
});

const retry = fc.record({
  kind: fc.constant('retry' as const),
  position: long as fc.Arbitrary<Position>,
  requestedAt: fc.double({ noNaN: true }),
  projection: uid,
  version: int,
  generation: int,
  partition: int,
  offset: long,
  value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  discard: fc.boolean(),
});

const entry: fc.Arbitrary<LogEntry> = fc.oneof({ weight: 8, arbitrary: event }, watermark, retry);

const stepRecorded: ConversationEvent = {
  kind: 'event',
  position: (2 ** 53 - 1) as Position,
  lsn: 0x16_b374d848 as Lsn,
  transactionId: 4_000_000_000,
  committedAt: parseInstant('2026-01-02T03:04:05.678901Z')!,
  capturedAt: 1_767_323_045_700,
  type: 'StepRecorded',
  sessionUid: 's1',
  changes: [
    {
      kind: 'step',
      before: null,
      after: {
        kind: 'step',
        agentTurnUid: 'a1',
        idx: 3,
        tpe: 99,
        content: '{"text":"\u{1F600} ünï"}',
        createdAt: 1_767_323_045_678.901,
        sessionUid: 's1',
        accountUid: null,
        humanTurnUid: null,
        askedAt: null,
        turnCreatedAt: -1,
        previousStepAt: 0,
        previousStepTpe: -5,
      },
    },
  ],
};

const errorOf = (run: () => unknown): TurnstreamError => {
  try {
    run();
  } catch (error) {
    return error as TurnstreamError;
  }
  throw new Error('nothing was thrown');
};

/** Many random entries, on a machine that may be busy. */
const manyMs = 60_000;

describe('the event codec', () => {
  it('decodes what it encoded, for every entry', { timeout: manyMs }, () => {
    fc.assert(
      fc.property(entry, (given) => {
        expect(codec.decode(codec.encode(given))).toEqual(given);
      }),
      { numRuns: 1000 },
    );
  });

  it('writes what a generic Avro library reads with the published schema', {
    timeout: manyMs,
  }, () => {
    fc.assert(
      fc.property(entry, (given) => {
        const bytes = codec.encode(given);
        const generic = eventType.fromBuffer(bytes.subarray(wireHeaderBytes));
        expect(entryOfForeign(generic)).toEqual(given);
        expect(eventType.toBuffer(generic)).toEqual(bytes.subarray(wireHeaderBytes));
      }),
      { numRuns: 150 },
    );
  });

  it('keeps contents of megabytes, of any script, and goes on with small ones', () => {
    const [change] = stepRecorded.changes;
    for (const content of [
      'x'.repeat(5_000_000),
      '\u{1F600}ü€x'.repeat(1_000_000),
      'é'.repeat(63),
    ]) {
      const given = {
        ...stepRecorded,
        changes: [{ ...change, after: { ...change!.after, content } }],
      };
      expect(codec.decode(codec.encode(given as LogEntry))).toEqual(given);
      expect(codec.decode(codec.encode(stepRecorded))).toEqual(stepRecorded);
    }
  });

  it('keeps texts at the sizes where the length prefix grows', () => {
    for (const size of [21, 22, 63, 64, 2730, 2731, 8191, 8192, 349_526, 1_048_575, 1_048_576]) {
      for (const letter of ['x', 'é', '€']) {
        const given: LogEntry = { ...stepRecorded, sessionUid: letter.repeat(size) };
        expect(codec.decode(codec.encode(given))).toEqual(given);
      }
    }
  });

  it('tells texts apart that share their beginning, middle and end', () => {
    for (const size of [12, 8, 9, 4, 5, 64, 63, 65, 3, 12, 0, 8]) {
      const given: LogEntry = { ...stepRecorded, sessionUid: 'a'.repeat(size) };
      expect(codec.decode(codec.encode(given))).toEqual(given);
    }
  });

  it('turns a lone surrogate into U+FFFD, which is all that UTF-8 can say', () => {
    const given: LogEntry = { ...stepRecorded, sessionUid: 'a\ud800b\udc00' };
    const decoded = codec.decode(codec.encode(given));
    expect(decoded).toEqual({ ...given, sessionUid: 'a\ufffdb\ufffd' });
  });

  it('starts each value with the magic byte and the schema id', () => {
    expect([...codec.encode(stepRecorded).subarray(0, 5)]).toEqual([0, 1, 2, 3, 4]);
  });

  it('answers a DECODE error for every proper prefix and for bytes too many', () => {
    const bytes = codec.encode(stepRecorded);
    for (let length = 0; length < bytes.length; length++) {
      expect(errorOf(() => codec.decode(bytes.subarray(0, length))).code).toBe('DECODE');
    }
    const longer = Buffer.concat([bytes, Buffer.from([0])]);
    expect(errorOf(() => codec.decode(longer)).code).toBe('DECODE');
  });

  it('answers an entry or a DECODE error for any bytes, without reading beyond them', {
    timeout: manyMs,
  }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const bytes = Buffer.concat([Buffer.from([0, 1, 2, 3, 4]), noise]);
        try {
          codec.decode(bytes);
        } catch (error) {
          expect((error as TurnstreamError).code).toBe('DECODE');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses a change whose sides are facts of two kinds, or that has no side', () => {
    const wrapped = (changes: unknown) =>
      Buffer.concat([
        codec.encode(stepRecorded).subarray(0, 5),
        eventType.toBuffer({ 'turnstream.Event': { ...stepRecorded, changes } }),
      ]);
    const step = { 'turnstream.Step': stepRecorded.changes[0]!.after };
    const session = {
      'turnstream.Session': {
        uid: 's',
        accountUid: null,
        title: null,
        firstTurnAt: null,
        lastActivityAt: null,
        humanTurns: 0,
        agentTurns: 0,
        steps: 0,
      },
    };
    expect(codec.decode(wrapped([{ before: null, after: step }]))).toEqual(stepRecorded);
    expect(errorOf(() => codec.decode(wrapped([{ before: session, after: step }]))).code).toBe(
      'DECODE',
    );
    expect(errorOf(() => codec.decode(wrapped([{ before: null, after: null }]))).code).toBe(
      'DECODE',
    );
  });
});

describe('the schema of events', () => {
  it('is registered once, as backward compatible, and its id is used', async () => {
    const registry = memoryRegistry();
    const first = await openEventCodec(registry, 'turnstream.events');
    const second = await openEventCodec(registry, 'turnstream.events');
    expect(second.schemaId).toBe(first.schemaId);
    expect(registry.compatibility.get('turnstream.events-value')).toBe('BACKWARD');
    expect(first.decode(second.encode(stepRecorded))).toEqual(stepRecorded);
  });

  it('reads records of another version of the schema, once that is loaded', async () => {
    const registry = memoryRegistry();
    const [eventRecord, ...others] = JSON.parse(eventSchema);
    const later = JSON.stringify([
      {
        ...eventRecord,
        fields: [
          { name: 'origin', type: ['null', 'string'], default: null },
          ...eventRecord.fields,
        ],
      },
      ...others,
    ]);
    const laterId = await registry.register('turnstream.events-value', later);
    const present = await openEventCodec(registry, 'turnstream.events');
    const { kind: _, changes: __, ...own } = stepRecorded;
    const body = avro.Type.forSchema(JSON.parse(later), { typeHook: exactLongs }).toBuffer({
      'turnstream.Event': {
        ...own,
        origin: 'elsewhere',
        changes: [{ before: null, after: { 'turnstream.Step': stepRecorded.changes[0]!.after } }],
      },
    });
    const header = Buffer.alloc(5);
    header.writeInt32BE(laterId, 1);
    const value = Buffer.concat([header, body]);
    expect(errorOf(() => present.decode(value)).code).toBe('DECODE');
    await present.load([null, value]);
    expect(present.decode(value)).toEqual(stepRecorded);
  });

  it('reads what was written before there were retries', async () => {
    const registry = memoryRegistry();
    const former = JSON.stringify(JSON.parse(eventSchema).slice(0, 2));
    const formerId = await registry.register('turnstream.events-value', former);
    const present = await openEventCodec(registry, 'turnstream.events');
    const written = eventCodec(registry, formerId);
    const value = written.encode(stepRecorded);
    await present.load([value]);
    expect(present.schemaId).not.toBe(formerId);
    expect(present.decode(value)).toEqual(stepRecorded);
  });

  it('reads a retry that was written before letters were discarded', async () => {
    const registry = memoryRegistry();
    const former = JSON.parse(eventSchema) as { fields: { name: string }[] }[];
    const retryRecord = former[2]!;
    retryRecord.fields = retryRecord.fields.filter(({ name }) => name !== 'discard');
    const formerId = await registry.register('turnstream.events-value', JSON.stringify(former));
    const present = await openEventCodec(registry, 'turnstream.events');
    const [written] = fc.sample(retry, 1);
    const { kind: _, discard: __, ...own } = written!;
    const body = avro.Type.forSchema(JSON.parse(JSON.stringify(former)), {
      typeHook: exactLongs,
    }).toBuffer({ 'turnstream.Retry': own });
    const header = Buffer.alloc(5);
    header.writeInt32BE(formerId, 1);
    const value = Buffer.concat([header, body]);
    await present.load([value]);
    expect(present.schemaId).not.toBe(formerId);
    expect(present.decode(value)).toEqual({ ...written, discard: false });
  });

  it('is refused with SCHEMA when it cannot be read as the present one', async () => {
    const registry = memoryRegistry();
    const id = await registry.register('x', '{"type":"record","name":"Other","fields":[]}');
    const header = Buffer.alloc(5);
    header.writeInt32BE(id, 1);
    const present = await openEventCodec(registry, 'turnstream.events');
    await expect(present.load([header])).rejects.toMatchObject({ code: 'SCHEMA' });
  });
});
