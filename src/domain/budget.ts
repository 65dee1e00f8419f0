import type { LeaveReason, Reason, Way, Workload } from './model.ts';
import { promisedBy } from './way.ts';

/** What a PodDisruptionBudget says of how many Pods may be missing at once. */
export interface Budget {
  /** `NAMESPACE/NAME`. */
  readonly name: string;
  /** As they are written, one of them: a number, or a percentage that rounds up (pkg/controller/disruption). */
  readonly minAvailable?: number | string | undefined;
  readonly maxUnavailable?: number | string | undefined;
  /** As its controller last said; undefined before it has. */
  readonly counted?: Counted | undefined;
  /** By name another one that selects one of the same Pods. */
  readonly beside?: string | undefined;
}

export interface Counted {
  /** How many Pods there are to be. */
  readonly expected: number;
  /** How many may go now. */
  readonly allowed: number;
  /** It cannot count them (a DaemonSet has no scale), and allows nothing. */
  readonly isFailing: boolean;
}

/**
 * Why a workload is left because of its budgets, undefined where nothing speaks against it. Evictions keep them anyway: here
 * is told beforehand what they would never allow while all Pods are there. Rollouts ignore them, which one of a StatefulSet must
 * not: its budget is what its quorum needs.
 */
export function forbiddenByBudget(
  workload: Workload,
  { way, budgets }: { readonly way: Way; readonly budgets: readonly Budget[] },
): Reason<LeaveReason> | undefined {
  const detail = way === 'rollout' ? beyondQuorum(workload, budgets) : neverAllowed(workload, { way, budgets });
  return detail === undefined ? undefined : { why: 'budgetForbids', detail };
}

function neverAllowed(
  { replicas, status }: Workload,
  { way, budgets }: { readonly way: Way; readonly budgets: readonly Budget[] },
): string | undefined {
  const shared = budgets.find(({ beside }) => beside !== undefined);
  if (shared !== undefined) {
    return `${shared.name} and ${shared.beside} select the same Pod, and Kubernetes evicts none of more than one PodDisruptionBudget`;
  }
  const failing = budgets.find(({ counted }) => counted?.isFailing === true);
  if (failing !== undefined) {
    return `PodDisruptionBudget ${failing.name} allows no eviction: its controller cannot count its Pods`;
  }
  // What is sick may go, as its unhealthyPodEvictionPolicy says: the evictions tell.
  if (status.availableReplicas < replicas) return undefined;
  const strict = budgets.find(budget => (tolerated(budget, Number(way === 'replace')) ?? 1) <= 0);
  return strict && `PodDisruptionBudget ${strict.name} allows no eviction, however healthy its Pods are`;
}

/** Who may be down says so for itself: a policy for all of them does not know what a quorum is. */
function beyondQuorum(workload: Workload, budgets: readonly Budget[]): string | undefined {
  const { kind, replicas, strategy, downtimeAllowed } = workload;
  if (kind !== 'StatefulSet' || downtimeAllowed) return undefined;
  const taken = replicas - promisedBy('rollout', replicas, strategy);
  for (const budget of budgets) {
    if (budget.counted === undefined) return `PodDisruptionBudget ${budget.name} has not been counted yet`;
    const most = Math.min(tolerated(budget, 0) ?? taken, budget.counted.allowed);
    if (most < taken) {
      return `its rollout takes ${taken} at a time, and PodDisruptionBudget ${budget.name} lets ${Math.max(0, most)} be missing now`;
    }
  }
  return undefined;
}

/** How many may be missing while all others are there, of so many more than are counted now. */
function tolerated({ counted, minAvailable, maxUnavailable }: Budget, more: number): number | undefined {
  if (counted === undefined || counted.expected === 0) return undefined;
  const all = counted.expected + more;
  if (maxUnavailable !== undefined) return share(maxUnavailable, all);
  const least = minAvailable === undefined ? undefined : share(minAvailable, all);
  return least === undefined ? undefined : all - least;
}

function share(value: number | string, all: number): number | undefined {
  if (typeof value === 'number') return value;
  const [, percent] = /^(\d{1,4})%$/.exec(value) ?? [];
  return percent === undefined ? undefined : Math.ceil((Number(percent) * all) / 100);
}
