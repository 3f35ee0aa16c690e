/** Tables for people: columns as wide as their longest cell, two spaces apart. */

export function textTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  options: { readonly alignRight?: readonly number[] } = {},
): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  return lines
    .map((line) =>
      widths
        .map((width, column) => {
          const cell = line[column] ?? '';
          return options.alignRight?.includes(column) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
