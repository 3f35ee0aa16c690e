/** Renders charts with helm, as objects. A rendering is done once for the same question. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { helmTool, kubernetesVersions } from '../../../local/helm-tools.ts';
import { rootDir } from '../../support/sources.ts';

export type Fields = Readonly<Record<string, unknown>>;

export type KubernetesObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Fields;
  readonly data?: Readonly<Record<string, string>>;
};

export const chartPath = join(rootDir, 'helm', 'turnstream');
export const valuesFiles: readonly string[] = readdirSync(join(chartPath, 'ci')).toSorted();

export const helm = await helmTool();
export const isMissing = 'missing' in helm;
if ('missing' in helm) console.warn(`the chart's tests did not run: ${helm.missing}.`);

export type Rendering = {
  /** One of ci/, by its name. */
  readonly file?: string;
  /** Over it. */
  readonly values?: Fields;
  readonly release?: string;
  readonly chart?: string;
};

const known = new Map<string, Promise<string>>();

export function renderText(rendering: Rendering = {}): Promise<string> {
  const name = JSON.stringify(rendering);
  const found = known.get(name) ?? renderAnew(rendering);
  known.set(name, found);
  return found;
}

async function renderAnew({ file, values, release, chart }: Rendering): Promise<string> {
  const args = ['template', release ?? 'turnstream', chart ?? chartPath, '--namespace', 'apps'];
  args.push('--kube-version', `${kubernetesVersions[1]}.0`);
  if (file !== undefined) args.push('--values', join(chartPath, 'ci', file));
  return await withValues(values, (more) => helmOutput([...args, ...more]));
}

/** Hands over the values as a file. */
async function withValues<T>(
  values: Fields | undefined,
  use: (args: readonly string[]) => Promise<T>,
): Promise<T> {
  if (values === undefined) return await use([]);
  const folder = mkdtempSync(join(tmpdir(), 'turnstream-values-'));
  try {
    const path = join(folder, 'values.yaml');
    writeFileSync(path, stringify(values));
    return await use(['--values', path]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function helmOutput(args: readonly string[]): Promise<string> {
  if ('missing' in helm) throw new Error(helm.missing);
  const options = { env: { ...process.env, GOMAXPROCS: '1' }, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)(helm.path, [...args], options).catch(
    (failure: { stdout: string; stderr: string }) => {
      throw new Error(`${failure.stderr}${failure.stdout}`);
    },
  );
  return stdout;
}

export async function render(rendering: Rendering = {}): Promise<readonly KubernetesObject[]> {
  return parsed(await renderText(rendering));
}

export function parsed(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    // Helm refuses a key that is there twice only when it installs.
    if (document.errors.length > 0) throw new Error(String(document.errors[0]));
    const object = document.toJS() as KubernetesObject | null;
    return object === null ? [] : [object];
  });
}

/** What helm says of values that it refuses. */
export async function refusal(rendering: Rendering): Promise<string> {
  try {
    await renderText(rendering);
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  throw new Error('helm took the values');
}

/** `Deployment turnstream-sequencer`, in order. A Job's name ends in a digest, which is left out. */
export function namesOf(objects: readonly KubernetesObject[]): readonly string[] {
  return objects
    .map(({ kind, metadata }) =>
      kind === 'Job'
        ? `${kind} ${metadata.name.replace(/-[0-9a-f]{8}$/, '')}`
        : `${kind} ${metadata.name}`,
    )
    .toSorted();
}

export function objectOf(
  objects: readonly KubernetesObject[],
  kind: string,
  name: string,
): KubernetesObject {
  const found = objects.find((object) => namesOf([object])[0] === `${kind} ${name}`);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** What is told after an installation. `helm template` does not show it, so it is rendered as an object. */
export async function renderNotes(values: Fields = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'turnstream-chart-'));
  try {
    const chart = join(folder, 'turnstream');
    cpSync(chartPath, chart, { recursive: true });
    const notes = readFileSync(join(chartPath, 'templates', 'NOTES.txt'), 'utf8');
    const template = `{{- define "notes" }}${notes}{{ end -}}\nkind: Notes\nmetadata: {name: notes}\ndata: {text: {{ include "notes" . | toJson }}}\n`;
    writeFileSync(join(chart, 'templates', 'shown.yaml'), template);
    const objects = await render({ chart, values });
    return objectOf(objects, 'Notes', 'notes').data?.['text'] ?? '';
  } finally {
    rmSync(folder, { recursive: true });
  }
}
