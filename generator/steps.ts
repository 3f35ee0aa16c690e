/**
 * The steps of one agent turn: how many, of which types, how long each takes. Pure.
 */
import { stepTypes } from '../processor/conversation/step-type.ts';
import { between, chance, logNormal, pickWeighted, type Random, type Weighted } from './random.ts';
import type { Micros } from './rows.ts';
import type { ShapeSettings } from './settings.ts';

/** One step: its type and the time since the step before it (or since the agent turn began). */
export type StepPlan = { readonly tpe: number; readonly takes: Micros };

const stepsMax = 50;

const middle: Weighted<number> = [
  [stepTypes.Think, 25],
  [stepTypes.Retrieval, 22],
  [stepTypes.Code, 14],
  [stepTypes.WebSearch, 12],
  [stepTypes.Text, 10],
  [stepTypes.Table, 5],
  [stepTypes.Card, 4],
  [stepTypes.Plot, 4],
  [stepTypes.Document, 3],
  [stepTypes.Audio, 1],
];

const medianMsOf: Readonly<Record<number, number>> = {
  [stepTypes.Think]: 1800,
  [stepTypes.Text]: 2200,
  [stepTypes.Retrieval]: 350,
  [stepTypes.Code]: 2500,
  [stepTypes.WebSearch]: 900,
  [stepTypes.Card]: 300,
  [stepTypes.Audio]: 1500,
  [stepTypes.Plot]: 700,
  [stepTypes.Table]: 600,
  [stepTypes.Document]: 800,
  [stepTypes.InputRequest]: 500,
  [stepTypes.TurnClassifier]: 120,
  [stepTypes.LangDetection]: 40,
};

/** Median 5 steps, p99 19. */
export function planSteps(random: Random, settings: ShapeSettings): readonly StepPlan[] {
  const count = Math.min(stepsMax, Math.max(1, Math.round(logNormal(random, 5, 0.57))));
  return typesOf(random, count, settings).map((tpe) => ({
    tpe,
    takes: takes(random, tpe, settings),
  }));
}

/** Detection and classification first, tools and thinking between, what the person reads last. */
function typesOf(random: Random, count: number, settings: ShapeSettings): readonly number[] {
  const last = chance(random, settings.inputRequestRatio)
    ? stepTypes.InputRequest
    : pickWeighted(random, [
        [stepTypes.Text, 90],
        [stepTypes.Card, 10],
      ]);
  const head: number[] = [];
  if (count > 2 && chance(random, 0.4)) head.push(stepTypes.LangDetection);
  if (count > 2 && chance(random, 0.4)) head.push(stepTypes.TurnClassifier);
  const body = Array.from({ length: count - 1 }, (_, i) => head[i] ?? pickWeighted(random, middle));
  return [...body, last].map((tpe) =>
    chance(random, settings.unknownTypeRatio) ? between(random, 13, 99) : tpe,
  );
}

function takes(random: Random, tpe: number, settings: ShapeSettings): Micros {
  if (chance(random, settings.skewedRatio)) return -Math.round(logNormal(random, 5, 1) * 1000);
  return Math.round(logNormal(random, medianMsOf[tpe] ?? 500, 0.7) * 1000);
}
