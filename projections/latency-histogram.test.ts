import { describe, it } from 'vitest';
import { stepTypes } from '../processor/conversation/step-type.ts';
import {
  added,
  agentTurnFact,
  at,
  changed,
  humanTurnFact,
  removed,
  sessionFact,
  stepFact,
} from '../processor/projection/facts.ts';
import { specOf, together } from '../processor/projection/spec.ts';
import { dayOf } from '../processor/projection/time.ts';
import { bucketOfMicros, negativeBucket, overflowBucket } from './buckets.ts';
import {
  type LatencyMetric,
  latencyHistogram,
  tpeNotApplicable,
  tpeUnknown,
} from './latency-histogram.ts';

const { given } = specOf(latencyHistogram);

const day = dayOf(at('2024-11-22T00:00:00Z'));

/** A row of one interval that ended on that day between 10 and 11 o'clock. */
function row(
  metric: LatencyMetric,
  micros: number,
  values: Partial<ReturnType<typeof plain>> = {},
) {
  return { ...plain(metric, micros), ...values };
}

function plain(metric: LatencyMetric, micros: number) {
  const bucket = bucketOfMicros(micros);
  return { day, hour: 10, metric, tpe: tpeNotApplicable, bucket, count: 1, sumMicros: micros };
}

const quiet = agentTurnFact({
  askedAt: at('2024-11-22T10:00:00Z'),
  steps: 0,
  firstStepAt: null,
  firstVisibleStepAt: null,
  lastStepAt: null,
});
const answered = {
  ...quiet,
  steps: 3,
  firstStepAt: at('2024-11-22T10:00:01Z'),
  firstVisibleStepAt: at('2024-11-22T10:00:02.5Z'),
  lastStepAt: at('2024-11-22T10:00:09.000001Z'),
};
const step = stepFact({
  tpe: stepTypes.Code,
  previousStepAt: at('2024-11-22T10:00:01Z'),
  createdAt: at('2024-11-22T10:00:01.25Z'),
});

describe('latency_histogram', () => {
  it('counts the intervals of an agent turn from its question to its steps', () => {
    given(answered).then(
      row('first_step', 1_000_000),
      row('first_visible_step', 2_500_000),
      row('turn_duration', 9_000_001),
    );
  });

  it('counts the gap between two steps under the type of the later one', () => {
    given(step).then(row('step_gap', 250_000, { tpe: stepTypes.Code }));
    given({ ...step, tpe: 99 }).then(row('step_gap', 250_000, { tpe: 99 }));
    given({ ...step, tpe: null }).then(row('step_gap', 250_000, { tpe: tpeUnknown }));
  });

  it('counts the time to think from the last step of an answer to the next human turn', () => {
    given(
      humanTurnFact({
        answeredAt: at('2024-11-22T10:00:09Z'),
        createdAt: at('2024-11-22T10:02:13Z'),
      }),
    ).then(row('think_time', 124_000_000));
  });

  it('has nothing where an end of the interval is unknown', () => {
    given(
      quiet,
      { ...answered, uid: 'agent-2', askedAt: null },
      { ...step, previousStepAt: null },
      { ...step, idx: 1, createdAt: null },
      humanTurnFact(),
      sessionFact(),
    ).then();
  });

  it('adds up intervals of one bucket', () => {
    const slower = { ...step, idx: 1, createdAt: at('2024-11-22T10:00:01.25001Z') };
    given(step, slower).then(
      row('step_gap', 250_000, { tpe: stepTypes.Code, count: 2, sumMicros: 500_010 }),
    );
  });

  it('puts an interval into the UTC day and hour of its end', () => {
    const later = {
      createdAt: at('2024-11-23T00:00:00Z'),
      previousStepAt: at('2024-11-22T23:59:59Z'),
    };
    given({ ...step, ...later }).then(
      row('step_gap', 1_000_000, { tpe: stepTypes.Code, day: day + 1, hour: 0 }),
    );
  });

  it('replaces the duration of a turn when another step arrives', () => {
    const lastStepAt = at('2024-11-22T10:00:30Z');
    given(answered)
      .when(changed(answered, { steps: 4, lastStepAt }), { times: 2 })
      .then(
        row('first_step', 1_000_000),
        row('first_visible_step', 2_500_000),
        row('turn_duration', 30_000_000),
      );
  });

  it('moves a retyped step to its new type', () => {
    given(step)
      .when(changed(step, { tpe: stepTypes.Plot }), { times: 2 })
      .then(row('step_gap', 250_000, { tpe: stepTypes.Plot }));
  });

  it('closes the gap when a step between two others is deleted', () => {
    const next = {
      ...step,
      idx: 2,
      previousStepAt: step.createdAt,
      createdAt: at('2024-11-22T10:00:02Z'),
    };
    given(step, next)
      .when(together(removed(step), changed(next, { previousStepAt: step.previousStepAt })), {
        times: 2,
      })
      .then(row('step_gap', 1_000_000, { tpe: stepTypes.Code }));
  });

  it('counts negative intervals apart, never in silence', () => {
    given({ ...step, previousStepAt: at('2024-11-22T10:00:02Z') }).then(
      row('step_gap', -750_000, { tpe: stepTypes.Code, bucket: negativeBucket, sumMicros: 0 }),
    );
  });

  it('counts intervals below 1 ms and of 24 h or more apart', () => {
    given(
      { ...step, createdAt: at('2024-11-22T10:00:01.000999Z') },
      { ...step, idx: 1, previousStepAt: at('1970-01-01T00:00:00Z') },
    ).then(
      row('step_gap', 999, { tpe: stepTypes.Code, bucket: 0 }),
      row('step_gap', 0, { tpe: stepTypes.Code, bucket: overflowBucket }),
    );
  });

  it('leaves nothing visible of deleted facts, however often they are delivered', () => {
    given()
      .when([added(answered), added(step), removed(answered), removed(step)], { times: 2 })
      .then();
  });
});
