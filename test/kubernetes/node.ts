/**
 * A node of Kubernetes with all its parts as processes of this machine, in a network namespace of its own: etcd, API
 * server, controllers, scheduler, containerd, kubelet, proxy, DNS. `nsenter` and not `ip netns exec`, which
 * hides the control groups. What was started is known by its pid file, and ended by it alone.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import {
  processIdentity,
  readPidFile,
  startProcess,
  stopProcess,
  writePidFile,
} from '../../local/process.ts';
import { messageOf } from '../../processor/error.ts';
import {
  namespacePath,
  networkName,
  nodeAddress,
  nodeFiles,
  nodeName,
  podNetwork,
  serviceNetwork,
  volumes,
} from './node-files.ts';
import { podCgroups } from './prerequisites.ts';
import { eventually, run } from './run.ts';

export type NodePlan = {
  /** Short, since sockets are in it; everything of the node, and gone with it. */
  readonly dir: string;
  readonly cniDir: string;
  readonly kubernetes: string;
  readonly coreDns: string;
};

const startMsMax = 300_000;
const importMsMax = 900_000;
const stopMsMax = 15_000;
export const inNetwork = ['nsenter', `--net=${namespacePath}`] as const;

export async function startNode(plan: NodePlan, images: string): Promise<void> {
  const { dir } = plan;
  const folders = [
    'cni',
    'etcd',
    'certs',
    'kubelet',
    'log',
    'pids',
    ...volumes.map((each) => `volumes/${each}`),
  ];
  for (const folder of folders) mkdirSync(join(dir, folder), { recursive: true });
  for (const [name, text] of Object.entries(
    nodeFiles(plan, () => randomBytes(24).toString('hex')),
  )) {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
  }
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(dir, 'accounts.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), {
    mode: 0o600,
  });
  await makeNetwork();
  startControl(plan);
  const kubectl = (...args: readonly string[]) => nodeKubectl(plan, args);
  await eventually('the API server', startMsMax, async () => {
    await kubectl('get', '--raw', '/readyz');
    return null;
  });
  startControllers(plan);
  startPart(plan, 'containerd', ['containerd', '-c', join(dir, 'containerd.toml')]);
  await eventually('containerd', startMsMax, async () => {
    await ctr(plan, 'version');
    return null;
  });
  await run(['ctr', '--address', socket(plan), '-n', 'k8s.io', 'images', 'import', images], {
    limitMs: importMsMax,
  });
  startNodeParts(plan);
  const binding = ['create', 'clusterrolebinding', 'proxy'];
  await kubectl(...binding, '--clusterrole=system:node-proxier', '--user=system:kube-proxy');
  await kubectl('apply', '--filename', join(dir, 'storage.yaml'));
  await eventually('the node', startMsMax, async () => {
    const line = await kubectl('get', 'node', nodeName, '--no-headers');
    return / Ready /.test(line) ? null : line;
  });
}

export function nodeKubectl(
  plan: NodePlan,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const config = ['--kubeconfig', join(plan.dir, 'admin.kubeconfig')];
  return run([...inNetwork, plan.kubernetes, 'kubectl', ...config, ...args], {
    ...(input === undefined ? {} : { input }),
    limitMs: 1_800_000,
  });
}

