import {
  unreachable,
  type Condition,
  type FailureReason,
  type Pod,
  type Reason,
  type Strategy,
  type Trouble,
  type Workload,
} from './model.ts';

/** What one read of a workload says about its rollout. */
export type RolloutState =
  | { readonly kind: 'progressing'; readonly detail: string }
  /** New Pods are available, old ones are still on their way out. */
  | { readonly kind: 'terminating'; readonly detail: string }
  | { readonly kind: 'complete' }
  | { readonly kind: 'failed'; readonly reason: Reason<FailureReason> };

const DEADLINE = 'ProgressDeadlineExceeded';

/**
 * The checks of `kubectl rollout status`, in its order (k8s.io/kubectl pkg/polymorphichelpers/rollout_status.go), then
 * ours for the old Pods. `before` is the Progressing condition from before the restart: a deadline that was exceeded
 * then says nothing about this rollout.
 */
export function rolloutState(workload: Workload, before?: Condition): RolloutState {
  const { status, replicas } = workload;
  if (workload.generation > status.observedGeneration) {
    return { kind: 'progressing', detail: 'waiting for the controller to see the change' };
  }
  const { progressing } = status;
  if (progressing?.reason === DEADLINE && !isSameCondition(progressing, before)) {
    return { kind: 'failed', reason: { why: 'progressDeadline', detail: progressing.message } };
  }
  if (workload.awaits !== undefined) {
    const available = `${status.availableReplicas} of ${replicas} Pods available`;
    return { kind: 'progressing', detail: `${workload.awaits}; ${available}` };
  }
  if (status.updatedReplicas < replicas) {
    return { kind: 'progressing', detail: `${status.updatedReplicas} of ${replicas} new Pods created` };
  }
  if (status.replicas > status.updatedReplicas) {
    return { kind: 'progressing', detail: `${status.replicas - status.updatedReplicas} old Pods still to be removed` };
  }
  if (status.availableReplicas < status.updatedReplicas) {
    return {
      kind: 'progressing',
      detail: `${status.availableReplicas} of ${status.updatedReplicas} new Pods available`,
    };
  }
  const terminating = status.terminatingReplicas ?? 0;
  if (terminating > 0) return { kind: 'terminating', detail: `${terminating} old Pods still terminating` };
  return { kind: 'complete' };
}

function isSameCondition(a: Condition, b: Condition | undefined): boolean {
  return b !== undefined && a.reason === b.reason && a.lastUpdateTime === b.lastUpdateTime;
}

/** Pods that a rollout still has to make or remove; unavailable Pods alone do not count. */
export function isRollingOut(workload: Workload): boolean {
  const { generation, replicas, status, strategy } = workload;
  if (generation > status.observedGeneration) return true;
  // Old Pods stay, however long one waits; from a partition on they do not.
  if (strategy.kind === 'partitioned') return status.updatedReplicas < replicas - strategy.partition;
  if (whyNoRollout(workload) !== undefined) return false;
  if (workload.awaits !== undefined) return true;
  return status.updatedReplicas < replicas || status.replicas > status.updatedReplicas;
}

/** Why a changed template would not reach every Pod, undefined when it would. */
export function whyNoRollout({ strategy }: Workload): string | undefined {
  switch (strategy.kind) {
    case 'onDelete':
      return 'strategy OnDelete: a Pod is made anew when somebody deletes it';
    case 'partitioned':
      return `partition ${strategy.partition}: Pods below that ordinal keep their template`;
    case 'templateElsewhere':
      return `its Pod template is that of ${strategy.of} (spec.workloadRef), which nightshift does not follow`;
    case 'recreate':
    case 'rollingUpdate':
      return undefined;
    default:
      return unreachable(strategy);
  }
}

/**
 * The fewest available replicas that the strategy promises during a rollout. Percentages resolve as in the Deployment
 * controller (pkg/controller/deployment/util ResolveFenceposts): surge rounds up, unavailable rounds down, and when
 * both come to zero one Pod may be unavailable.
 */
export function availabilityFloor(replicas: number, strategy: Strategy): number {
  if (strategy.kind === 'recreate') return 0;
  if (strategy.kind !== 'rollingUpdate') return replicas;
  const surge = resolve(strategy.maxSurge, replicas, Math.ceil);
  const unavailable = resolve(strategy.maxUnavailable, replicas, Math.floor);
  return Math.max(0, replicas - (surge === 0 && unavailable === 0 ? 1 : unavailable));
}

