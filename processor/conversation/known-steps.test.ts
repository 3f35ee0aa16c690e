import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KnownSteps } from './known-steps.ts';
import type { StepState } from './rows.ts';

const step = (idx: number, present: boolean): StepState => ({
  present,
  lsn: 0,
  seen: 0,
  turnUid: 't',
  idx,
  tpe: null,
  content: null,
  createdAt: null,
});

it('knows the steps beside any other, in whatever order they came, went and were forgotten', () => {
  const idx = fc.integer({ min: -3, max: 12 });
  const put = fc.record({ idx, value: fc.constantFrom('present', 'gone', 'absent', 'forgotten') });
  fc.assert(
    fc.property(fc.array(put, { maxLength: 40 }), idx, (puts, from) => {
      const known = new KnownSteps();
      const model = new Map<number, StepState | null>();
      for (const { idx, value } of puts) {
        if (value === 'forgotten') {
          known.forget(
            (other) => other === idx,
            (forgotten) => expect(forgotten).toEqual(model.get(idx)),
          );
          model.delete(idx);
          continue;
        }
        const one = value === 'absent' ? null : step(idx, value === 'present');
        known.set(idx, one);
        model.set(idx, one);
      }
      const present = [...model.values()]
        .filter((one) => one?.present)
        .toSorted((a, b) => a!.idx - b!.idx);
      expect(known.present()).toEqual(present);
      expect(known.nearest(from, 'after')).toEqual(present.find((one) => one!.idx > from) ?? null);
      expect(known.nearest(from, 'before')).toEqual(
        present.findLast((one) => one!.idx < from) ?? null,
      );
      expect(known.get(from)).toEqual(model.get(from));
      known.whole = true;
      expect(known.get(from)).toEqual(model.get(from) ?? null);
    }),
  );
});