async function makeNetwork(): Promise<void> {
  const inside = ['ip', '-n', networkName] as const;
  await run(['ip', 'netns', 'add', networkName]);
  await run([...inside, 'link', 'set', 'lo', 'up']);
  // Not a dummy: not every kernel has that.
  await run([...inside, 'link', 'add', 'node0', 'type', 'veth', 'peer', 'name', 'node0p']);
  await run([...inside, 'addr', 'add', `${nodeAddress}/24`, 'dev', 'node0']);
  await run([...inside, 'link', 'set', 'node0', 'up']);
  await run([...inside, 'link', 'set', 'node0p', 'up']);
  await run([...inside, 'route', 'add', 'default', 'dev', 'node0']);
  await run([...inNetwork, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
}

function startControl(plan: NodePlan): void {
  const { dir, kubernetes } = plan;
  const etcd = 'http://127.0.0.1:2379';
  const key = join(dir, 'accounts.key');
  startPart(plan, 'etcd', [
    kubernetes,
    'etcd',
    ...['--data-dir', join(dir, 'etcd')],
    ...['--listen-client-urls', etcd, '--advertise-client-urls', etcd],
    ...['--listen-peer-urls', 'http://127.0.0.1:2380', '--unsafe-no-fsync'],
  ]);
  startPart(plan, 'apiserver', [
    kubernetes,
    'kube-apiserver',
    `--etcd-servers=${etcd}`,
    `--cert-dir=${join(dir, 'certs')}`,
    '--bind-address=0.0.0.0',
    `--advertise-address=${nodeAddress}`,
    '--secure-port=6443',
    `--service-cluster-ip-range=${serviceNetwork}`,
    `--token-auth-file=${join(dir, 'tokens.csv')}`,
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    '--kubelet-preferred-address-types=InternalIP',
  ]);
}

function startControllers(plan: NodePlan): void {
  const { dir, kubernetes } = plan;
  startPart(plan, 'controllers', [
    kubernetes,
    'kube-controller-manager',
    `--kubeconfig=${join(dir, 'controllers.kubeconfig')}`,
    '--use-service-account-credentials',
    `--service-account-private-key-file=${join(dir, 'accounts.key')}`,
    `--root-ca-file=${join(dir, 'certs/apiserver.crt')}`,
    `--cluster-cidr=${podNetwork}`,
    '--allocate-node-cidrs=false',
    '--leader-elect=false',
  ]);
  const config = `--kubeconfig=${join(dir, 'scheduler.kubeconfig')}`;
  startPart(plan, 'scheduler', [kubernetes, 'kube-scheduler', config, '--leader-elect=false']);
}

function startNodeParts(plan: NodePlan): void {
  const { dir, kubernetes, coreDns } = plan;
  startPart(plan, 'kubelet', [
    kubernetes,
    'kubelet',
    `--config=${join(dir, 'kubelet.yaml')}`,
    `--kubeconfig=${join(dir, 'kubelet.kubeconfig')}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${nodeAddress}`,
    `--root-dir=${join(dir, 'kubelet')}`,
    `--cert-dir=${join(dir, 'kubelet/pki')}`,
  ]);
  startPart(plan, 'proxy', [kubernetes, 'kube-proxy', '--config', join(dir, 'proxy.yaml')]);
  startPart(plan, 'coredns', [coreDns, '-conf', join(dir, 'Corefile')]);
}

function startPart({ dir }: NodePlan, name: string, command: readonly string[]): void {
  const [file, ...args] = [...inNetwork, ...command];
  const child = startProcess({ file, args, cwd: dir }, join(dir, 'log', `${name}.log`));
  const { pid } = child;
  const identity = pid === undefined ? null : processIdentity(pid);
  if (pid === undefined || identity === null) throw new Error(`${name} did not start`);
  writePidFile(pidFile(dir, name), { pid, identity, ports: [] });
}

function pidFile(dir: string, name: string): string {
  return join(dir, 'pids', `${name}.pid`);
}

function socket({ dir }: NodePlan): string {
  return join(dir, 'containerd.sock');
}

function ctr(plan: NodePlan, ...args: readonly string[]): Promise<string> {
  return run(['ctr', '--address', socket(plan), '-n', 'k8s.io', ...args], { anyway: true });
}

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
  await eventually('the end of the containers', stopMsMax, async () => {
    for (const id of await list('containers', 'ls', '-q')) {
      await ctr(plan, 'tasks', 'rm', '-f', id).catch(() => undefined);
      await ctr(plan, 'containers', 'rm', id).catch(() => undefined);
    }
    const left = await list('containers', 'ls', '-q');
    return left.length === 0 ? null : left.join(', ');
  });
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
async function removePodNetworks({ dir }: NodePlan): Promise<void> {
  const before = readFileSync(join(dir, 'networks-before'), 'utf8').split('\n');
  for (const name of podNetworks()) {
    if (!before.includes(name)) await run(['ip', 'netns', 'delete', name], { anyway: true });
  }
}

function podNetworks(): readonly string[] {
  const folder = dirname(namespacePath);
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('cni-')) : [];
}

/** Before anything is started: those that are somebody else's. */
export function rememberNetworks(dir: string): void {
  writeFileSync(join(dir, 'networks-before'), podNetworks().join('\n'));
}

/** From the inside out: a group with others in it can't be removed. */
function removeCgroups(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroups(join(path, entry.name));
  }
  rmdirSync(path);
}
