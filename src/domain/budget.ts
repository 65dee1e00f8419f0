import type { LeaveReason, Reason, Way, Workload } from './model.ts';
import { mayBeDown, promisedBy } from './way.ts';
import type { Policy } from './policy.ts';

/** What a PodDisruptionBudget says of how many Pods may be missing at once. */
export interface Budget {
  /** `NAMESPACE/NAME`. */
  readonly name: string;
  /** How many Pods it counts, as its controller last said; undefined before it has. */
  readonly expected?: number | undefined;
  /** As they are written, one of them: a number, or a percentage that rounds up (pkg/controller/disruption). */
  readonly minAvailable?: number | string | undefined;
  readonly maxUnavailable?: number | string | undefined;
}

/**
 * Why a workload is left because of its budgets, undefined where nothing speaks against it. Evictions keep them anyway: here
 * is told beforehand what they would never allow. Rollouts ignore them, which one of a StatefulSet must not: its budget is what
 * its quorum needs.
 */
export function forbiddenByBudget(
  workload: Workload,
  { way, budgets, policy }: { readonly way: Way; readonly budgets: readonly Budget[]; readonly policy: Policy },
): Reason<LeaveReason> | undefined {
  const detail = way === 'rollout' ? beyondQuorum(workload, budgets, policy) : neverAllowed(way, budgets);
  return detail === undefined ? undefined : { why: 'budgetForbids', detail };
}

function neverAllowed(way: Way, budgets: readonly Budget[]): string | undefined {
  const [one, ...others] = budgets;
  if (one !== undefined && others.length > 0) {
    const names = budgets.map(({ name }) => name).join(' and ');
    return `${names} both select its Pods, and Kubernetes evicts no Pod of more than one PodDisruptionBudget`;
  }
  const most = one && tolerated(one, Number(way === 'replace'));
  return one !== undefined && most !== undefined && most <= 0
    ? `PodDisruptionBudget ${one.name} allows no eviction, however healthy its Pods are`
    : undefined;
}

function beyondQuorum(workload: Workload, budgets: readonly Budget[], policy: Policy): string | undefined {
  const { kind, replicas, strategy } = workload;
  if (kind !== 'StatefulSet' || mayBeDown(workload, policy)) return undefined;
  const taken = replicas - promisedBy('rollout', replicas, strategy);
  for (const budget of budgets) {
    const most = tolerated(budget, 0);
    if (most !== undefined && most < taken) {
      return `its rollout takes ${taken} at a time, and PodDisruptionBudget ${budget.name} lets ${Math.max(0, most)} be missing`;
    }
  }
  return undefined;
}

/** How many may be missing while all others are there, of so many more than are counted now. */
function tolerated({ expected, minAvailable, maxUnavailable }: Budget, more: number): number | undefined {
  if (expected === undefined || expected === 0) return undefined;
  const all = expected + more;
  if (maxUnavailable !== undefined) return share(maxUnavailable, all);
  const least = minAvailable === undefined ? undefined : share(minAvailable, all);
  return least === undefined ? undefined : all - least;
}

function share(value: number | string, all: number): number | undefined {
  if (typeof value === 'number') return value;
  const [, percent] = /^(\d{1,4})%$/.exec(value) ?? [];
  return percent === undefined ? undefined : Math.ceil((Number(percent) * all) / 100);
}
