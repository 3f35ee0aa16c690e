import { beforeEach, describe, expect, test } from 'vitest';
import { WriteBehind } from './write-behind.ts';

type Write = { readonly offset: number; readonly done: () => void; readonly fail: () => void };

const settings = { batchRecordsMax: 10, batchBytesMax: 1000 };
let writes: Write[];
let over: AbortController;
let failures: unknown[];
let behind: WriteBehind;

beforeEach(() => {
  writes = [];
  failures = [];
  over = new AbortController();
  behind = new WriteBehind({
    write: (offset) =>
      new Promise((resolve, reject) => {
        writes.push({ offset, done: resolve, fail: () => reject(new Error(`at ${offset}`)) });
      }),
    over: over.signal,
    settings,
  });
});

const offsets = () => writes.map(({ offset }) => offset);
const soon = () => new Promise((resolve) => setImmediate(resolve));

/** A batch from its beginning to its end; answers whether the end has to wait. */
async function batch(offset: number, records = 1, bytes = 1): Promise<boolean> {
  behind.begin();
  let isWaiting = true;
  behind
    .end({ offset, records, bytes }, (error) => failures.push(error))
    .then(
      () => {
        isWaiting = false;
      },
      () => undefined,
    );
  await soon();
  return isWaiting;
}

describe('state is written behind', () => {
  test('batches that end while one is written join the write after it', async () => {
    expect(await batch(1)).toBe(false);
    expect(await batch(2)).toBe(false);
    expect(await batch(3)).toBe(false);
    expect(offsets()).toEqual([1]);
    writes[0]?.done();
    await soon();
    expect(offsets()).toEqual([1, 3]);
    writes[1]?.done();
    await behind.drained();
    expect(offsets()).toEqual([1, 3]);
  });

  test('nothing is taken within a batch: what was due before is written at its end', async () => {
    await batch(1);
    await batch(2);
    behind.begin();
    writes[0]?.done();
    await soon();
    expect(offsets()).toEqual([1]);
    await behind.end({ offset: 3, records: 1, bytes: 1 }, () => undefined);
    expect(offsets()).toEqual([1, 3]);
  });

  test.each([
    ['records', 5, 1],
    ['bytes', 1, 500],
  ])('a batch’s worth of %s is due at most: then the write is waited for', async (_, ...size) => {
    await batch(1, ...size);
    expect(await batch(2, ...size)).toBe(false);
    expect(await batch(3, ...size)).toBe(true);
    writes[0]?.done();
    await soon();
    expect(offsets()).toEqual([1, 3]);
    // What is due begins anew.
    expect(await batch(4, ...size)).toBe(false);
  });

  test('drained is when nothing is due any more', async () => {
    await batch(1);
    await batch(2);
    let isDrained = false;
    const drained = behind.drained().then(() => {
      isDrained = true;
    });
    writes[0]?.done();
    await soon();
    expect(isDrained).toBe(false);
    writes[1]?.done();
    await drained;
  });

  test('a write that fails is told once, and whoever waits for it hears it', async () => {
    await batch(1);
    await batch(2, 10);
    const settled = behind.settled();
    writes[0]?.fail();
    await expect(settled).rejects.toThrow('at 1');
    await soon();
    expect(failures).toEqual([new Error('at 1')]);
    expect(offsets()).toEqual([1]);
  });

  test('once it is over nothing is written any more', async () => {
    await batch(1);
    await batch(2);
    over.abort();
    writes[0]?.done();
    await behind.drained();
    expect(offsets()).toEqual([1]);
  });
});
