/** Rollouts for tests, and what their controller says of them. */
import { livePodsOf, uidsOf as uidsOfPods, type PodSeen } from '../e2e/pods.ts';
import type { DeploymentWishes } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import type { Site } from '../e2e/site.ts';

export type Wishes = Omit<DeploymentWishes, 'namespace'>;

/** In the first namespace of the site; a canary without steps, unless the spec says otherwise. */
export function rollout(site: Site, wishes: Wishes): object {
  const strategy = { canary: {} };
  const manifest = site.deployment({ replicas: 3, ...wishes, spec: { strategy, ...wishes.spec } });
  return { ...manifest, apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout' };
}

/** A Service for the name, which a blue-green Rollout switches. */
export function service(site: Site, name: string): object {
  const [namespace] = site.namespaces;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { selector: { app: name }, ports: [{ port: 80 }] },
  };
}

export interface RolloutSeen {
  readonly metadata: {
    readonly generation: number;
    readonly uid: string;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly restartAt?: string; readonly replicas: number; readonly template: unknown };
  readonly status?: {
    readonly phase?: string;
    readonly message?: string;
    readonly observedGeneration?: string;
    readonly restartedAt?: string;
    readonly availableReplicas?: number;
    readonly abort?: boolean;
    readonly pauseConditions?: readonly { readonly reason: string }[];
  };
}

const pathOf = (site: Site, name: string): string =>
  `/apis/argoproj.io/v1alpha1/namespaces/${site.namespaces[0]}/rollouts/${name}`;

export const seen = (site: Site, name: string): Promise<RolloutSeen> => site.cluster.api(pathOf(site, name));

/** A merge patch of the administrator, of the object or of its status. */
export async function change(site: Site, name: string, body: object, part: '' | '/status' = ''): Promise<void> {
  await site.cluster.api(`${pathOf(site, name)}${part}`, { method: 'PATCH', body });
}

/** Resolves once its controller has seen its last change, and calls it so. */
export async function comesTo(site: Site, name: string, phase: string): Promise<RolloutSeen> {
  return until(
    `${name} to be ${phase}`,
    async () => {
      const now = await seen(site, name);
      const isSeen = now.status?.observedGeneration === String(now.metadata.generation);
      return isSeen && now.status?.phase === phase && now;
    },
    { seconds: 60 },
  );
}

/** Applies, and waits until every Rollout of these is healthy and stale (older than `podOlderThan: 1s`). */
export async function deploy(site: Site, ...manifests: readonly object[]): Promise<void> {
  await site.cluster.kubectlApply(manifests.map(manifest => JSON.stringify(manifest)).join('\n---\n'));
  for (const { kind, metadata } of manifests.map(named)) {
    if (kind === 'Rollout') await comesTo(site, metadata.name, 'Healthy');
  }
  await site.age();
}

const named = (manifest: object): { readonly kind: string; readonly metadata: { readonly name: string } } =>
  Object(manifest);

/** A new version of what its Pods run. */
export const otherImage = (image = 'example.test/app:2'): object => ({
  spec: { template: { spec: { containers: [{ name: 'app', image }] } } },
});

export const uidsOf = async (site: Site, name: string): Promise<readonly string[]> =>
  uidsOfPods(await livePodsOf(site, name));

/** The policy's `select`, with Deployments and Rollouts. */
export const bothKinds = (site: Site): object => ({
  kinds: ['Deployment', 'Rollout'],
  namespaces: { include: site.namespaces },
});

let spoilt = 0;

/**
 * From now on new Pods of the site behave like this; returns once they do, with what ends it. Pods of Rollouts carry no word
 * of a restart, so that nothing in a template could tell them from those before.
 */
export async function spoilNewPods(site: Site, behaviour: string): Promise<() => Promise<void>> {
  const name = `spoil-${++spoilt}`;
  const [namespace = ''] = site.namespaces;
  const patch = `JSONPatch{op: "add", path: "/metadata/annotations/test.nightshift~1behaviour", value: "${behaviour}"}`;
  const mutation = [
    {
      kind: 'MutatingAdmissionPolicy',
      spec: {
        matchConstraints: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        },
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: `[${patch}]` } }],
      },
    },
    { kind: 'MutatingAdmissionPolicyBinding', spec: { policyName: name } },
  ];
  const objects = mutation.map(object => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    metadata: { name },
    ...object,
  }));
  await site.cluster.kubectlApply(objects.map(object => JSON.stringify(object)).join('\n---\n'));
  const pod = {
    metadata: { name: 'trial', annotations: { trial: 'yes' } },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  };
  const isSpoilt = async (): Promise<boolean> => {
    const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All`;
    const tried = await site.cluster.api<PodSeen>(path, { method: 'POST', body: pod });
    return tried.metadata.annotations?.['test.nightshift/behaviour'] === behaviour;
  };
  await until(`new Pods to be ${behaviour}`, isSpoilt);
  return async () => {
    await site.cluster.kubectl('delete', 'mutatingadmissionpolicybinding,mutatingadmissionpolicy', name);
    await until('new Pods to be well', async () => !(await isSpoilt()));
  };
}
