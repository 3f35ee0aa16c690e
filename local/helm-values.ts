/**
 * `npm run helm:generate`: brings the files of the chart up to date that follow from others. The projections in
 * values.yaml come from the registry, values.schema.json from values.yaml and the settings' table, README.md
 * from its template and values.yaml, the demo's tables from the generator's. With `--check` nothing
 * is written: it exits with 1 and names what is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedFiles } from './helm-chart.ts';
import { repositoryDir } from './settings.ts';

const read = (path: string) => {
  try {
    return readFileSync(join(repositoryDir, path), 'utf8');
  } catch {
    return '';
  }
};

const isCheck = process.argv.includes('--check');
const changed = [...generatedFiles(read)].filter(([path, text]) => read(path) !== text);
for (const [path, text] of changed) {
  if (!isCheck) writeFileSync(join(repositoryDir, path), text);
  console.log(isCheck ? `${path} is out of date: run npm run helm:generate` : `${path} written`);
}
if (isCheck && changed.length > 0) process.exitCode = 1;
