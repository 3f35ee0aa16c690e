/**
 * A node of Kubernetes with all its parts as processes of this machine, in a network namespace of its own: etcd, API
 * server, controllers, scheduler, containerd, kubelet, proxy, DNS. `nsenter` and not `ip netns exec`, which
 * hides the control groups. What was started is known by its pid file, and ended by it alone (node-end.ts).
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processIdentity, startProcess, writePidFile } from '../../local/process.ts';
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
  rmSync(images);
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
    env: cacheOf(plan),
    limitMs: 1_800_000,
  });
}

/** Where kubectl and helm remember what the API server can do; else it is the home folder. */
export function cacheOf({ dir }: NodePlan): Readonly<Record<string, string>> {
  return { KUBECACHEDIR: join(dir, 'cache') };
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

export function pidFile(dir: string, name: string): string {
  return join(dir, 'pids', `${name}.pid`);
}

export function socket({ dir }: NodePlan): string {
  return join(dir, 'containerd.sock');
}

export function ctr(plan: NodePlan, ...args: readonly string[]): Promise<string> {
  return run(['ctr', '--address', socket(plan), '-n', 'k8s.io', ...args], { anyway: true });
}
