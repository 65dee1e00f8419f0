/** A cluster with the chart in it, and two who hold the token of its service account: the worker and a thief. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type Kubernetes } from '../../src/kubernetes/connect.ts';
import { ApiError, type ApiRequest, type ApiServer, apiServer } from '../cluster/apiserver.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { deployment, namespace, ofKind } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { realClock } from '../kubernetes/real-clock.ts';
import { DEPLOYMENTS, recordWith, restartWith, T, WEB, WISHES } from './guard-attempts.ts';
import { aPodNamed, OTHER_KINDS, PODS, VICTIM } from './guard-means.ts';
import { CHART, POLICY } from './helm.ts';

/** As the API server names it in a denial. */
export const GUARD = "ValidatingAdmissionPolicy 'nightshift-guard.ops' with binding 'nightshift-guard.ops' denied";

export interface Bed {
  readonly cluster: Cluster;
  /** Sends whatever is asked for. */
  readonly thief: ApiServer;
  readonly worker: Kubernetes;
  /** `helm upgrade`; returns once the API server guards, or does not. */
  readonly upgrade: (values: { readonly guard: { readonly enabled: boolean } }) => Promise<void>;
}

/** Starts it with the guard of a policy in force, `shop/web` restarted at T, `shop/bare`, and Pods that wait for a node in vain. */
export async function guardedCluster(document: Readonly<Record<string, unknown>> = {}): Promise<Bed> {
  const cluster = await startCluster({ nodes: 0 });
  await cluster.kubectlApply(
    [
      ...['ops', 'shop'].map(name => namespace(name, { injected: false })),
      deployment(WISHES),
      ...OTHER_KINDS.map(kind => ofKind(kind, WISHES)),
      ...moreRights,
    ]
      .map(object => JSON.stringify(object))
      .join('\n---\n'),
  );
  await cluster.api(PODS, { method: 'POST', body: aPodNamed('victim') });
  // Not by kubectl apply, which leaves an annotation.
  await cluster.api(DEPLOYMENTS, {
    method: 'POST',
    body: deployment({ namespace: 'shop', name: 'bare', replicas: 0 }),
  });
  await cluster.api(WEB, { method: 'PATCH', body: restartWith(T, recordWith({ at: T, before: undefined })) });
  const policy = { ...POLICY, ...document };
  await cluster.helm('install', 'nightshift', CHART, '-n', 'ops', ...valuesOf({ policy }));

  const kubeconfig = await cluster.kubeconfigFor('ops', 'nightshift');
  const thief = apiServer(cluster.server, tokenIn(kubeconfig), cluster.caFile);
  const worker = connect({ kubeconfig, env: {}, clock: realClock, checkpoint: 'nightshift-checkpoint' });
  cluster.onStop(async () => {
    await Promise.all([thief.close(), worker.close()]);
  });
  const upgrade: Bed['upgrade'] = async values => {
    await cluster.helm('upgrade', 'nightshift', CHART, '-n', 'ops', ...valuesOf(values));
    await inForce(thief, values.guard.enabled);
  };
  await inForce(thief, true);
  await until('the controllers to be done', () => isQuiet(cluster));
  return { cluster, thief, worker, upgrade };
}

/** What the guard says to a request of the thief; fails where the request passes, or somebody else denies it. */
export async function denial({ thief }: Bed, path: string, request: ApiRequest): Promise<ApiError> {
  const error = await thief.request(path, request).then(
    answer => assert.fail(`it passed: ${JSON.stringify(answer)}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ApiError && error.message.includes(GUARD), String(error));
  assert.equal(error.status, 422);
  return error;
}

/** With a schedule that does not tick while tests run. */
export const valuesOf = (values: object): readonly string[] => [
  '--set-json',
  JSON.stringify({ policy: POLICY, schedule: '0 0 29 2 *', ...values }),
];

const rbac = 'rbac.authorization.k8s.io';
/** All that Deployments and Pods can be asked for: RBAC knows no `pods/*`. */
const moreRights = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'other', namespace: 'ops' } },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'more' },
    rules: [{ apiGroups: ['', 'apps', 'argoproj.io'], resources: ['*'], verbs: ['*'] }],
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'more' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'more' },
    subjects: ['nightshift', 'other'].map(name => ({ kind: 'ServiceAccount', name, namespace: 'ops' })),
  },
];

/** The token that `kubeconfigFor` wrote. */
export function tokenIn(kubeconfig: string): string {
  const { users }: { users: { user: { token: string } }[] } = JSON.parse(readFileSync(kubeconfig, 'utf8'));
  return users[0]?.user.token ?? '';
}

/** The API server learns of policies, and of rights, a moment after they are written. */
async function inForce(thief: ApiServer, guarding: boolean): Promise<void> {
  const scaled = { method: 'PATCH', body: { spec: { replicas: 99 } } } as const;
  await until(`the guard to be ${guarding ? 'in force' : 'gone'}`, async () => {
    try {
      await thief.request(`${WEB}?dryRun=All`, scaled);
      return !guarding;
    } catch (error) {
      return guarding && error instanceof ApiError && error.message.includes(GUARD);
    }
  });
}

/** The rollout of T is seen, and the scheduler has said what it has to say. */
async function isQuiet(cluster: Cluster): Promise<boolean> {
  const web = await cluster.api<{
    metadata: { generation: number };
    status: { observedGeneration?: number; updatedReplicas?: number };
  }>(WEB);
  const victim = await cluster.api<{ status: { conditions?: readonly unknown[] } }>(VICTIM);
  const { observedGeneration, updatedReplicas } = web.status;
  return (
    observedGeneration === web.metadata.generation &&
    updatedReplicas === 1 &&
    (victim.status.conditions ?? []).length > 0
  );
}
