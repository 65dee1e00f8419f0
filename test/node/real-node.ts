/**
 * A real Node for a test cluster: kubelet, containerd and runc, beside the nodes that only pretend. It runs on the
 * machine that `machine.sh` makes, whose one Node it is.
 */
import { globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../cluster/cluster.ts';
import { assertRunning } from '../cluster/controlplane.ts';
import { type Component, startProcess } from '../cluster/processes.ts';
import { until } from '../cluster/until.ts';
import { run } from './command.ts';
import { PAUSE_IMAGE } from './images.ts';

const NODE = 'real';
const TAINT = 'nightshift.test/real-node';
const SOCKET = '/run/containerd/containerd.sock';
const POD_LOGS = '/run/pod-logs';
/** The Service of the API server, the first address of the range. */
const SERVICE = '10.96.0.1';

/** Values for helm: the Pods that shall run here, and only they. */
export const placement = {
  nodeSelector: { 'kubernetes.io/hostname': NODE },
  tolerations: [{ key: TAINT, operator: 'Exists', effect: 'NoSchedule' }],
};

/** Returns when the Node is Ready and has the images of the archives. It ends with the cluster. */
export async function startRealNode(cluster: Cluster, cgroup: string, archives: readonly string[]): Promise<void> {
  const port = new URL(cluster.server).port;
  for (const chain of ['PREROUTING', 'OUTPUT']) {
    const packet = ['-t', 'nat', '-A', chain, '-d', SERVICE, '-p', 'tcp', '--dport', '443'];
    await run('iptables', [...packet, '-j', 'DNAT', '--to-destination', `127.0.0.1:${port}`]);
  }
  const containerd = startContainerd(cluster);
  await until('containerd to answer', () => {
    assertRunning(containerd);
    return ctr('version');
  });
  for (const archive of archives) await ctr('images', 'import', archive);
  const kubelet = startKubelet(cluster, cgroup);
  await until('the real Node to be Ready', async () => {
    for (const component of [containerd, kubelet]) assertRunning(component);
    const { status } = await cluster.api<NodeObject>(`/api/v1/nodes/${NODE}`);
    return status.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True');
  });
}

interface NodeObject {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** The process that is number 1 in a container (`containerd://ID` as a Pod's status names it), undefined when it ended. */
export function processOf(containerId: string): number | undefined {
  const id = containerId.replace('containerd://', '');
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && readProc(Number(name), 'cgroup').includes(id))
    .map(Number)
    .find(pid => /^NSpid:.*\t1$/m.test(readProc(pid, 'status')));
}

/** A file of `/proc/PID`, empty when the process has ended. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** The folder of the cgroup that a process is in, where one reads and sets what the kernel holds it to. */
export function cgroupOf(pid: number, controller: string): string {
  const line = readProc(pid, 'cgroup')
    .split('\n')
    .find(each => each.split(':')[1]?.split(',').includes(controller));
  return join('/sys/fs/cgroup', controller, line?.split(':')[2] ?? '');
}

/** Everything that the containers of a Pod have printed, as the runtime keeps it; empty when nothing was. */
export function logOf(namespace: string, pod: string): string {
  return globSync(join(POD_LOGS, `${namespace}_${pod}_*`, '*', '*.log'))
    .map(file => readFileSync(file, 'utf8'))
    .join('');
}

function ctr(...args: string[]): Promise<string> {
  return run('ctr', ['--address', SOCKET, '--namespace', 'k8s.io', ...args]);
}

function startContainerd(cluster: Cluster): Component {
  mkdirSync('/run/cni');
  writeFileSync('/run/cni/10-pods.conflist', JSON.stringify(podNetwork));
  writeFileSync('/run/containerd.toml', CONTAINERD);
  return start(cluster, 'containerd', 'containerd', ['--config', '/run/containerd.toml']);
}

function startKubelet(cluster: Cluster, cgroup: string): Component {
  writeFileSync('/run/kubelet.json', JSON.stringify(kubeletConfiguration(cgroup)));
  return start(cluster, 'kubelet', join(cluster.tools, 'kubelet'), [
    '--config=/run/kubelet.json',
    `--kubeconfig=${cluster.kubeconfig}`,
    '--cert-dir=/run/kubelet-pki',
    `--hostname-override=${NODE}`,
    '--node-ip=192.168.123.1',
  ]);
}

function start(cluster: Cluster, name: string, file: string, args: readonly string[]): Component {
  const { folder } = cluster;
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return startProcess(folder, { name, file, args, folder, env, logFile: join(folder, `${name}.log`) });
}

const podNetwork = {
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipMasq: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: '192.168.124.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
};

const CONTAINERD = `
version = 2
root = "/run/containerd-root"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "${SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_apparmor = true
  # A sandbox may not be allowed to lower its score: runc then fails with "can't get final child's PID from pipe".
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/run/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;

function kubeletConfiguration(cgroup: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    containerRuntimeEndpoint: `unix://${SOCKET}`,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    registerWithTaints: [{ key: TAINT, value: 'true', effect: 'NoSchedule' }],
    podLogsDir: POD_LOGS,
    volumePluginDir: '/run/volume-plugins',
    oomScoreAdj: 0,
    maxOpenFiles: 20_000,
    failSwapOn: false,
    nodeStatusUpdateFrequency: '2s',
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
  };
}
