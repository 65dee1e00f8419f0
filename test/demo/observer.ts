/** Watches availability from outside, so that what the demo says of it is not the worker's own word. */
import { availabilityFloor } from '../../src/domain/rollout.ts';
import { apiServer } from '../cluster/apiserver.ts';
import type { Cluster } from '../cluster/cluster.ts';

interface Deployment {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: {
    readonly replicas: number;
    readonly strategy: {
      readonly rollingUpdate?: { readonly maxSurge: number | string; readonly maxUnavailable: number | string };
    };
  };
  readonly status: { readonly availableReplicas?: number };
}

export interface Seen {
  readonly replicas: number;
  /** What the strategy promises. */
  readonly floor: number;
  /** The fewest available replicas that were seen. */
  least: number;
}

/** From now until the signal aborts; the map fills while the fleet is watched. */
export function observeAvailability(cluster: Cluster, signal: AbortSignal): ReadonlyMap<string, Seen> {
  const seen = new Map<string, Seen>();
  const api = apiServer(cluster.server, cluster.adminToken, cluster.caFile);
  const follow = async (): Promise<void> => {
    for await (const { object } of api.watch<{ object: Deployment }>('/apis/apps/v1/deployments?watch=1', signal)) {
      const { metadata, spec, status } = object;
      const available = status.availableReplicas ?? 0;
      const known = seen.get(`${metadata.namespace}/${metadata.name}`);
      if (known !== undefined) known.least = Math.min(known.least, available);
      else
        seen.set(`${metadata.namespace}/${metadata.name}`, {
          replicas: spec.replicas,
          floor: floorOf(spec),
          least: available,
        });
    }
    await api.close();
  };
  void follow().catch(() => undefined);
  return seen;
}

function floorOf({ replicas, strategy: { rollingUpdate } }: Deployment['spec']): number {
  return availabilityFloor(
    replicas,
    rollingUpdate === undefined ? { kind: 'recreate' } : { kind: 'rollingUpdate', ...rollingUpdate },
  );
}

interface Pod {
  readonly metadata: {
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
}

/** `NAMESPACE/APP` -> the sidecar images of its Pods. */
export async function sidecarImages(cluster: Cluster, sidecar: string): Promise<Map<string, string>> {
  const { items } = await cluster.api<{ items: Pod[] }>('/api/v1/pods');
  const images = new Map<string, Set<string>>();
  for (const { metadata, spec } of items.filter(pod => pod.metadata.deletionTimestamp === undefined)) {
    const image = spec.containers.find(({ name }) => name === sidecar)?.image;
    const key = `${metadata.namespace}/${metadata.labels['app'] ?? ''}`;
    if (image !== undefined) images.set(key, (images.get(key) ?? new Set()).add(image));
  }
  return new Map([...images].map(([key, set]) => [key, [...set].toSorted().join(', ')]));
}
