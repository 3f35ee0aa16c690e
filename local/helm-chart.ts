/** The files of the chart that follow from others, as texts: what `npm run helm:generate` writes. Pure. */
import type { Projection } from '../processor/projection/projection.ts';
import { projections } from '../projections/index.ts';
import { type ChartValue, documentedValues } from './helm-documented.ts';
import { valuesSchema } from './helm-schema.ts';

export const chartDir = 'helm/turnstream';

const projectionsBlock = /( *)# <projections: [^\n]*\n[\s\S]*?# <\/projections>/;

/** By path. `read` answers '' for what is not there. */
export function generatedFiles(
  read: (path: string) => string,
  known: readonly Projection[] = projections,
): ReadonlyMap<string, string> {
  const values = withProjections(read(`${chartDir}/values.yaml`), known);
  const documented = documentedValues(values);
  const schema = valuesSchema(
    documented,
    known.map(({ name }) => name),
  );
  return new Map([
    [`${chartDir}/values.yaml`, values],
    [`${chartDir}/values.schema.json`, `${JSON.stringify(schema, null, 2)}\n`],
    [`${chartDir}/README.md`, readme(read(`${chartDir}/README.template.md`), documented)],
    [`${chartDir}/files/schema.sql`, read('generator/schema.sql')],
  ]);
}

/**
 * What somebody has set for a projection in values.yaml is kept: the block is made anew only when its
 * names or their sentences are not those of the registry.
 */
export function withProjections(values: string, known: readonly Projection[]): string {
  return values.replace(projectionsBlock, (block, indent: string) => {
    const wanted = known.map(
      ({ name, about }) => `${indent}# -- ${about}\n${indent}${name}:\n${indent}  enabled: true\n`,
    );
    const [first = ''] = block.split('\n');
    return `${first}\n${wanted.join('')}${indent}# </projections>`;
  });
}

function readme(template: string, documented: readonly ChartValue[]): string {
  const rows = documented.map(
    ({ path, type, value, about }) =>
      `| \`${path.join('.')}\` | ${type} | ${shown(value)} | ${about.replaceAll('|', '\\|')} |`,
  );
  const table = ['| key | type | default | meaning |', '| --- | --- | --- | --- |', ...rows];
  return template.replace('<!-- values -->', table.join('\n'));
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return `\`${text.replaceAll('|', '\\|')}\``;
}
