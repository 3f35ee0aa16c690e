/** A length of time for people: `3.4 ms`, `1.2 s`, `12 min`; `-` for none. */
export function duration(micros: number | null): string {
  if (micros === null || Number.isNaN(micros)) return '-';
  const ms = micros / 1000;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${(ms / 60_000).toFixed(0)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}
