/**
 * What the tests of the chart run with. helm comes from PATH, else Go builds it, once, at the lowest priority,
 * since it takes minutes. The schemas of Kubernetes come from a package of PyPI, those of
 * Prometheus' operator from its Go module. Each has its folder beside the downloads of the local stack, which gets its
 * name when it is complete. What can't be had is said with its reason.
 */

import { execFile } from 'node:child_process';
import { accessSync, constants, copyFileSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../processor/error.ts';
import { made } from './made.ts';

export type Missing = { readonly missing: string };
export type Tool = { readonly path: string };

const helmVersion = '3.22.0';
const schemasVersion = '1.37.0';
const operatorVersion = '0.85.0';
/** The first version of Kubernetes that the chart is for, and the newest one that is looked at. */
export const kubernetesVersions = ['1.28', '1.36'] as const;

const run = promisify(execFile);
const buildMsMax = 1_500_000;
const downloadMsMax = 300_000;

export async function helmTool(): Promise<Tool | Missing> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'helm');
    if (isProgram(path)) return { path };
  }
  try {
    const folder = await made(`helm-${helmVersion}`, buildMsMax, buildHelm);
    return { path: join(folder, 'helm') };
  } catch (thrown) {
    return {
      missing: `helm is not in PATH, and Go can't build it (${reasonOf(thrown)}); install helm 3, or Go`,
    };
  }
}

/** A folder with `<version>.json` for each of `kubernetesVersions`. */
export async function kubernetesSchemas(): Promise<Tool | Missing> {
  try {
    return {
      path: await made(`kubernetes-schemas-${schemasVersion}`, downloadMsMax, fetchSchemas),
    };
  } catch (thrown) {
    return {
      missing: `the schemas of Kubernetes can't be had from PyPI (${reasonOf(thrown)}); they take python3 with pip`,
    };
  }
}

/** A folder with the definitions of Prometheus' operator, as YAML. */
export async function operatorSchemas(): Promise<Tool | Missing> {
  try {
    const name = `prometheus-operator-${operatorVersion}`;
    return { path: await made(name, downloadMsMax, fetchOperatorSchemas) };
  } catch (thrown) {
    return {
      missing: `the schemas of Prometheus' operator can't be had (${reasonOf(thrown)}); they take Go`,
    };
  }
}

async function buildHelm(draft: string): Promise<void> {
  const [major, minor] = kubernetesVersions[1].split('.');
  const version = (path: string) =>
    `-X helm.sh/helm/v3/pkg/${path}.k8sVersionMajor=${major} -X helm.sh/helm/v3/pkg/${path}.k8sVersionMinor=${minor}`;
  const flags = `-s -w ${version('chartutil')} ${version('lint/rules')}`;
  await goCommand(
    ['install', '-p=1', '-ldflags', flags, `helm.sh/helm/v3/cmd/helm@v${helmVersion}`],
    {
      GOBIN: draft,
      CGO_ENABLED: '0',
      GOMAXPROCS: '1',
    },
  );
}

async function fetchOperatorSchemas(draft: string): Promise<void> {
  const module = `github.com/prometheus-operator/prometheus-operator@v${operatorVersion}`;
  const { Dir } = JSON.parse(await goCommand(['mod', 'download', '-json', module], {})) as {
    readonly Dir: string;
  };
  const folder = join(Dir, 'example', 'prometheus-operator-crd');
  for (const kind of ['podmonitors', 'prometheusrules', 'servicemonitors']) {
    const file = `monitoring.coreos.com_${kind}.yaml`;
    copyFileSync(join(folder, file), join(draft, file));
  }
}

/** Beside what a test measures, a build must not be noticed. */
async function goCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const options = { env: { ...process.env, ...env }, timeout: buildMsMax, cwd: '/' };
  const { stdout } = await run('nice', ['-n', '19', 'go', ...args], options);
  return stdout;
}

async function fetchSchemas(draft: string): Promise<void> {
  const package_ = `kubernetes-validate==${schemasVersion}`;
  const unpacked = join(draft, 'unpacked');
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', unpacked, package_];
  await run('nice', ['-n', '19', 'python3', ...pip], { timeout: downloadMsMax });
  const all = join(unpacked, 'kubernetes_validate', 'kubernetes-json-schema');
  for (const version of kubernetesVersions) {
    const folder = readdirSync(all).find((name) => name === `v${version}.0-local-strict`);
    if (folder === undefined) throw new Error(`the package lacks Kubernetes ${version}`);
    copyFileSync(join(all, folder, '_definitions.json'), join(draft, `${version}.json`));
  }
  rmSync(unpacked, { recursive: true });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The last line that a command wrote, which says why; else what was thrown. */
function reasonOf(thrown: unknown): string {
  const said = (thrown as { readonly stderr?: string } | null)?.stderr ?? '';
  return said.trim().split('\n').at(-1) || (messageOf(thrown).split('\n')[0] ?? '');
}
