/** PodDisruptionBudgets as a real controller counts them. */
import { until } from '../cluster/until.ts';
import type { Site } from './site.ts';

/** Applies a budget for the Pods of an app, and of another one, and waits until it is counted. */
export async function applyBudget(
  { cluster, namespaces: [namespace = ''] }: Site,
  {
    app,
    minAvailable,
    and = app,
    name = app,
  }: { readonly app: string; readonly minAvailable: number; readonly and?: string; readonly name?: string },
): Promise<void> {
  const selector = { matchExpressions: [{ key: 'app', operator: 'In', values: [...new Set([app, and])] }] };
  const metadata = { namespace, name };
  await cluster.kubectlApply(
    JSON.stringify({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { minAvailable, selector },
    }),
  );
  const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/${name}`;
  await until('the budget to be counted', async () => {
    const { metadata: stored, status } = await cluster.api<{
      metadata: { generation: number };
      status?: { observedGeneration?: number; currentHealthy?: number };
    }>(path);
    return status?.observedGeneration === stored.generation && (status.currentHealthy ?? 0) > 0;
  });
}

/** A Pod that finds no node: a budget counts it, and never as healthy. */
export const lostPod = ({ namespaces: [namespace] }: Site, app: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace, name: app, labels: { app } },
  spec: {
    nodeSelector: { 'test.nightshift/node': 'none' },
    containers: [{ name: 'app', image: 'example.test/app:1' }],
  },
});
