/**
 * `make test-kubernetes`: installs the chart on a real node and takes it through what a stranger would try, then takes
 * everything down that it started. The node is made here (CLUSTER=own), or is the one that kubectl means now
 * (CLUSTER=current), with the images that values.yaml of the chart names, or those of VALUES=<file>. The log of all steps
 * is .turnstream/kubernetes/report.log.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { helmTool } from '../../local/helm-tools.ts';
import { repositoryDir } from '../../local/settings.ts';
import { messageOf } from '../../processor/error.ts';
import { type Cluster, checkChart, describeCluster } from './checks.ts';
import { coreDnsProgram, kubernetesProgram, nodeProgram } from './components.ts';
import { buildImages } from './images.ts';
import { cacheOf, inNetwork, type NodePlan, nodeKubectl, startNode } from './node.ts';
import { rememberMachine, stopNode } from './node-end.ts';
import { cniDir, findRootPrograms, machine, missingForNode, programPath } from './prerequisites.ts';
import { Report, StepFailure } from './report.ts';
import { interrupt, isInterrupted, run } from './run.ts';

const namespace = 'turnstream-test';
const helmMsMax = 3_600_000;
const { values: options } = parseArgs({
  options: { cluster: { type: 'string', default: 'own' }, values: { type: 'string' } },
});
const report = new Report(join(repositoryDir, '.turnstream', 'kubernetes', 'report.log'));

/** From the programs to the node's end. */
async function onOwnNode(helm: string): Promise<void> {
  const values = options.values ?? join(repositoryDir, 'test', 'kubernetes', 'values.yaml');
  const plugins = cniDir();
  if (plugins === null) throw new Error('the plugins for pods’ networks were not found');
  const programs = await report.step('the programs of a node are there', async () => ({
    kubernetes: await kubernetesProgram(),
    coreDns: await coreDnsProgram(),
    node: await nodeProgram(),
  }));
  const dir = mkdtempSync(join(tmpdir(), 'turnstream-k8s-'));
  const plan: NodePlan = { dir, cniDir: plugins, ...programs };
  rememberMachine(dir);
  try {
    const draft = { dir: join(dir, 'images'), say: (line: string) => report.say(line) };
    const images = await report.step('images are made', () => buildImages(draft, programs.node));
    await report.step('a node starts', () => startNode(plan, images));
    await nodeKubectl(plan, ['create', 'namespace', namespace]);
    const config = join(dir, 'admin.kubeconfig');
    await check(
      {
        kubectl: (args) => nodeKubectl(plan, ['--namespace', namespace, ...args]),
        helm: (args) =>
          run([...inNetwork, helm, '--kubeconfig', config, '--namespace', namespace, ...args], {
            env: cacheOf(plan),
            limitMs: helmMsMax,
          }),
      },
      ['--values', values],
    );
  } finally {
    report.say('taking the node down');
    await stopNode(plan, (line) => report.say(line));
  }
}

async function onCurrentCluster(helm: string): Promise<void> {
  const kubectl = programPath('kubectl');
  if (kubectl === null) throw new Error('CLUSTER=current takes kubectl in PATH, with a context');
  report.say((await run([kubectl, 'config', 'current-context'])).trim());
  await run([kubectl, 'create', 'namespace', namespace]);
  try {
    const within = ['--namespace', namespace];
    await check(
      {
        kubectl: (args) => run([kubectl, ...within, ...args], { limitMs: helmMsMax }),
        helm: (args) => run([helm, ...within, ...args], { limitMs: helmMsMax }),
      },
      options.values === undefined ? [] : ['--values', options.values],
    );
  } finally {
    await run([kubectl, 'delete', 'namespace', namespace], { limitMs: helmMsMax, anyway: true });
  }
}

async function check(cluster: Cluster, values: readonly string[]): Promise<void> {
  try {
    await checkChart(cluster, report, values);
  } catch (thrown) {
    if (!isInterrupted()) await describeCluster(cluster, report);
    throw thrown;
  }
}

async function checked(): Promise<void> {
  const isOwn = options.cluster === 'own';
  if (!isOwn && options.cluster !== 'current') {
    throw new Error(`CLUSTER is own or current, and not ${options.cluster}`);
  }
  const helm = await report.step('what it takes is there', async () => {
    const found = await helmTool();
    const missing = [
      ...(isOwn ? missingForNode() : []),
      ...('missing' in found ? [found.missing] : []),
    ];
    if (missing.length > 0 || 'missing' in found) throw new Error(missing.join('\n'));
    report.say(machine());
    return found.path;
  });
  await (isOwn ? onOwnNode(helm) : onCurrentCluster(helm));
}

findRootPrograms();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
try {
  await checked();
} catch (thrown) {
  process.exitCode = 1;
  if (!(thrown instanceof StepFailure)) report.fail(messageOf(thrown));
}
if (isInterrupted()) process.exitCode = 130;
report.say(report.closingLine());
