/** Deployments for tests and the demo, and what can be counted about them afterwards. */
import type { Cluster } from './cluster.ts';
import type { Behaviour } from './stages.ts';
import { until } from './until.ts';

export interface DeploymentWishes {
  readonly namespace: string;
  readonly name: string;
  readonly replicas?: number;
  /** Of its Pods, from the start. */
  readonly behaviour?: Behaviour;
  /** Of the Pods that a restart makes. */
  readonly whenRestarted?: Behaviour;
  /** Further annotations of the Pod template (`test.nightshift/delay` and the like). */
  readonly podAnnotations?: Readonly<Record<string, string>>;
  readonly podLabels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly initContainer?: boolean;
  readonly image?: string;
  /** Merged over the spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A Deployment as a manifest. */
export function deployment(wishes: DeploymentWishes): object {
  const { namespace: where, name, replicas = 1, behaviour, whenRestarted, podAnnotations = {}, spec = {} } = wishes;
  const annotations = {
    ...(behaviour === undefined ? {} : { 'test.nightshift/behaviour': behaviour }),
    ...(whenRestarted === undefined ? {} : { 'test.nightshift/when-restarted': whenRestarted }),
    ...podAnnotations,
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      namespace: where,
      name,
      labels: { app: name, ...wishes.labels },
      annotations: wishes.annotations ?? {},
    },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...wishes.podLabels }, annotations },
        spec: {
          ...(wishes.initContainer ? { initContainers: [{ name: 'init', image: 'example.test/init:1' }] } : {}),
          containers: [{ name: 'app', image: wishes.image ?? 'example.test/app:1' }],
        },
      },
      ...spec,
    },
  };
}

/** The same as one of another kind: its Pods are named, or on every node. */
export function ofKind(kind: 'StatefulSet' | 'DaemonSet', wishes: DeploymentWishes): object {
  const { spec, ...manifest } = Object(deployment(wishes));
  const { replicas, ...rest } = spec;
  const own = kind === 'StatefulSet' ? { replicas, serviceName: wishes.name } : {};
  return { ...manifest, kind, spec: { ...rest, ...own } };
}

/** A Namespace whose Pods get the sidecar, unless told otherwise. */
export function namespace(
  name: string,
  options: { readonly injected?: boolean; readonly annotations?: Readonly<Record<string, string>> } = {},
): object {
  const labels = options.injected === false ? {} : { 'istio-injection': 'enabled' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels, annotations: options.annotations ?? {} } };
}

/** A LimitRange that no Pod without requests meets: those that are there stay, and no other is made. */
export function noNewPods(where: string): object {
  const spec = { limits: [{ type: 'Pod', min: { memory: '1Gi' } }] };
  return { apiVersion: 'v1', kind: 'LimitRange', metadata: { namespace: where, name: 'large-ones-only' }, spec };
}

export interface DeploymentObject {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly generation: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };
  };
  readonly status: {
    readonly observedGeneration?: number;
    readonly availableReplicas?: number;
    readonly updatedReplicas?: number;
    readonly replicas?: number;
  };
}

/** Applies manifests and waits until every Deployment (of the namespaces) that nobody paused is available and settled. */
export async function deploy(
  cluster: Cluster,
  manifests: readonly object[],
  options: { readonly namespaces?: readonly string[] } = {},
): Promise<void> {
  await cluster.kubectlApply(manifests.map(manifest => JSON.stringify(manifest)).join('\n---\n'));
  await settled(cluster, options.namespaces);
}

/** Resolves once every Deployment (of the namespaces) that nobody paused is available and settled. */
export async function settled(cluster: Cluster, namespaces?: readonly string[]): Promise<void> {
  await until('the fleet to be available', async () => (await deploymentsIn(cluster, namespaces)).every(isSettled), {
    seconds: 120,
    everyMilliseconds: 200,
  });
}

function isSettled({ metadata, spec, status }: DeploymentObject): boolean {
  const counts = [status.replicas ?? 0, status.updatedReplicas ?? 0, status.availableReplicas ?? 0];
  return status.observedGeneration === metadata.generation && counts.every(count => count === spec.replicas);
}

export async function deploymentsOf(cluster: Cluster, namespaceName?: string): Promise<readonly DeploymentObject[]> {
  const path =
    namespaceName === undefined ? '/apis/apps/v1/deployments' : `/apis/apps/v1/namespaces/${namespaceName}/deployments`;
  return (await cluster.api<{ items: DeploymentObject[] }>(path)).items;
}

/** Of these namespaces, or everywhere: other tests of a cluster may have filled it. */
async function deploymentsIn(cluster: Cluster, namespaces?: readonly string[]): Promise<readonly DeploymentObject[]> {
  if (namespaces === undefined) return deploymentsOf(cluster);
  return (await Promise.all(namespaces.map(name => deploymentsOf(cluster, name)))).flat();
}

/**
 * `NAMESPACE/NAME` -> how often its Pod template was restarted: ReplicaSets that carry a restartedAt of their own. Waits
 * until the Deployment controller has seen every change, for it is the one that creates them.
 */
export async function restartsOf(cluster: Cluster, namespaces?: readonly string[]): Promise<Map<string, number>> {
  await until('the Deployment controller to have seen every change', async () =>
    (await deploymentsIn(cluster, namespaces)).every(
      ({ metadata, status }) => status.observedGeneration === metadata.generation,
    ),
  );
  const paths = namespaces?.map(name => `/namespaces/${name}`) ?? [''];
  const lists = await Promise.all(
    paths.map(path => cluster.api<{ items: ReplicaSetObject[] }>(`/apis/apps/v1${path}/replicasets`)),
  );
  const items = lists.flatMap(list => list.items);
  const restarts = new Map<string, Set<string>>();
  for (const { metadata, spec } of items) {
    const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'Deployment')?.name;
    if (owner === undefined) continue;
    const key = `${metadata.namespace}/${owner}`;
    const seen = restarts.get(key) ?? new Set();
    const at = spec.template.metadata.annotations?.['kubectl.kubernetes.io/restartedAt'];
    if (at !== undefined) seen.add(at);
    restarts.set(key, seen);
  }
  return new Map([...restarts].map(([key, seen]) => [key, seen.size]));
}

interface AnyWorkload {
  readonly metadata: { readonly generation: number };
  readonly spec: { readonly replicas?: number };
  readonly status: Readonly<Record<string, number | undefined>>;
}

/** Resolves once every Deployment, StatefulSet and DaemonSet of a namespace is available, and all that was changed is rolled out. */
export async function settledKinds(cluster: Cluster, namespaceName: string): Promise<void> {
  const isDone = ({ metadata, spec, status }: AnyWorkload): boolean => {
    const wanted = spec.replicas ?? status['desiredNumberScheduled'] ?? 0;
    const counts = ['updatedReplicas', 'updatedNumberScheduled', 'availableReplicas', 'numberAvailable'];
    const told = counts.flatMap(name => status[name] ?? []);
    return (
      status['observedGeneration'] === metadata.generation &&
      wanted > 0 &&
      told.length === 2 &&
      told.every(count => count === wanted)
    );
  };
  const all = ['deployments', 'statefulsets', 'daemonsets'];
  const are = async (plural: string): Promise<boolean> => {
    const path = `/apis/apps/v1/namespaces/${namespaceName}/${plural}`;
    return (await cluster.api<{ items: readonly AnyWorkload[] }>(path)).items.every(isDone);
  };
  const seconds = 120;
  await until('all kinds to be available', async () => (await Promise.all(all.map(are))).every(Boolean), { seconds });
}

interface ReplicaSetObject {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly spec: {
    readonly template: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };
  };
}
