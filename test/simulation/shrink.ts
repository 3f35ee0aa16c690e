/**
 * From a history that fails to a small one that still does: parts of the plan are left out, larger
 * ones first, and knobs set to the mildest, as long as it fails. Leaving something out changes the
 * order of the steps after it, so each candidate is tried under a few schedules. Deterministic.
 */
import { type Knobs, plainKnobs } from './knobs.ts';
import type { Plan } from './plan.ts';

/** Whether it fails in the way that is looked for. */
export type Fails = (plan: Plan) => Promise<boolean>;

const schedulesTried = 3;

export async function shrink(plan: Plan, fails: Fails, runsMax: number): Promise<Plan> {
  let best = plan;
  let runs = 0;
  const accept = async (candidate: Plan): Promise<boolean> => {
    for (let more = 0; more < schedulesTried && runs < runsMax; more += 1) {
      runs += 1;
      const tried = { ...candidate, schedule: candidate.schedule + more };
      if (!(await fails(tried))) continue;
      best = tried;
      return true;
    }
    return false;
  };
  for (let before = -1; before !== sizeOf(best) && runs < runsMax; ) {
    before = sizeOf(best);
    await shorten('faults');
    await shorten('incidents');
    await shorten('script');
    await soften();
  }
  return best;

  async function shorten(part: 'faults' | 'incidents' | 'script'): Promise<void> {
    for (let length = best[part].length; length >= 1; length = Math.floor(length / 2)) {
      for (let from = 0; from < best[part].length; ) {
        const kept = [...best[part].slice(0, from), ...best[part].slice(from + length)];
        // Where the part was, the next one is now.
        if (!(await accept({ ...best, [part]: kept }))) from += length;
      }
    }
  }

  async function soften(): Promise<void> {
    for (const name of Object.keys(plainKnobs) as (keyof Knobs)[]) {
      if (JSON.stringify(best.knobs[name]) === JSON.stringify(plainKnobs[name])) continue;
      await accept({ ...best, knobs: { ...best.knobs, [name]: plainKnobs[name] } });
    }
  }
}

function sizeOf({ script, incidents, faults, knobs }: Plan): number {
  const odd = Object.entries(plainKnobs).filter(
    ([name, plain]) => JSON.stringify(knobs[name as keyof Knobs]) !== JSON.stringify(plain),
  );
  return script.length + incidents.length + faults.length + odd.length;
}
