import { describe, expect, it } from 'vitest';
import { bigint, type Columns, date, double, int, nullable, text, timestamp } from './columns.ts';
import { defineAggregate, defineMap } from './define.ts';
import { humanTurnFact, sessionFact, stepFact } from './facts.ts';

const map = {
  name: 'example',
  version: 1,
  about: 'A step.',
  of: 'step' as const,
  key: { idx: int, agentTurnUid: text, createdAt: timestamp, day: date } as Columns,
  partitionBy: ['day', 'agentTurnUid'],
  values: { preview: nullable(text) } as Columns,
  rows: () => [],
};

describe('the table of a definition', () => {
  it('has partition columns in the order of partitionBy, then the rest as declared', () => {
    const { shape } = defineMap({ ...map, order: { createdAt: 'desc' } });
    expect(shape.partition.map((column) => column.name)).toEqual(['day', 'agentTurnUid']);
    expect(shape.clustering).toEqual([
      { name: 'idx', cqlName: 'idx', cql: 'int', nullable: false, order: 'asc' },
      {
        name: 'createdAt',
        cqlName: 'created_at',
        cql: 'timestamp',
        nullable: false,
        order: 'desc',
      },
    ]);
    expect(shape.values).toEqual([
      { name: 'preview', cqlName: 'preview', cql: 'text', nullable: true },
    ]);
  });

  it('has the totals of an aggregate as values', () => {
    const { shape } = defineAggregate({
      ...map,
      totals: { count: bigint },
      contribute: () => [],
    });
    expect(shape.values).toEqual([
      { name: 'count', cqlName: 'count', cql: 'bigint', nullable: false },
    ]);
  });

  it.each<[string, Partial<typeof map> & { order?: Record<string, 'asc' | 'desc'> }, string]>([
    ['a name that is no table name', { name: 'Steps' }, 'lower-case letters'],
    ['a name too long for its generations', { name: 'x'.repeat(33) }, 'at most 32'],
    ['a version below 1', { version: 0 }, 'version is 0'],
    ['no sentence about it', { about: ' ' }, 'about is empty'],
    ['no partition', { partitionBy: [] }, 'partitionBy is empty'],
    ['a partition column twice', { partitionBy: ['day', 'day'] }, 'names a column twice'],
    ['a partition column outside of the key', { partitionBy: ['preview'] }, "names 'preview'"],
    ['a nullable key column', { key: { ...map.key, x: nullable(int) } }, "'x' is nullable"],
    ['a double in the key', { key: { ...map.key, x: double } }, "'x' is a double"],
    ['an order of a partition column', { order: { day: 'asc' } }, "order names 'day'"],
    ['an order of a value', { order: { preview: 'asc' } }, "order names 'preview'"],
    ['an order that is none', { order: { idx: 'down' as 'asc' } }, "order of 'idx' is 'down'"],
    ['a column twice', { values: { idx: int } }, "'idx' is in the key and again"],
    ['a column that is not camelCase', { values: { a_b: int } }, "column 'a_b' must be camelCase"],
    ['the column shard', { values: { shard: int } }, "'shard' has a name that Turnstream uses"],
    ['the column position', { values: { position: int } }, "'position' has a name"],
    ['a parameter of the query API', { values: { waitMs: int } }, "'waitMs' has a name"],
    ['a reserved word of CQL', { values: { limit: int } }, "'limit' is a reserved word"],
    ['no kind of facts', { of: [] as unknown as 'step' }, 'of is empty'],
    ['an unknown kind of facts', { of: 'turn' as 'step' }, "no facts of kind 'turn'"],
    ['a kind twice', { of: ['step', 'step'] as unknown as 'step' }, 'of facts twice'],
  ])('refuses %s', (_, part, message) => {
    expect(() => defineMap({ ...map, ...part })).toThrow(
      expect.objectContaining({ code: 'PROJECTION', message: expect.stringContaining(message) }),
    );
  });

  it('refuses totals that are no bigint or can be null, and an aggregate without totals', () => {
    const define = (totals: Columns) => () =>
      defineAggregate({ ...map, totals: totals as { x: typeof bigint }, contribute: () => [] });
    expect(define({ x: int })).toThrow("total 'x' must be a bigint");
    expect(define({ x: nullable(bigint) })).toThrow("total 'x' must be a bigint");
    expect(define({})).toThrow('totals is empty');
  });

  it('sends an entry that throws to the dead letters unless it says otherwise', () => {
    expect(defineMap(map).onError).toBe('dead-letter');
    expect(defineMap({ ...map, onError: 'halt' }).onError).toBe('halt');
  });
});

describe('the function of a definition', () => {
  it('gives cells in the order of the columns', () => {
    const projection = defineMap({
      ...map,
      key: { idx: int, uid: text },
      partitionBy: ['uid'],
      values: { at: nullable(timestamp), chars: int },
      rows: (step) => [{ chars: 3, idx: step.idx, at: null, uid: step.agentTurnUid }],
    });
    expect(projection.rows(stepFact({ idx: 7 }))).toEqual([
      { key: ['agent-1', 7], values: [null, 3] },
    ]);
  });

  it('is refused when one fact gives two rows of one key', () => {
    const projection = defineMap({
      ...map,
      key: { uid: text },
      partitionBy: ['uid'],
      values: {},
      rows: (step) => [{ uid: step.agentTurnUid }, { uid: step.agentTurnUid }],
    });
    expect(() => projection.rows(stepFact())).toThrow('two rows of the key [agent-1]');
  });
});

describe('a definition over several kinds', () => {
  it('gets each with its kind', () => {
    const projection = defineMap({
      ...map,
      of: ['session', 'humanTurn'],
      key: { uid: text },
      partitionBy: ['uid'],
      values: { words: nullable(text) },
      rows: (fact) => [
        { uid: fact.uid, words: fact.kind === 'session' ? fact.title : fact.prompt },
      ],
    });
    expect(projection.rows(sessionFact())[0]?.values).toEqual(['A question']);
    expect(projection.rows(humanTurnFact())[0]?.values).toEqual(['How far is the moon?']);
  });
});
