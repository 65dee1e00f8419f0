import type { Strategy, Workload } from '../../src/domain/model.ts';
import type { PodControl } from './pod-control.ts';
import type { ReplicaSet, SimulatedPod } from './pods.ts';

/** Within which numbers a rollout stays. */
export interface Fenceposts {
  readonly surge: number;
  readonly unavailable: number;
}

/** Who shares a node with others, and what the logarithms of their ages are, is anything (pkg/controller ActivePodsWithRanks). */
const luckOf = ({ createdAt }: SimulatedPod): number => createdAt % 97;

/** Returns why a Pod could not be created, undefined when all is well. */
export function scale(
  control: PodControl,
  workload: Workload,
  { set, replicas }: { readonly set: ReplicaSet; readonly replicas: number },
): string | undefined {
  const live = set.pods.filter(({ state }) => state !== 'terminating');
  const surplus = live.toSorted(
    (a, b) => Number(a.state === 'available') - Number(b.state === 'available') || luckOf(a) - luckOf(b),
  );
  for (const pod of surplus.slice(0, Math.max(0, live.length - replicas))) control.end(workload, pod);
  for (let count = live.length; count < replicas; count++) {
    const failure = control.create(workload, set);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/**
 * One step from old Pods to new ones, within surge and unavailability, the unhealthy old ones first
 * (pkg/controller/deployment rolling.go). Where a ReplicaSet grows, the others shrink only at the next look; one that is made
 * now has its Pods from the beginning.
 */
export function roll(
  control: PodControl,
  workload: Workload,
  { fresh, isNew, fence }: { readonly fresh: ReplicaSet; readonly isNew: boolean; readonly fence: Fenceposts },
): string | undefined {
  const { surge, unavailable } = fence;
  const live = (): SimulatedPod[] => control.live(workload);
  const news = (): SimulatedPod[] => fresh.pods.filter(({ state }) => state !== 'terminating');
  const room = workload.replicas + surge - live().length;
  const count = news().length;
  const replicas = Math.min(workload.replicas, count + Math.max(0, room));
  const failure = scale(control, workload, { set: fresh, replicas });
  if (!isNew && news().length > count) return failure;
  const old = live().filter(({ set }) => set !== fresh);
  const least = workload.replicas - unavailable;
  const newUnavailable = news().filter(({ state }) => state !== 'available').length;
  let most = live().length - least - newUnavailable;
  for (const pod of old.filter(({ state }) => state !== 'available')) if (most-- > 0) control.end(workload, pod);
  const available = live().filter(({ state }) => state === 'available').length;
  let down = available - least;
  for (const pod of old.filter(({ state }) => state === 'available')) if (down-- > 0) control.end(workload, pod);
  return failure;
}

/** Of one ReplicaSet as it should be; of several (a rollout that was paused) only what is too many goes, the old ones first. */
export function scalePaused(control: PodControl, workload: Workload, fence: Fenceposts): string | undefined {
  const sets = control.sets(workload);
  const [only, another] = sets.filter(({ pods }) => pods.some(({ state }) => state !== 'terminating'));
  if (only !== undefined && another === undefined) {
    return scale(control, workload, { set: only, replicas: workload.replicas });
  }
  const most = workload.replicas === 0 ? 0 : workload.replicas + fence.surge;
  const live = control.live(workload).toSorted((a, b) => a.set.revision - b.set.revision);
  for (const pod of live.slice(0, Math.max(0, live.length - most))) control.end(workload, pod);
  return undefined;
}

/** How many Pods may be too many, and how many too few: surge rounds up, unavailable down, and one of them is never zero. */
export function fenceposts({
  strategy,
  replicas,
}: {
  readonly strategy: Strategy;
  readonly replicas: number;
}): Fenceposts {
  if (strategy.kind !== 'rollingUpdate') return { surge: 0, unavailable: replicas };
  const share = (value: number | string, round: (value: number) => number): number =>
    typeof value === 'number' ? value : round((Number.parseInt(value, 10) * replicas) / 100);
  const surge = share(strategy.maxSurge, Math.ceil);
  const unavailable = share(strategy.maxUnavailable, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}
