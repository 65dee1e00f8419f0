import { keyOf } from './domain/model.ts';
import type { Policy } from './domain/policy.ts';
import { unreadiness } from './domain/rollout.ts';
import type { Cluster } from './ports.ts';

/**
 * What is waited for before anything starts (`ready` of the policy), as a phrase; undefined when all of it is available
 * and rolled out. Throws like a read.
 */
export async function notReady({ ready }: Pick<Policy, 'ready'>, cluster: Cluster): Promise<string | undefined> {
  const waiting: string[] = [];
  for (const { deployment } of ready) {
    const why = unreadiness(await cluster.workload(deployment));
    if (why !== undefined) waiting.push(`${keyOf(deployment)} is not ready: ${why}`);
  }
  return waiting.length === 0 ? undefined : waiting.join('; ');
}
