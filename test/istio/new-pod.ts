/** What a new Pod would get, by a dry run: nothing stays of it. */
import type { Cluster } from '../cluster/cluster.ts';

/** A namespace where nothing runs, and whose labels say nothing: there a Pod's own labels choose the revision. */
export const TRIAL_NAMESPACE = 'istio-trial';

export interface PodWishes {
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface NewContainer {
  readonly name: string;
  readonly image: string;
  readonly restartPolicy?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

export interface NewPod {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly containers: readonly NewContainer[];
    readonly initContainers?: readonly NewContainer[];
  };
}

/** Throws ApiError when the API server refuses, for itself or for a webhook. */
export function newPod(cluster: Cluster, { namespace, labels = {}, annotations = {} }: PodWishes): Promise<NewPod> {
  const spec = {
    serviceAccountName: 'default',
    automountServiceAccountToken: false,
    containers: [{ name: 'app', image: 'example.test/app:1' }],
  };
  return cluster.api<NewPod>(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
    method: 'POST',
    body: { metadata: { name: 'trial', labels, annotations }, spec },
  });
}

/** Its sidecar, of either kind; undefined when it was not injected. */
export function proxyOf({ spec }: NewPod): NewContainer | undefined {
  return [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === 'istio-proxy');
}
