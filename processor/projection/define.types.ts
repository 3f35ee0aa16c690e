/**
 * What the compiler holds of definitions (define.ts). Compiled by the type check and never run: each
 * line below `@ts-expect-error` must be refused, everything else must be taken.
 */
import { bigint, int, nullable, text } from './columns.ts';
import { defineAggregate, defineMap } from './define.ts';

export function typesOfDefinitions() {
  const head = { name: 'typed', version: 1, about: 'For the compiler.' } as const;
  const key = { key: { uid: text, idx: int }, partitionBy: ['uid'] } as const;
  const typed = { ...head, ...key, values: { title: nullable(text) } } as const;
  const session = { ...typed, of: 'session' } as const;
  defineMap({ ...session, rows: (one) => [{ uid: one.uid, idx: 0, title: one.title }] });
  // @ts-expect-error: a session has no idx
  defineMap({ ...session, rows: (one) => [{ uid: '', idx: one.idx, title: '' }] });
  // @ts-expect-error: misspelt column
  defineMap({ ...session, rows: () => [{ uid: '', index: 0, title: '' }] });
  // @ts-expect-error: a column is missing, also one that may be null
  defineMap({ ...session, rows: () => [{ uid: '', idx: 0 }] });
  // @ts-expect-error: wrong type
  defineMap({ ...session, rows: () => [{ uid: '', idx: '0', title: '' }] });
  // @ts-expect-error: a key column is never null
  defineMap({ ...session, rows: (one) => [{ uid: one.accountUid, idx: 0, title: '' }] });
  // @ts-expect-error: no such key column
  defineMap({ ...session, partitionBy: ['uuid'], rows: () => [] });
  // @ts-expect-error: a value is no part of the order
  defineMap({ ...session, order: { title: 'asc' }, rows: () => [] });
  // @ts-expect-error: no such kind of facts
  defineMap({ ...typed, of: 'turn', rows: () => [] });
  const mixed = { ...typed, of: ['humanTurn', 'session'] } as const;
  defineMap({
    ...mixed,
    rows: (one) => [
      { uid: one.uid, idx: 0, title: one.kind === 'session' ? one.title : one.prompt },
    ],
  });
  // @ts-expect-error: of several kinds, only fact.kind tells which columns there are
  defineMap({ ...mixed, rows: (one) => [{ uid: '', idx: 0, title: one.prompt }] });
  const counted = { ...head, ...key, of: 'step', totals: { count: bigint } } as const;
  defineAggregate({
    ...counted,
    contribute: ({ idx }) => [{ key: { uid: '', idx }, totals: { count: 1 } }],
  });
  defineAggregate({
    ...counted,
    // @ts-expect-error: misspelt total
    contribute: ({ idx }) => [{ key: { uid: '', idx }, totals: { counts: 1 } }],
  });
  // @ts-expect-error: a column of the key is missing
  defineAggregate({ ...counted, contribute: () => [{ key: { idx: 0 }, totals: { count: 1 } }] });
  // @ts-expect-error: a total is a number
  defineAggregate({ ...counted, totals: { title: text }, contribute: () => [] });
}
