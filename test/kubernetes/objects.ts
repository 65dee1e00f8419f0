/** API objects as a server sends them, with what a test wants different. */

export type Json = Record<string, unknown>;

export interface DeploymentParts {
  readonly metadata?: Json;
  readonly spec?: Json;
  readonly template?: Json;
  readonly status?: Json;
}

export function aDeployment(name: string, parts: DeploymentParts = {}, namespace = 'shop'): Json {
  return {
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      resourceVersion: '7',
      generation: 3,
      labels: { app: name },
      managedFields: [],
      ...parts.metadata,
    },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image: 'app:1' }] },
        ...parts.template,
      },
      ...parts.spec,
    },
    status: { observedGeneration: 3, replicas: 2, updatedReplicas: 2, availableReplicas: 2, ...parts.status },
  };
}

export interface PodParts {
  readonly metadata?: Json;
  readonly spec?: Json;
  readonly status?: Json;
}

/** A Pod of the workload's ReplicaSet `WORKLOAD-abc`. */
export function aPod(workload: string, name = `${workload}-abc-1`, parts: PodParts = {}): Json {
  return {
    metadata: {
      name,
      namespace: 'shop',
      creationTimestamp: '2026-11-22T03:00:00Z',
      labels: { app: workload, 'pod-template-hash': 'abc' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${workload}-abc`, controller: true }],
      ...parts.metadata,
    },
    spec: { containers: [{ name: 'app', image: 'app:1' }], ...parts.spec },
    status: { phase: 'Running', ...parts.status },
  };
}

export function aList(items: readonly Json[], metadata: Json = { resourceVersion: '100' }): Json {
  return { kind: 'List', metadata, items };
}
