import { describe, expect, it } from 'vitest';
import { TurnstreamError } from '../error.ts';
import {
  compileReader,
  leanReader,
  type RawRecord,
  type RecordDecoder,
  recordDecoder,
} from './avro.ts';
import {
  envelopeSchema,
  fixtureColumns,
  fixtureSource,
  keySchema,
  messageSchema,
  wireValue,
} from './debezium-fixture.ts';
import { memoryRegistry } from './memory-registry.ts';
import type { SchemaRegistry } from './registry.ts';
import { encodeSweep } from './sweep.ts';

const steps = envelopeSchema('steps');

const created = {
  before: null,
  after: {
    agent_turn_uid: 't1',
    idx: 3,
    tpe: 1,
    content: '{"text":"\u{1F600}"}',
    created_at: '2026-01-02T01:04:05.678901Z',
  },
  source: fixtureSource({ table: 'steps' }),
  transaction: null,
  op: 'c',
  ts_ms: 1_795_362_205_137,
  ts_us: 1_795_362_205_137_406,
  ts_ns: null,
};

const record = (value: Buffer | null, key: Buffer | null = null): RawRecord => ({
  offset: 42,
  key,
  value,
  headers: {},
});

async function decoding(
  registry: SchemaRegistry,
  ...records: readonly RawRecord[]
): Promise<RecordDecoder> {
  const decoder = recordDecoder({ registry, topic: 'turnstream.changes' });
  await decoder.load(records);
  return decoder;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof TurnstreamError) return `${error.code} ${error.retriable}`;
    throw error;
  }
  return 'nothing thrown';
}

describe('the record decoder', () => {
  it("decodes Debezium's bytes by the schema that they name", async () => {
    const registry = memoryRegistry();
    const given = record(wireValue(steps, await registry.register('v', steps), created));
    expect((await decoding(registry, given)).decode(given)).toEqual({
      kind: 'row',
      change: {
        table: 'steps',
        operation: 'create',
        key: { agentTurnUid: 't1', idx: 3 },
        formerKey: null,
        row: {
          agentTurnUid: 't1',
          idx: 3,
          tpe: 1,
          content: '{"text":"\u{1F600}"}',
          createdAt: Date.UTC(2026, 0, 2, 1, 4, 5, 678) + 0.901,
        },
      },
      origin: {
        lsn: 26_785_376,
        transactionId: 743,
        committedAt: 1_795_362_204_844.023,
        capturedAt: 1_795_362_205_137.406,
      },
      snapshot: null,
    });
  });

  it('reads the same from a table with columns of its own, of any type', async () => {
    const registry = memoryRegistry();
    const wide = envelopeSchema('steps', [
      { name: 'embedding', type: { type: 'array', items: 'double' } },
      ...fixtureColumns.steps,
      {
        name: 'meta',
        type: ['null', { type: 'record', name: 'Meta', fields: [{ name: 'x', type: 'long' }] }],
      },
    ]);
    const after = { ...created.after, embedding: [1, 2], meta: { x: 1 } };
    const own = record(wireValue(steps, await registry.register('v', steps), created));
    const foreign = record(
      wireValue(wide, await registry.register('w', wide), { ...created, after }),
    );
    const decoder = await decoding(registry, own, foreign);
    expect(decoder.decode(foreign)).toEqual(decoder.decode(own));
  });

  it('fetches a schema once, and none for a batch that it knows', async () => {
    const inner = memoryRegistry();
    const asked: number[] = [];
    const registry: SchemaRegistry = {
      ...inner,
      schema: (id) => {
        asked.push(id);
        return inner.schema(id);
      },
    };
    const given = record(wireValue(steps, await registry.register('v', steps), created));
    const decoder = await decoding(registry, given, given);
    await decoder.load([given]);
    expect(asked).toEqual([1]);
  });

  it("takes a delete's key from the record's key when the row before it lacks it", async () => {
    const registry = memoryRegistry();
    const sessions = envelopeSchema('sessions');
    const valueId = await registry.register('v', sessions);
    const keyId = await registry.register('k', keySchema('sessions'));
    const given = record(
      wireValue(sessions, valueId, {
        ...created,
        source: fixtureSource({ table: 'sessions' }),
        op: 'd',
        after: null,
      }),
      wireValue(keySchema('sessions'), keyId, { uid: 's1' }),
    );
    expect((await decoding(registry, given)).decode(given)).toMatchObject({
      change: { table: 'sessions', operation: 'delete', key: 's1' },
    });
  });

  it('tells heartbeats, sweeps and tombstones', async () => {
    const registry = memoryRegistry();
    const id = await registry.register('m', messageSchema);
    const heartbeat = record(
      wireValue(messageSchema, id, {
        op: 'm',
        ts_ms: 1_795_362_205_418,
        source: fixtureSource({}),
        transaction: null,
        message: { prefix: 'turnstream', content: Buffer.alloc(0) },
      }),
    );
    const decoder = await decoding(registry, heartbeat);
    expect(decoder.decode(heartbeat)).toMatchObject({
      kind: 'heartbeat',
      origin: { committedAt: 1_795_362_204_844.023, capturedAt: 1_795_362_205_418 },
    });
    const sweepEnd = { kind: 'sweep-end', sweepId: 'a' } as const;
    expect(decoder.decode(record(encodeSweep(sweepEnd)))).toEqual(sweepEnd);
    expect(decoder.decode(record(null))).toMatchObject({ kind: 'irrelevant' });
  });

  it("has null for the epoch where that is a nullable column's default", async () => {
    const registry = memoryRegistry();
    const epoch = '1970-01-01T00:00:00.000000Z';
    const withDefault = envelopeSchema('steps', [
      ...fixtureColumns.steps.slice(0, 4),
      { name: 'created_at', type: ['string', 'null'], default: epoch },
    ]);
    const after = { ...created.after, created_at: epoch };
    const defaulted = record(
      wireValue(withDefault, await registry.register('d', withDefault), { ...created, after }),
    );
    const meant = record(
      wireValue(steps, await registry.register('v', steps), { ...created, after }),
    );
    const decoder = await decoding(registry, defaulted, meant);
    expect(decoder.decode(defaulted)).toMatchObject({ change: { row: { createdAt: null } } });
    expect(decoder.decode(meant)).toMatchObject({ change: { row: { createdAt: 0 } } });
  });
});

