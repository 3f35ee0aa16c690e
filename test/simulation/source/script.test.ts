/** Scripts: repeatable, plain, divisible, legible. */
import { describe, expect, test } from 'vitest';
import { Dice } from '../dice.ts';
import { decoded, large, play, session } from './playing.ts';
import { drawScript } from './script.ts';
import { wordsOf } from './words.ts';

describe('a script', () => {
  const seeds = Array.from({ length: 60 }, (_, at) => at + 1);

  test('is the same, with the same bytes, for the same seed', () => {
    for (const seed of seeds) {
      const [one, other] = [drawScript(new Dice(seed)), drawScript(new Dice(seed))];
      expect(other).toEqual(one);
      expect(play(other, seed).log).toEqual(play(one, seed).log);
    }
  });

  test('is plain data, and survives JSON', () => {
    for (const seed of seeds) {
      const script = drawScript(new Dice(seed));
      expect(JSON.parse(JSON.stringify(script))).toEqual(script);
    }
  });

  test('is a script whatever is left out, and ends in a promise of all its rows', async () => {
    for (const seed of seeds) {
      const dice = new Dice(seed).forked('subset');
      const script = drawScript(new Dice(seed)).filter(() => dice.chance(0.5));
      const { source, log } = play(script, seed);
      expect(source.isIdle).toBe(true);
      const records = await decoded(log);
      const last = records.findLastIndex((record) => record?.kind === 'heartbeat');
      expect(source.promisedAt(last)).toEqual(source.postgres.rowsNow());
    }
  });

  test('can be read', () => {
    expect(wordsOf(session('s1', 2, large))).toBe(
      "T2: INSERT INTO sessions (uid 's1', account_uid 'a', title 'xxxxxxxxxxxxxxxxxxxx…' (40 characters)) ON CONFLICT DO UPDATE of all",
    );
    expect(wordsOf({ kind: 'connector-crash', back: 3 })).toBe(
      'the connector crashes and delivers the last 3 records again',
    );
    for (const seed of seeds) {
      for (const action of drawScript(new Dice(seed))) {
        expect(wordsOf(action)).not.toMatch(/undefined|object/);
      }
    }
  });
});
