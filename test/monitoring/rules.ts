/** rules.yaml and its promtool tests, read and checked for their shape. */
import { parse } from 'yaml';
import { z } from 'zod';
import { filesIn, readText } from '../support/sources.ts';

const recordingSchema = z.strictObject({ record: z.string(), expr: z.string() });

const alertSchema = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
  annotations: z.strictObject({
    summary: z.string().min(10),
    description: z.string().min(40),
    runbook_url: z.string(),
  }),
});

const rulesSchema = z.strictObject({
  groups: z.array(
    z.strictObject({ name: z.string(), rules: z.array(z.union([recordingSchema, alertSchema])) }),
  ),
});

export type Recording = z.infer<typeof recordingSchema>;
export type Alert = z.infer<typeof alertSchema>;

const expectedSchema = z.object({ exp_labels: z.record(z.string(), z.string()) });
const alertTestSchema = z.object({
  alertname: z.string(),
  exp_alerts: z.array(expectedSchema),
});
const testsSchema = z.object({
  tests: z.array(z.object({ alert_rule_test: z.array(alertTestSchema).optional() })),
});

export const rulesPath = 'helm/turnstream/monitoring/rules.yaml';
const testsDir = 'helm/turnstream/monitoring/tests';

const { groups } = rulesSchema.parse(parse(readText(rulesPath)));
const rules = groups.flatMap((group) => group.rules);

export const recordings: readonly Recording[] = rules.filter((rule) => 'record' in rule);
export const alerts: readonly Alert[] = rules.filter((rule) => 'alert' in rule);
export const ruleTestFiles = filesIn([testsDir], ['.yaml']);

/** Each look at an alert: the severities that fire then. */
export const looks = ruleTestFiles
  .flatMap((path) => testsSchema.parse(parse(readText(path))).tests)
  .flatMap((test) => test.alert_rule_test ?? [])
  .map(({ alertname, exp_alerts }) => ({
    alert: alertname,
    severities: exp_alerts.map(({ exp_labels }) => exp_labels['severity']),
  }));
