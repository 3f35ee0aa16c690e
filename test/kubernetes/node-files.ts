/** The configuration of a node's parts as texts, by file name. Pure. */

export const networkName = 'turnstream-test';
export const namespacePath = `/run/netns/${networkName}`;
export const nodeName = 'node';
export const nodeAddress = '10.200.0.1';
export const podNetwork = '10.202.0.0/24';
export const serviceNetwork = '10.201.0.0/24';
export const pauseImage = 'localhost/turnstream-test/pause:test';
/** More than the chart has StatefulSets. */
export const volumes = [0, 1, 2, 3] as const;

export type Places = { readonly dir: string; readonly cniDir: string };

/** Who may speak to the API server: file of the account, name, user id, groups. */
const accounts = [
  ['admin', 'admin', 'system:masters'],
  ['controllers', 'system:kube-controller-manager', ''],
  ['scheduler', 'system:kube-scheduler', ''],
  ['kubelet', `system:node:${nodeName}`, 'system:nodes,system:masters'],
  ['proxy', 'system:kube-proxy', ''],
] as const;

export type Account = (typeof accounts)[number][0];

export function nodeFiles(places: Places, token: () => string): Readonly<Record<string, string>> {
  const tokens = accounts.map(([account]) => [account, token()] as const);
  const lines = accounts.map(([account, user, groups], at) =>
    [tokens[at]?.[1], user, account, ...(groups === '' ? [] : [`"${groups}"`])].join(','),
  );
  return {
    'tokens.csv': `${lines.join('\n')}\n`,
    ...Object.fromEntries(
      tokens.map(([account, secret]) => [`${account}.kubeconfig`, kubeconfig(secret)]),
    ),
    'kubelet.yaml': kubelet(places),
    'proxy.yaml': proxy(places),
    'containerd.toml': containerd(places),
    'cni/10-pods.conflist': cni(places),
    Corefile: corefile(places),
    'storage.yaml': storage(places),
  };
}

function kubeconfig(token: string): string {
  return `apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://${nodeAddress}:6443", insecure-skip-tls-verify: true}}]
users: [{name: user, user: {token: ${token}}}]
contexts: [{name: test, context: {cluster: test, user: user}}]
current-context: test
`;
}

/** Control groups of either version; a node may itself be a container. */
function kubelet({ dir }: Places): string {
  return `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /
containerRuntimeEndpoint: unix://${dir}/containerd.sock
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
clusterDNS: [${nodeAddress}]
clusterDomain: cluster.local
failSwapOn: false
registerNode: true
featureGates: {KubeletInUserNamespace: true}
imageGCHighThresholdPercent: 100
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: "100Mi"}
healthzBindAddress: 127.0.0.1
maxPods: 60
podLogsDir: ${dir}/pod-logs
resolvConf: ""
makeIPTablesUtilChains: false
`;
}

/** All that goes to a service comes back through the node, also where the kernel does not filter its bridges. */
function proxy({ dir }: Places): string {
  return `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
iptables: {masqueradeAll: true}
clusterCIDR: ${podNetwork}
clientConnection: {kubeconfig: ${dir}/proxy.kubeconfig}
hostnameOverride: ${nodeName}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
oomScoreAdj: 0
`;
}

function containerd({ dir, cniDir }: Places): string {
  return `version = 2
root = "${dir}/root"
state = "${dir}/state"
[grpc]
  address = "${dir}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "${pauseImage}"
  disable_tcp_service = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniDir}"
    conf_dir = "${dir}/cni"
`;
}

function cni({ dir }: Places): string {
  const ipam = {
    type: 'host-local',
    dataDir: `${dir}/cni-addresses`,
    ranges: [[{ subnet: podNetwork }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const bridge = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipMasq: false,
    hairpinMode: true,
    ipam,
  };
  const plugins = [bridge, { type: 'portmap', capabilities: { portMappings: true } }];
  return JSON.stringify({ cniVersion: '0.4.0', name: networkName, plugins });
}

function corefile({ dir }: Places): string {
  return `.:53 {
  bind ${nodeAddress}
  errors
  kubernetes cluster.local {
    kubeconfig ${dir}/admin.kubeconfig test
    pods insecure
  }
}
`;
}

/** Folders of the node as volumes, of the default class. */
function storage({ dir }: Places): string {
  const storageClass = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`;
  const terms = `{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [${nodeName}]}]}`;
  const ofVolume = (number: number) => `apiVersion: v1
kind: PersistentVolume
metadata: {name: volume-${number}}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: local
  local: {path: ${dir}/volumes/${number}}
  nodeAffinity: {required: {nodeSelectorTerms: [${terms}]}}
`;
  return [storageClass, ...volumes.map(ofVolume)].join('---\n');
}
