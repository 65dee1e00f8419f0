/** The Node of the kubelet of one page: Ready, alive by its Lease, and tainted so that the fleet keeps away. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiServer, ApiError } from '../apiserver.ts';
import { until } from '../until.ts';
import { instant } from './status.ts';

export const NODE = 'nightshift-kubelet';
const KEY = 'nightshift.test/kubelet';

/** For the spec of a Pod, or for the values of a chart: what brings a Pod to this Node. */
export const kubeletPlacement = {
  nodeSelector: { [KEY]: 'true' },
  tolerations: [{ key: KEY, operator: 'Equal', value: 'true', effect: 'NoSchedule' }],
} as const;

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const LEASE_SECONDS = 40;

export async function registerNode(api: ApiServer): Promise<void> {
  const resources = { cpu: '8', memory: '16Gi', pods: '110' };
  const now = instant();
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  const body = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE, labels: { [KEY]: 'true', 'kubernetes.io/hostname': NODE, 'kubernetes.io/os': 'linux' } },
    spec: { taints: [{ key: KEY, value: 'true', effect: 'NoSchedule' }] },
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [ready],
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      nodeInfo: { kubeletVersion: 'v1.36.3', operatingSystem: 'linux', architecture: 'amd64' },
    },
  };
  await api.request('/api/v1/nodes', { method: 'POST', body });
  await renewLease(api);
  await until('the taint of a Node that is not ready to go', async () => {
    const node = await api.request<{ readonly spec: { readonly taints?: readonly unknown[] } }>(
      `/api/v1/nodes/${NODE}`,
    );
    return (node.spec.taints ?? []).length === 1;
  });
}

/** Renews the Lease until the signal aborts: without it the Node counts as lost after 50 s and its Pods are evicted. */
export async function keepNodeAlive(api: ApiServer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await renewLease(api).catch(() => undefined);
    await sleep(10_000, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

async function renewLease(api: ApiServer): Promise<void> {
  const spec = { holderIdentity: NODE, leaseDurationSeconds: LEASE_SECONDS, renewTime: microTime() };
  try {
    await api.request(`${LEASES}/${NODE}`, { method: 'PATCH', body: { spec } });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    await api.request(LEASES, { method: 'POST', body: { metadata: { name: NODE }, spec } });
  }
}

function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
