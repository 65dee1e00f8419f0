import type { RolloutStatus, Workload } from '../../src/domain/model.ts';
import type { Controller, Looks } from './controller-manager.ts';
import { AGAIN, isSameStatus } from './deployment-controller.ts';
import type { PodControl } from './pod-control.ts';
import type { ReplicaSet, SimulatedPod } from './pods.ts';

/**
 * Makes Pods what StatefulSets say (pkg/controller/statefulset/stateful_set_control.go): each keeps its ordinal, and its
 * successor is made only when it is gone. In order (OrderedReady) whoever is not available holds up all that come after, and
 * the whole update with them: a Pod that never came up is not replaced by a better one.
 */
export class StatefulSetController implements Controller {
  readonly #control: PodControl;
  readonly #looks: Looks;
  /** What Pods below the partition are made of, by uid. */
  readonly #current = new Map<string, ReplicaSet>();

  constructor(control: PodControl, looks: Looks) {
    this.#control = control;
    this.#looks = looks;
  }

  sync(workload: Workload): void {
    const update = this.#control.setOfTemplate(workload);
    const current = this.#current.get(workload.uid) ?? this.#control.sets(workload)[0] ?? update;
    this.#current.set(workload.uid, current);
    const count = this.#control.pods(workload).length;
    if (!this.#replicas(workload, { update, current })) this.#update(workload, update);
    if (this.#control.pods(workload).length > count) this.#looks.soon(workload);
    this.#writeStatus(workload, update);
  }

  /** Scaling and what is missing come before any update. Returns whether something has to be waited for. */
  #replicas(
    workload: Workload,
    { update, current }: { readonly update: ReplicaSet; readonly current: ReplicaSet },
  ): boolean {
    const { replicas, strategy } = workload;
    const inOrder = this.#control.temper(workload).isParallel !== true;
    const pods = this.#byOrdinal(workload);
    for (let ordinal = 0; ordinal < replicas; ordinal++) {
      const pod = pods.get(ordinal);
      if (pod === undefined) {
        const isHeldBack = strategy.kind === 'partitioned' && ordinal < strategy.partition;
        const failure = this.#control.create(workload, isHeldBack ? current : update, ordinal);
        if (failure !== undefined) {
          this.#looks.later(workload, AGAIN);
          return true;
        }
        if (inOrder) return true;
      } else if (inOrder && pod.state !== 'available') return true;
    }
    const condemned = [...pods].filter(([ordinal]) => ordinal >= replicas).toSorted(([a], [b]) => b - a);
    if (!inOrder) {
      for (const [, pod] of condemned) if (pod.state !== 'terminating') this.#control.end(workload, pod);
      return false;
    }
    const firstUnavailable = condemned.findLast(([, { state }]) => state !== 'available')?.[1];
    const [first] = condemned;
    if (first === undefined) return false;
    const [, pod] = first;
    if (pod.state === 'available' || (pod.state === 'starting' && pod === firstUnavailable)) {
      this.#control.end(workload, pod);
    }
    return true;
  }

  /** The highest ordinal first, and as many at once as may be unavailable: one, where nothing else is said. */
  #update(workload: Workload, update: ReplicaSet): void {
    const { replicas, strategy } = workload;
    if (strategy.kind === 'onDelete') return;
    const least = strategy.kind === 'partitioned' ? strategy.partition : 0;
    const most = strategy.kind === 'rollingUpdate' ? Number(strategy.maxUnavailable) : 1;
    const pods = this.#byOrdinal(workload);
    const downward = Array.from({ length: replicas }, (_, index) => pods.get(replicas - 1 - index));
    // The gate MaxUnavailableStatefulSet (updateStatefulSetAfterInvariantEstablished) counts over all ordinals.
    if (most > 1) {
      let room = most - downward.filter(pod => pod?.state !== 'available').length;
      for (const pod of downward) {
        if (pod === undefined || pod.set === update || pod.state === 'terminating' || room <= 0) continue;
        this.#control.end(workload, pod);
        room--;
      }
      return;
    }
    for (const pod of downward) {
      if (pod === undefined || (pod.place ?? 0) < least) return;
      if (pod.set !== update && pod.state !== 'terminating') return this.#control.end(workload, pod);
      if (pod.state !== 'available') return;
    }
  }

  /** Pods on their way out are among the replicas, and among those available as long as their containers run. */
  #writeStatus(workload: Workload, update: ReplicaSet): void {
    const pods = this.#control.pods(workload);
    const status: RolloutStatus = {
      observedGeneration: workload.generation,
      replicas: pods.length,
      updatedReplicas: pods.filter(({ set, state }) => set === update && state !== 'terminating').length,
      availableReplicas: pods.filter(({ serves }) => serves).length,
      terminatingReplicas: undefined,
      progressing: undefined,
      replicaFailure: undefined,
    };
    const { replicas, updatedReplicas, availableReplicas } = status;
    const isComplete = [replicas, updatedReplicas, availableReplicas].every(count => count === workload.replicas);
    if (workload.strategy.kind !== 'onDelete' && isComplete) this.#current.set(workload.uid, update);
    if (!isSameStatus(status, workload.status)) this.#control.world.api.update(workload, { status });
  }

  #byOrdinal(workload: Workload): Map<number, SimulatedPod> {
    return new Map(this.#control.pods(workload).map(pod => [pod.place ?? 0, pod]));
  }
}