/** How many Pods beside those that are wanted a rollout may add; resolved in the same way. */
export function surgeOf({ replicas, strategy }: Pick<Workload, 'replicas' | 'strategy'>): number {
  return strategy.kind === 'rollingUpdate' ? resolve(strategy.maxSurge, replicas, Math.ceil) : 0;
}

/**
 * Why its controller would evict none of its Pods, undefined when it would, or makes new ones first. A Rollout's keeps as many
 * available as its strategy promises (argo-rollouts rollout/restart.go), and takes no Pod that fails before any other. A
 * StatefulSet's waits for the one that fails, in order; in parallel it takes the highest ordinal, whoever else is not
 * available (stateful_set_control.go).
 */
export function whyNoEviction({ kind, replicas, strategy, status }: Workload): string | undefined {
  const available = `${status.availableReplicas} of ${replicas} Pods are available`;
  if (kind === 'StatefulSet' && status.availableReplicas < replicas) {
    return `${available}, and a StatefulSet replaces the failing one never, or another one beside it`;
  }
  const floor = availabilityFloor(replicas, strategy);
  if (kind !== 'Rollout' || status.availableReplicas > floor) return undefined;
  return `${available}, and Argo Rollouts restarts none before more than ${floor} are`;
}

/** Why others should not rely on it yet, undefined when it is available and rolled out. */
export function unreadiness(workload: Workload | undefined): string | undefined {
  if (workload === undefined) return 'it does not exist';
  if (workload.deleting) return 'it is being deleted';
  if (workload.replicas === 0) return 'it is scaled to zero';
  const state = rolloutState(workload);
  switch (state.kind) {
    case 'complete':
    case 'terminating':
      return undefined;
    case 'progressing':
      return state.detail;
    case 'failed':
      return state.reason.detail;
    default:
      return unreachable(state);
  }
}

function resolve(value: number | string, replicas: number, round: (n: number) => number): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  return percent === undefined ? 0 : round((Number(percent) * replicas) / 100);
}

/**
 * Why the rollout cannot succeed, when **all** of its new Pods wait for something that does not go away by itself;
 * undefined while one of them may still come up, or when there is none yet.
 */
export function doom(newPods: readonly Pod[]): Reason<FailureReason> | undefined {
  const reasons = newPods.map(pod => pod.troubles.map(doomOf).find(reason => reason !== undefined));
  return reasons.every(reason => reason !== undefined) ? reasons[0] : undefined;
}

/** So many restarts without becoming ready are no accident. */
const CRASHES = 2;

function doomOf(trouble: Trouble): Reason<FailureReason> | undefined {
  if (trouble.kind === 'unschedulable') return undefined;
  const what = `${trouble.init ? 'init container' : 'container'} ${trouble.container}`;
  switch (trouble.reason) {
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'InvalidImageName':
    case 'ErrImageNeverPull':
      return { why: 'imagePull', detail: `${what}: ${trouble.reason}: ${trouble.message}` };
    case 'CreateContainerConfigError':
    case 'CreateContainerError':
      return { why: 'containerConfig', detail: `${what}: ${trouble.message}` };
    case 'CrashLoopBackOff':
    case 'RunContainerError':
      return crashing(trouble, what);
    case 'Error':
      // Many start a second time because what they wait for was not there the first time.
      return trouble.restarts < CRASHES ? undefined : crashing(trouble, what);
    default:
      return undefined;
  }
}

function crashing({ init, exitCode }: Trouble & { readonly kind: 'waiting' }, what: string): Reason<FailureReason> {
  const exit = exitCode === undefined ? '' : ` (exit code ${exitCode})`;
  return { why: init ? 'initContainer' : 'crashLoopBackOff', detail: `${what} keeps failing${exit}` };
}

/**
 * Why a rollout did not finish, from the most to the least telling: what its Pods wait for, what keeps Pods from being
 * scheduled or created, else only that some time is over.
 */
export function stuckReason(
  workload: Workload,
  newPods: readonly Pod[],
  otherwise: Reason<FailureReason>,
): Reason<FailureReason> {
  const troubles = newPods.flatMap(pod => pod.troubles);
  const doomed = troubles.map(doomOf).find(reason => reason !== undefined);
  if (doomed !== undefined) return doomed;
  const unschedulable = troubles.find(trouble => trouble.kind === 'unschedulable');
  if (unschedulable !== undefined) return { why: 'unschedulable', detail: unschedulable.message };
  const { replicaFailure } = workload.status;
  if (replicaFailure !== undefined) return { why: 'failedCreate', detail: replicaFailure };
  return otherwise;
}
