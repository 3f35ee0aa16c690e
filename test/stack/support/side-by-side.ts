/**
 * Cases that run side by side: the first statement of each, then the judge, the second of each, and
 * so on. Each case keeps to names of its own, so a row that differs tells whose it is, and one look
 * at the read models judges all of them.
 */
import type { Spine } from './spine.ts';

/** Each round is one or several statements, by themselves one transaction. */
export type Case = { readonly name: string; readonly rounds: readonly string[] };

/**
 * What differed first, with the statements that came before it; null when nothing ever did. The load of
 * a round goes on beside its statements, and is over when they are judged.
 */
export async function judgedSideBySide(
  spine: Spine,
  cases: readonly Case[],
  load: () => Promise<unknown> = async () => undefined,
): Promise<string | null> {
  const roundsMax = Math.max(...cases.map(({ rounds }) => rounds.length));
  for (let round = 0; round < roundsMax; round += 1) {
    const ran = cases.flatMap(({ name, rounds }) => {
      const statement = rounds[round];
      return statement === undefined ? [] : [{ name, statement }];
    });
    const loaded = load();
    for (const { name, statement } of ran) {
      try {
        await spine.pool.query(statement);
      } catch (cause) {
        throw new Error(`${name}: ${statement.slice(0, 300)}`, { cause });
      }
    }
    await loaded;
    const found = await spine.judged();
    if (found !== null) {
      const told = ran.map(({ name, statement }) => `  ${name}: ${statement.slice(0, 300)}`);
      return `after round ${round + 1}: ${found}\n${told.join('\n')}`;
    }
  }
  return null;
}

/** All orders of the items. */
export function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((first, at) =>
    permutations(items.toSpliced(at, 1)).map((rest) => [first, ...rest]),
  );
}
