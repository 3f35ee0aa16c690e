/**
 * The end of a node: all that node.ts started, as far as it came, and what kubelet, containerd and the plugins for
 * networks left on this machine. What can't be done is told, and the rest is done.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readPidFile, stopProcess } from '../../local/process.ts';
import { messageOf } from '../../processor/error.ts';
import { ctr, type NodePlan, pidFile, socket } from './node.ts';
import { namespacePath, networkName } from './node-files.ts';
import { podCgroups } from './prerequisites.ts';
import { eventually, run } from './run.ts';

const stopMsMax = 15_000;
/** Of all containers, one after the other. */
const removalMsMax = 120_000;
/** Where kubelet and the plugins for networks leave something, wherever else their folders are. */
const traces = [
  { folder: '/var/log/containers', isOurs: (name: string) => name.includes(`_${networkName}_`) },
  {
    folder: '/var/lib/cni/results',
    isOurs: (name: string) => name.startsWith(`${networkName}-`),
  },
] as const;
/** Containerd, kubelet and the plugins make them, whatever their configuration says. */
const folders = [
  '/opt/containerd',
  '/run/containerd',
  '/var/lib/cni',
  '/var/lib/kubelet',
  '/var/log/containers',
] as const;
/** Kubelet sets them for the whole machine, and not only for its network namespace. */
const kernelSettings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
].map((name) => `/proc/sys/${name}`);

/** Ends all that `startNode` started, as far as it came; tells what could not be done, and goes on. */
export async function stopNode(plan: NodePlan, say: (line: string) => void): Promise<void> {
  const attempt = async (what: string, work: () => Promise<unknown> | unknown) => {
    try {
      await work();
    } catch (thrown) {
      say(`${what}: ${messageOf(thrown)}`);
    }
  };
  await attempt('kubelet', () => stopPart(plan, 'kubelet'));
  if (existsSync(socket(plan))) await attempt('the containers', () => stopContainers(plan));
  await attempt('the shims', () => stopShims(plan));
  // The API server waits for etcd when that goes first.
  for (const name of [
    'coredns',
    'proxy',
    'scheduler',
    'controllers',
    'apiserver',
    'etcd',
    'containerd',
  ]) {
    await attempt(name, () => stopPart(plan, name));
  }
  for (const mount of mountsBelow(plan.dir)) {
    await attempt(mount, () => run(['umount', '--lazy', mount], { anyway: true }));
  }
  if (existsSync(namespacePath)) {
    await attempt('the pods’ networks', () => removePodNetworks(plan));
    await attempt('the network', () =>
      run(['ip', 'netns', 'delete', networkName], { anyway: true }),
    );
  }
  for (const path of podCgroups()) await attempt(path, () => removeCgroups(path));
  await attempt('what is left in the system’s folders', () => removeTraces(plan));
  await attempt('the kernel’s settings', () => restoreKernel(plan));
  await attempt(plan.dir, () => {
    if (mountsBelow(plan.dir).length > 0) throw new Error('something is mounted there still');
    rmSync(plan.dir, { recursive: true, force: true });
  });
}

async function stopPart({ dir }: NodePlan, name: string): Promise<void> {
  const running = readPidFile(pidFile(dir, name));
  if (running !== null) await stopProcess(running, 'SIGTERM', stopMsMax);
}

async function stopContainers(plan: NodePlan): Promise<void> {
  const list = async (...args: readonly string[]) =>
    (await ctr(plan, ...args)).split('\n').filter((line) => line !== '');
  // One that has ended meanwhile is as good as ended.
  for (const id of await list('tasks', 'ls', '-q')) {
    await ctr(plan, 'tasks', 'kill', '-s', 'KILL', id).catch(() => undefined);
  }
  const removed = async () => {
    for (const id of await list('containers', 'ls', '-q')) {
      await ctr(plan, 'tasks', 'rm', '-f', id).catch(() => undefined);
      await ctr(plan, 'containers', 'rm', id).catch(() => undefined);
    }
    const left = await list('containers', 'ls', '-q');
    return left.length === 0 ? null : left.join(', ');
  };
  await eventually('the end of the containers', removalMsMax, removed, true);
}

/** A shim outlives containerd; its process names our socket. */
function stopShims({ dir }: NodePlan): void {
  const folder = join(dir, 'state/io.containerd.runtime.v2.task/k8s.io');
  for (const id of existsSync(folder) ? readdirSync(folder) : []) {
    const file = join(folder, id, 'shim.pid');
    if (!existsSync(file)) continue;
    const pid = Number(readFileSync(file, 'utf8'));
    const command = `/proc/${pid}/cmdline`;
    if (existsSync(command) && readFileSync(command, 'utf8').includes(dir))
      process.kill(pid, 'SIGKILL');
  }
}

function mountsBelow(dir: string): readonly string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${dir}/`))
    .toSorted()
    .toReversed();
}

/** Each pod has a network namespace of its own; its addresses are in our folder. */
async function removePodNetworks(plan: NodePlan): Promise<void> {
  const { networks } = remembered(plan);
  for (const name of podNetworks()) {
    if (!networks.includes(name)) await run(['ip', 'netns', 'delete', name], { anyway: true });
  }
}

function podNetworks(): readonly string[] {
  const folder = dirname(namespacePath);
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('cni-')) : [];
}

/** What was there before anything is started, and stays. */
type Before = {
  readonly networks: readonly string[];
  readonly kernel: Readonly<Record<string, string>>;
  /** Of `folders`, those that were not there. */
  readonly absent: readonly string[];
};

export function rememberMachine(dir: string): void {
  const before: Before = {
    networks: podNetworks(),
    kernel: Object.fromEntries(kernelSettings.map((path) => [path, readFileSync(path, 'utf8')])),
    absent: folders.filter((path) => !existsSync(path)),
  };
  writeFileSync(join(dir, 'before.json'), JSON.stringify(before));
}

function remembered({ dir }: NodePlan): Before {
  return JSON.parse(readFileSync(join(dir, 'before.json'), 'utf8')) as Before;
}

function restoreKernel(plan: NodePlan): void {
  for (const [path, value] of Object.entries(remembered(plan).kernel)) {
    if (readFileSync(path, 'utf8') !== value) writeFileSync(path, value);
  }
}

/** Of a folder that was there before, only what bears our name goes. */
function removeTraces(plan: NodePlan): void {
  for (const path of remembered(plan).absent) {
    if (mountsBelow(path).length > 0) throw new Error(`something is mounted in ${path} still`);
    rmSync(path, { recursive: true, force: true });
  }
  for (const { folder, isOurs } of traces) {
    for (const name of existsSync(folder) ? readdirSync(folder).filter(isOurs) : []) {
      rmSync(join(folder, name), { force: true });
    }
  }
}

/** From the inside out: a group with others in it can't be removed. */
function removeCgroups(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroups(join(path, entry.name));
  }
  rmdirSync(path);
}
