/** What the node takes of this machine. All that is missing is said at once, each with what to do. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { delimiter, join } from 'node:path';
import { namespacePath } from './node-files.ts';

const packages: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  ip: 'iproute2',
  nsenter: 'util-linux',
  iptables: 'iptables',
  busybox: 'busybox-static',
  ldd: 'libc-bin',
  tar: 'tar',
  go: 'golang',
  npm: 'npm',
};

const cniDirs = ['/usr/lib/cni', '/opt/cni/bin'];
const cniPlugins = ['bridge', 'host-local', 'loopback', 'portmap'];
const memoryMibMin = 5_000;

/** Where programs for root are, also for those who are root without a log-in. */
const rootFolders = ['/usr/sbin', '/sbin'];

/** For all that is started from now on: kube-proxy looks for iptables, and we for ip. */
export function findRootPrograms(): void {
  process.env['PATH'] = [process.env['PATH'] ?? '', ...rootFolders].join(delimiter);
}

export function programPath(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...rootFolders];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** The folder of the plugins for pods' networks. */
export function cniDir(): string | null {
  return (
    cniDirs.find((folder) => cniPlugins.every((name) => existsSync(join(folder, name)))) ?? null
  );
}

export function missingForNode(): readonly string[] {
  if (process.platform !== 'linux') {
    return [`A node runs on Linux, and this is ${process.platform}: use CLUSTER=current.`];
  }
  const missing: string[] = [];
  if (process.getuid?.() !== 0) {
    missing.push('containerd and kubelet need root: run it as root, or use CLUSTER=current.');
  }
  for (const [program, package_] of Object.entries(packages)) {
    if (programPath(program) === null) {
      missing.push(`${program} was not found (Debian, Ubuntu: apt-get install ${package_}).`);
    }
  }
  const busybox = programPath('busybox');
  if (busybox !== null && !isStatic(busybox)) {
    missing.push(`${busybox} is not static (Debian, Ubuntu: apt-get install busybox-static).`);
  }
  if (cniDir() === null) {
    missing.push(
      `${cniPlugins.join(', ')} are neither in ${cniDirs.join(' nor in ')} (Debian, Ubuntu: apt-get install containernetworking-plugins).`,
    );
  }
  const available = availableMib();
  if (available < memoryMibMin) {
    missing.push(`${available} MiB of memory are free: it takes ${memoryMibMin}.`);
  }
  if (existsSync(namespacePath)) {
    missing.push(
      `${namespacePath} is there: another run goes on, or one was killed; then: ip netns delete ${namespacePath.split('/').at(-1)}.`,
    );
  }
  const cgroup = podCgroups()[0];
  if (cgroup !== undefined) {
    missing.push(`${cgroup} is there: another kubelet runs on this machine: use CLUSTER=current.`);
  }
  return missing;
}

/** Those of pods, which only a kubelet makes. */
export function podCgroups(): readonly string[] {
  const root = '/sys/fs/cgroup';
  const folders = existsSync(root) ? readdirSync(root).map((name) => join(root, name)) : [];
  return [root, ...folders]
    .map((folder) => join(folder, 'kubepods'))
    .filter((path) => existsSync(path));
}

export function machine(): string {
  return `${availableParallelism()} cores, ${availableMib()} MiB of memory free, ${process.arch}`;
}

function availableMib(): number {
  const found = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return Math.round(found === undefined ? freemem() / 1_048_576 : Number(found) / 1024);
}

/** A program that asks for a dynamic loader names it. */
function isStatic(path: string): boolean {
  return statSync(path).isFile() && !readFileSync(path).includes('/ld-linux');
}
