/**
 * What must happen in a run of many histories, since what never happened is not proven. The servers,
 * the checks and the actors count by name; a run prints the counts, and fails when one of these
 * is missing.
 */

/** Each is a name, or the beginning of names, with how it is told when it is missing. */
const required: readonly string[] = [];

export function missingFrom(counts: ReadonlyMap<string, number>): readonly string[] {
  return required.filter((name) => !counts.has(name));
}

export function coverageTable(counts: ReadonlyMap<string, number>): string {
  const names = [...counts.keys()].sort();
  const width = Math.max(0, ...names.map(({ length }) => length));
  return names
    .map((name) => `  ${name.padEnd(width)} ${(counts.get(name) ?? 0).toLocaleString('en')}`)
    .join('\n');
}
