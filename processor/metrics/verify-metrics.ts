/** The metrics of `turnstream verify --continuous`, from its reports (metric-table.ts declares them). */
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { parseLsn } from '../source/lsn.ts';
import type { VerifyReport } from '../verify/report.ts';
import { counted, declareIn } from './declare.ts';

export type VerifyMetrics = {
  report(report: VerifyReport): void;
  /** It could not verify. */
  failed(): void;
};

const results = ['equal', 'differences', 'unknown', 'failed'] as const;

export function createVerifyMetrics(registry: Registry, nowMs: () => number): VerifyMetrics {
  collectDefaultMetrics({ register: registry });
  const declare = declareIn(registry);
  const runs = declare.counter('turnstream_verify_runs_total');
  const counts = new Map(results.map((result) => [result, counted(runs, result)]));
  let knownAtMs: number | null = null;
  // Absent before the first one, like what only a run knows.
  const known = declare.gauge('turnstream_verify_age_seconds', (gauge) => {
    if (knownAtMs === null) gauge.remove();
    else gauge.set(Math.max(0, (nowMs() - knownAtMs) / 1000));
  });
  const lsn = declare.gauge('turnstream_verify_lsn_bytes');
  const duration = declare.gauge('turnstream_verify_duration_seconds');
  const rounds = declare.gauge('turnstream_verify_rounds');
  for (const gauge of [known, lsn, duration, rounds]) gauge.remove();
  const rows = declare.gauge('turnstream_verify_rows');
  const differences = declare.gauge('turnstream_verify_differences');
  const repaired = declare.counter('turnstream_verify_repaired_rows_total');
  const open = declare.gauge('turnstream_verify_open_rows');
  return {
    report(report) {
      counts.get(report.verdict)?.inc();
      if (report.verdict !== 'unknown') knownAtMs = nowMs();
      lsn.set(parseLsn(report.lsn) ?? 0);
      duration.set(report.seconds);
      rounds.set(report.rounds);
      for (const each of report.projections) {
        const { projection } = each;
        rows.set({ projection }, each.rows);
        for (const kind of ['missing', 'extra', 'different'] as const) {
          differences.set({ projection, kind }, each[kind]);
        }
        repaired.inc({ projection }, each.repaired);
        open.set({ projection, state: 'changing' }, each.changing);
        open.set({ projection, state: 'unsettled' }, each.unsettled + each.unexaminedRows);
        open.set({ projection, state: 'pinned' }, each.pinned);
        open.set({ projection, state: 'refused' }, each.refused);
      }
    },
    failed: () => counts.get('failed')?.inc(),
  };
}
