/** What every form of the dead letters' store keeps, as tests. */
import { beforeAll, describe, expect, test } from 'vitest';
import type {
  DeadLetterStore,
  LetterOrigin,
  NewLetter,
  StoredLetter,
} from './dead-letter-store.ts';

export function describeDeadLetterStoreContract(
  name: string,
  open: () => Promise<DeadLetterStore>,
): void {
  describe(`the dead letters' store, ${name}`, () => {
    let store: DeadLetterStore;
    beforeAll(async () => {
      store = await open();
    });

    const lane = (partition: number, generation = 1): LetterOrigin => {
      return { origin: 'contract', version: 3, generation, partition };
    };
    const letter = (offset: number, more: Partial<NewLetter> = {}): NewLetter => ({
      offset,
      position: offset * 1024,
      after: offset * 1024 - 1,
      eventType: 'StepRecorded',
      sessionUid: 'a session',
      error: 'it threw "this"\nand that',
      atMs: 1_700_000_000_123,
      ...more,
    });
    const waiting = (given: NewLetter): StoredLetter => {
      const { after: _, ...stored } = given;
      const fate = { tries: 0, triedAt: null, triedError: null };
      return { ...stored, ...fate, retriedAt: null, discardedAt: null };
    };
    const all = async (origin: LetterOrigin): Promise<readonly StoredLetter[]> => {
      const found: StoredLetter[] = [];
      for await (const page of store.pages(origin)) found.push(...page);
      return found;
    };

    test('letters are given in the order of their offsets, each partition and generation apart', async () => {
      const unreadable = { position: null, eventType: null, sessionUid: null };
      const letters = [letter(7), letter(2 ** 40), letter(3, unreadable)];
      await store.add(lane(0), letters);
      await store.add(lane(1), [letter(9)]);
      expect(await all(lane(0))).toEqual([
        waiting(letter(3, unreadable)),
        waiting(letter(7)),
        waiting(letter(2 ** 40)),
      ]);
      expect(await all(lane(1))).toEqual([waiting(letter(9))]);
      expect(await all(lane(0, 2))).toEqual([]);
      expect(await store.read(lane(0), 7)).toEqual(waiting(letter(7)));
      expect(await store.read(lane(0), 8)).toBeNull();
    });

    test('many letters, with long errors, are all kept', async () => {
      const letters = Array.from({ length: 300 }, (_, at) =>
        letter(at, { error: 'e'.repeat(500) }),
      );
      await store.add(lane(2), letters);
      expect(await all(lane(2))).toEqual(letters.map(waiting));
    });

    test('what became of a retry is kept, and listing the letter again does not undo it', async () => {
      await store.add(lane(3), [letter(1)]);
      const failed = { kind: 'failed', position: 5000, tries: 1, error: 'still' } as const;
      await store.decide(lane(3), 1, failed);
      const tried = { ...waiting(letter(1)), tries: 1, triedAt: 5000, triedError: 'still' };
      expect(await store.read(lane(3), 1)).toEqual(tried);
      await store.decide(lane(3), 1, { kind: 'retried', position: 6000 });
      await store.add(lane(3), [letter(1)]);
      await store.decide(lane(3), 1, failed);
      expect(await store.read(lane(3), 1)).toEqual({ ...tried, retriedAt: 6000 });
    });

    test('that it was discarded is kept, above what failed, whatever arrives late', async () => {
      await store.add(lane(5), [letter(1), letter(2)]);
      const discarded = (position: number) => ({ kind: 'discarded', position }) as const;
      await store.decide(lane(5), 1, discarded(6000));
      await store.decide(lane(5), 1, discarded(6000));
      await store.add(lane(5), [letter(1)]);
      await store.decide(lane(5), 1, { kind: 'failed', position: 5000, tries: 1, error: 'still' });
      await store.decide(lane(5), 1, discarded(4000));
      const tried = { tries: 1, triedAt: 5000, triedError: 'still' };
      const expected = { ...waiting(letter(1)), ...tried, discardedAt: 6000 };
      expect(await store.read(lane(5), 1)).toEqual(expected);
      expect(await all(lane(5))).toEqual([expected, waiting(letter(2))]);
    });

    test('an older decision that arrives late changes nothing', async () => {
      await store.add(lane(4), [letter(1)]);
      await store.decide(lane(4), 1, { kind: 'failed', position: 900, tries: 2, error: 'second' });
      await store.decide(lane(4), 1, { kind: 'failed', position: 800, tries: 1, error: 'z first' });
      expect(await store.read(lane(4), 1)).toMatchObject({ tries: 2, triedError: 'second' });
    });
  });
}
