import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Scratch } from './scratch.ts';

const itemsOf = <Item>(list: Scratch<Item>) =>
  Array.from({ length: list.size }, (_, index) => list.at(index));

test('it is a list that can be emptied and filled again', () => {
  const step = fc.oneof(
    fc.record({ add: fc.array(fc.nat(9), { maxLength: 3 }) }),
    fc.record({ remove: fc.integer({ min: -1, max: 6 }) }),
    fc.constant('clear' as const),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const list = new Scratch<number>();
      const wanted: number[] = [];
      for (const each of steps) {
        if (each === 'clear') {
          list.clear();
          wanted.length = 0;
        } else if ('add' in each) {
          list.addAll(each.add);
          wanted.push(...each.add);
        } else {
          list.remove(each.remove);
          if (each.remove >= 0) wanted.splice(each.remove, 1);
        }
        expect(itemsOf(list)).toEqual(wanted);
        expect(list.at(list.size)).toBeUndefined();
      }
    }),
  );
});
