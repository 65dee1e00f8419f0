/**
 * A sidecar injector without a webhook: a MutatingAdmissionPolicy whose parameter is a ConfigMap. Like Istio's and
 * Linkerd's it decides when a Pod is created: namespaces opt in by the label `istio-injection: enabled`, Pods opt out
 * by the label `sidecar.istio.io/inject: "false"` or the annotation `linkerd.io/inject: disabled`.
 */
import type { Cluster } from './cluster.ts';
import { until } from './until.ts';

export interface InjectorOptions {
  readonly image: string;
  /** As a native sidecar: an init container that restarts always. Default: a container. */
  readonly native?: boolean;
}

export const SIDECAR = 'istio-proxy';
const NAMESPACE = 'istio-system';
const CONFIG = 'sidecar';
/** A namespace where nothing runs, to see what a new Pod would get. */
const TRIAL_NAMESPACE = 'istio-trial';

/** Returns once new Pods really get the sidecar: the API server takes a moment to learn a policy. */
export async function installInjector(cluster: Cluster, options: InjectorOptions): Promise<void> {
  const { image, native = false } = options;
  const objects = [
    namespace(NAMESPACE, {}),
    namespace(TRIAL_NAMESPACE, { 'istio-injection': 'enabled' }),
    config(image),
  ];
  await cluster.kubectlApply(
    [...objects, policy(native), binding].map(object => JSON.stringify(object)).join('\n---\n'),
  );
  await seenByNewPods(cluster, image);
}

/**
 * Every injected Pod is stale from now on; with a namespace (as Istio's revisions are rolled out) those in it, whatever
 * the others get. Returns once a new Pod really gets the new image.
 */
export async function upgradeInjector(cluster: Cluster, image: string, only?: string): Promise<void> {
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps/${CONFIG}`;
  await cluster.api(path, { method: 'PATCH', body: { data: { [only ?? 'image']: image } } });
  await seenByNewPods(cluster, image, only);
}

/** Returns once a new Pod is refused, as with a webhook that is down and whose failurePolicy is Fail. */
export async function breakInjector(cluster: Cluster): Promise<void> {
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'configmap', CONFIG);
  await until('new Pods to be refused', () =>
    sidecarOfNewPod(cluster).then(
      () => false,
      () => true,
    ),
  );
}

/**
 * Returns once a new Pod gets no sidecar, as with a webhook that is down and whose failurePolicy is Ignore. (A binding
 * that is deleted and made again is not seen for long by an API server of 1.36.3.)
 */
export async function hideInjector(cluster: Cluster): Promise<void> {
  await selectNamespaces(cluster, { matchLabels: { nobody: 'here' } });
  await until('new Pods to get no sidecar', async () => (await sidecarOfNewPod(cluster)) === undefined);
}

/** The injector is back. */
export async function showInjector(cluster: Cluster): Promise<void> {
  await selectNamespaces(cluster, null);
  await until('new Pods to get a sidecar', async () => (await sidecarOfNewPod(cluster)) !== undefined);
}

async function selectNamespaces(cluster: Cluster, namespaceSelector: object | null): Promise<void> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings/${binding.metadata.name}`;
  const body = { spec: { matchResources: namespaceSelector && { namespaceSelector } } };
  await cluster.api(path, { method: 'PATCH', body });
}

async function seenByNewPods(cluster: Cluster, image: string, where?: string): Promise<void> {
  await until(`new Pods to get ${image}`, async () => (await sidecarOfNewPod(cluster, where)) === image);
}

/** The image of the sidecar that a Pod would get now, undefined for none. */
async function sidecarOfNewPod(cluster: Cluster, where = TRIAL_NAMESPACE): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${where}/pods?dryRun=All`;
  const spec = {
    serviceAccountName: 'default',
    automountServiceAccountToken: false,
    containers: [{ name: 'app', image: 'app' }],
  };
  const body = { metadata: { name: 'trial' }, spec };
  const pod = await cluster.api<TrialPod>(path, { method: 'POST', body });
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return containers.find(({ name }) => name === SIDECAR)?.image;
}

interface TrialContainer {
  readonly name: string;
  readonly image: string;
}

interface TrialPod {
  readonly spec: {
    readonly containers: readonly TrialContainer[];
    readonly initContainers?: readonly TrialContainer[];
  };
}

function namespace(name: string, labels: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function config(image: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: CONFIG, namespace: NAMESPACE }, data: { image } };
}

const image = 'image: params.data[request.namespace in params.data ? request.namespace : "image"]';
const CONTAINER = `[JSONPatch{op: "add", path: "/spec/containers/-",
  value: Object.spec.containers{name: "${SIDECAR}", ${image}}}]`;
// The list is added empty first: a JSONPatch whose value is a list of objects makes the API server panic (1.36.3).
const NATIVE = `(has(object.spec.initContainers) ? [] : [JSONPatch{op: "add", path: "/spec/initContainers", value: []}]) +
  [JSONPatch{op: "add", path: "/spec/initContainers/0",
    value: Object.spec.initContainers{name: "${SIDECAR}", ${image}, restartPolicy: "Always"}}]`;

const injected = `(object.spec.containers.exists(c, c.name == "${SIDECAR}")
  || (has(object.spec.initContainers) && object.spec.initContainers.exists(c, c.name == "${SIDECAR}")))`;
const optedOut = [
  '(has(object.metadata.labels) && "sidecar.istio.io/inject" in object.metadata.labels',
  '  && object.metadata.labels["sidecar.istio.io/inject"] == "false")',
  '|| (has(object.metadata.annotations) && "linkerd.io/inject" in object.metadata.annotations',
  '  && object.metadata.annotations["linkerd.io/inject"] == "disabled")',
].join('\n');

function policy(native: boolean): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name: 'sidecar-injector' },
    spec: {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: {
        namespaceSelector: { matchLabels: { 'istio-injection': 'enabled' } },
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      matchConditions: [
        { name: 'not-injected', expression: `!${injected}` },
        { name: 'not-opted-out', expression: `!(${optedOut})` },
      ],
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: native ? NATIVE : CONTAINER } }],
    },
  };
}

const binding = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingAdmissionPolicyBinding',
  metadata: { name: 'sidecar-injector' },
  spec: {
    policyName: 'sidecar-injector',
    paramRef: { name: CONFIG, namespace: NAMESPACE, parameterNotFoundAction: 'Deny' },
  },
};
