/**
 * The programs that a node consists of, each made once and kept beside the downloads of the local stack: Kubernetes and
 * CoreDNS are built by Go, at the lowest priority, since the first time takes a quarter of an hour of processor time;
 * Node 24, on which the image runs, is a package of npm. A folder gets its name when it is complete.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { made } from '../../local/made.ts';
import { repositoryDir } from '../../local/settings.ts';
import { run } from './run.ts';

const kubernetesVersion = '1.36.3';
const coreDnsVersion = '1.15.0';
const nodeVersion = '24.21.0';
const buildMsMax = 7_200_000;

const sourceDir = join(repositoryDir, 'test', 'kubernetes', 'components');

/** One program with all parts: `kubernetes kubelet …`. */
export async function kubernetesProgram(): Promise<string> {
  const digest = createHash('sha256');
  for (const file of ['go.mod', 'main.go']) digest.update(readFileSync(join(sourceDir, file)));
  const name = `kubernetes-${kubernetesVersion}-${digest.digest('hex').slice(0, 8)}`;
  const folder = await made(name, buildMsMax, async (draft) => {
    const version = `-X k8s.io/component-base/version.gitVersion=v${kubernetesVersion}`;
    const out = join(draft, 'kubernetes');
    await go(['build', '-p=1', '-trimpath', '-ldflags', `-s -w ${version}`, '-o', out, '.'], {});
  });
  return join(folder, 'kubernetes');
}

export async function coreDnsProgram(): Promise<string> {
  const module = `github.com/coredns/coredns@v${coreDnsVersion}`;
  const folder = await made(`coredns-${coreDnsVersion}`, buildMsMax, (draft) =>
    go(['install', '-p=1', '-ldflags', '-s -w', module], { GOBIN: draft }),
  );
  return join(folder, 'coredns');
}

export async function nodeProgram(): Promise<string> {
  const name = `node-linux-${process.arch}`;
  const folder = await made(`node-${nodeVersion}`, buildMsMax, async (draft) => {
    const quiet = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
    await run(['npm', 'install', ...quiet, '--prefix', draft, `${name}@${nodeVersion}`], {
      limitMs: buildMsMax,
    });
  });
  return join(folder, 'node_modules', name, 'bin', 'node');
}

async function go(args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  await run(['nice', '-n', '19', 'go', ...args], {
    cwd: sourceDir,
    env: { CGO_ENABLED: '0', GOMAXPROCS: '1', ...env },
    limitMs: buildMsMax,
  });
}
