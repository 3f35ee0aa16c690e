/**
 * A key as one string, for Maps and caches: two keys of a projection have the same text exactly
 * when all their cells are equal. A text is preceded by its length and a number is ended by a
 * comma, so no content of a cell can imitate a neighbour. With `cells`: of so many of its first ones.
 */
import type { Key } from './projection.ts';

export function keyTextOf(key: Key, cells = key.length): string {
  let text = '';
  for (let index = 0; index < cells; index += 1) {
    const cell = key[index];
    text += typeof cell === 'string' ? `${cell.length}:${cell}` : `${cell},`;
  }
  return text;
}
