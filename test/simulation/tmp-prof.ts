import { runHistory } from './history.ts';
import { drawPlan } from './plan.ts';

const from = Number(process.argv[2]),
  n = Number(process.argv[3]);
let steps = 0;
const t = performance.now();
for (let s = from; s < from + n; s++) {
  const o = await runHistory(drawPlan(s));
  steps += o.steps;
  if (o.violation) console.log(s, o.violation);
}
console.log(
  n,
  steps,
  ((performance.now() - t) / n).toFixed(1),
  'ms each',
  (((performance.now() - t) * 1000) / steps).toFixed(1),
  'us/step',
);