describe('what is too large', () => {
  const cutAt = (chars: number) => {
    const cut = { type: 'string', 'connect.parameters': { truncateLength: String(chars) } };
    const columns = fixtureColumns.steps.map((column) =>
      column.name === 'content' ? { ...column, type: ['null', cut] } : column,
    );
    return envelopeSchema('steps', columns);
  };

  it('is told of a text that is as long as its schema says that the connector lets through', async () => {
    const chars = created.after.content.length;
    for (const [at, cut] of [
      [chars, [{ row: 'steps agent_turn_uid t1, idx 3', column: 'content', chars }]],
      [chars + 1, undefined],
    ] as const) {
      const registry = memoryRegistry();
      const schema = cutAt(at);
      const given = record(wireValue(schema, await registry.register('v', schema), created));
      const decoded = (await decoding(registry, given)).decode(given);
      expect(decoded.kind === 'row' && decoded.cut).toEqual(cut);
    }
  });

  it('an identifier that no key can be is a DECODE error that names the row, not who wrote it', async () => {
    const registry = memoryRegistry();
    const long = { ...created, after: { ...created.after, agent_turn_uid: 'u'.repeat(70_000) } };
    const given = record(wireValue(steps, await registry.register('v', steps), long));
    const decoder = await decoding(registry, given);
    expect(codeOf(() => decoder.decode(given))).toBe('DECODE false');
    expect(() => decoder.decode(given)).toThrow(
      /^Record 42 of turnstream.changes can't be kept: steps agent_turn_uid u{80}…, idx 3 at LSN/,
    );
  });
});

describe('what does not decode', () => {
  it('is a DECODE error that names topic and offset, and is not retriable', async () => {
    const registry = memoryRegistry();
    const whole = wireValue(steps, await registry.register('v', steps), created);
    const decoder = await decoding(registry, record(whole));
    const unknown = Buffer.from(whole);
    unknown.writeInt32BE(77, 1);
    for (const value of [
      Buffer.alloc(0),
      Buffer.from('hello'),
      Buffer.from('{"kind":"else"}'),
      Buffer.from('{'),
      whole.subarray(0, whole.length - 1),
      Buffer.concat([whole, Buffer.from([0])]),
      unknown,
    ]) {
      expect(codeOf(() => decoder.decode(record(value)))).toBe('DECODE false');
    }
    expect(() => decoder.decode(record(unknown))).toThrow(/Record 42 of turnstream.changes.* 77/);
  });

  it('is a DECODE error when the schema is of something else', async () => {
    const registry = memoryRegistry();
    const id = await registry.register('k', keySchema('steps'));
    const given = record(wireValue(keySchema('steps'), id, { agent_turn_uid: 't', idx: 1 }));
    const noAvro = record(Buffer.from([0, 0, 0, 0, await registry.register('j', '"nothing"')]));
    const decoder = await decoding(registry, noAvro, given);
    expect(codeOf(() => decoder.decode(given))).toBe('DECODE false');
    expect(codeOf(() => decoder.decode(noAvro))).toBe('DECODE false');
  });

  it('is a retriable REGISTRY error while the registry is away, and decodes afterwards', async () => {
    const inner = memoryRegistry();
    let away = true;
    const registry: SchemaRegistry = {
      ...inner,
      schema: async (id) => {
        if (away) throw new TurnstreamError('REGISTRY', 'away', { retriable: true });
        return inner.schema(id);
      },
    };
    const given = record(wireValue(steps, await registry.register('v', steps), created));
    const decoder = recordDecoder({ registry, topic: 't' });
    await expect(decoder.load([given])).rejects.toMatchObject({ retriable: true });
    away = false;
    await decoder.load([given]);
    expect(decoder.decode(given)).toMatchObject({ kind: 'row' });
  });
});

describe('the compiled reader', () => {
  it('reads only what decoding looks at, and that as the whole schema does', () => {
    const bytes = wireValue(steps, 1, created);
    const pruned = compileReader(steps)(bytes) as typeof created;
    const whole = leanReader(steps, false)(bytes) as typeof created;
    expect(Object.keys(pruned)).toEqual(['before', 'after', 'source', 'op', 'ts_ms', 'ts_us']);
    expect({ ...pruned.after }).toEqual({ ...whole.after });
    expect(pruned.source).toEqual({
      ts_ms: whole.source['ts_ms'],
      snapshot: 'false',
      ts_us: whole.source['ts_us'],
      table: 'steps',
      txId: 743,
      lsn: 26_785_376,
    });
  });
});
