/**
 * Values that correct code must hold: NULL, empty, huge (stored out of line, so that an UPDATE of
 * another column leaves them out of the WAL), not JSON, of unknown types, early and late times.
 */
import { between, chance, logNormal, pick, pickWeighted, type Random, uuid } from './random.ts';
import { isoOf } from './rows.ts';
import type { World } from './world.ts';

export function oddAccount(random: Random): string | null {
  return pickWeighted<() => string | null>(random, [
    [() => `account-${between(random, 1, 30).toString().padStart(5, '0')}`, 90],
    [() => `Konto „${between(random, 1, 3)}“ 🙂`, 5],
    [() => null, 5],
  ])();
}

/** For title, prompt and content. */
export function oddText(random: Random): string | null {
  return pickWeighted<() => string | null>(random, [
    [() => `{"text":"${uuid(random)} 👩‍💻 größer"}`, 50],
    [() => incompressible(random, between(random, 2_500, 9_000)), 15],
    [() => '👍🏽é'.repeat(between(random, 1, 120)), 12],
    [() => '{"text":"cut off', 5],
    [() => 'no JSON\n\t"at" all \\u0000', 5],
    [() => '', 5],
    [() => incompressible(random, 100_000), 1],
    [() => null, 7],
  ])();
}

/** Hexadecimal digits compress to half at best: beyond 4 KB such a value is TOASTed. */
function incompressible(random: Random, chars: number): string {
  let text = '';
  while (text.length < chars) text += uuid(random);
  return text.slice(0, chars);
}

export function oddType(random: Random): number | null {
  return pickWeighted<() => number | null>(random, [
    [() => between(random, 0, 12), 80],
    [() => pick(random, [13, 99, -1, -2, 2_147_483_647, -2_147_483_648]), 12],
    [() => null, 8],
  ])();
}

/** ISO text: near the end of the simulated time, exactly on bounds of days and ms, far away. */
export function oddTime(world: World): string | null {
  const { random, endAt } = world;
  return pickWeighted<() => string | null>(random, [
    [() => isoOf(endAt - Math.round(logNormal(random, 3_600, 2) * 1e6)), 78],
    [() => isoOf(Math.floor(endAt / 86_400_000_000) * 86_400_000_000 - between(random, 0, 1)), 6],
    [() => isoOf(Math.floor(endAt / 1e6) * 1e6 + between(random, -1000, 1000)), 6],
    [() => pick(random, ['1969-12-31T23:59:59.999999Z', '1970-01-01T00:00:00Z']), 2],
    [() => pick(random, ['2100-02-28T23:59:59.999500Z', '1999-12-31T23:59:59.000001Z']), 2],
    [() => null, 6],
  ])();
}

/** A uid of the list, one that nobody has, or NULL. */
export function oddUid(world: World, known: readonly string[]): string | null {
  const { random } = world;
  if (chance(random, 0.08)) return null;
  if (known.length === 0 || chance(random, 0.05)) return uuid(random);
  return pick(random, known);
}
