import { formatInstant } from '../../src/domain/instant.ts';
import type { Condition, RolloutStatus, Workload } from '../../src/domain/model.ts';
import type { Controller, Looks } from './controller-manager.ts';
import { isOfTemplate, type PodControl } from './pod-control.ts';
import type { ReplicaSet } from './pods.ts';
import { fenceposts, roll, scale, scalePaused } from './replica-sets.ts';

const SECOND = 1_000;
/** How soon the creation of a refused Pod is tried again. */
export const AGAIN = 5 * SECOND;

/** What only the controller knows of a workload. */
interface Care {
  counters: string;
  progressedAt: number;
  condition: Condition | undefined;
}

/**
 * Makes Pods what Deployments say, as the Deployment and ReplicaSet controllers do (pkg/controller/deployment rolling.go,
 * recreate.go, sync.go).
 */
export class DeploymentController implements Controller {
  /** Whether the API server tells of Pods on their way out. */
  servesTerminating = true;
  readonly #care = new Map<string, Care>();
  readonly #control: PodControl;
  readonly #looks: Looks;

  constructor(control: PodControl, looks: Looks) {
    this.#control = control;
    this.#looks = looks;
  }

  sync(workload: Workload): void {
    const control = this.#control;
    const standing = control.sets(workload).find(set => isOfTemplate(set, workload));
    let fresh = standing;
    let failure: string | undefined;
    if (workload.paused) {
      failure = scalePaused(control, workload, fenceposts(workload));
    } else {
      fresh = control.setOfTemplate(workload);
      const count = control.pods(workload).length;
      failure =
        workload.strategy.kind === 'recreate'
          ? this.#recreate(workload, fresh)
          : roll(control, workload, { fresh, isNew: standing === undefined, fence: fenceposts(workload) });
      // New Pods, as all changes of a ReplicaSet, are a reason to look again.
      if (control.pods(workload).length > count) this.#looks.soon(workload);
    }
    if (failure !== undefined) this.#looks.later(workload, AGAIN);
    this.#writeStatus(workload, fresh, failure);
  }

  #recreate(workload: Workload, fresh: ReplicaSet): string | undefined {
    const old = this.#control.pods(workload).filter(({ set }) => set !== fresh);
    for (const pod of old) if (pod.state !== 'terminating') this.#control.end(workload, pod);
    return old.length > 0 ? undefined : scale(this.#control, workload, { set: fresh, replicas: workload.replicas });
  }

  #writeStatus(workload: Workload, fresh: ReplicaSet | undefined, replicaFailure: string | undefined): void {
    const { timeline, api } = this.#control.world;
    const care = this.#careFor(workload.uid);
    const live = this.#control.live(workload);
    const updated = live.filter(({ set }) => set === fresh);
    const counters = {
      observedGeneration: workload.generation,
      replicas: live.length,
      updatedReplicas: updated.length,
      availableReplicas: live.filter(({ state }) => state === 'available').length,
      terminatingReplicas: this.servesTerminating ? this.#control.pods(workload).length - live.length : undefined,
    };
    const text = JSON.stringify([counters, fresh?.name]);
    const now = timeline.now;
    if (text !== care.counters) care.progressedAt = now;
    care.counters = text;
    const { deadline } = this.#control.temper(workload);
    const available = updated.filter(({ state }) => state === 'available').length;
    const isDone =
      updated.length === workload.replicas && live.length === updated.length && available === updated.length;
    const isLate = now - care.progressedAt >= deadline;
    if (!workload.paused) {
      const reason = isDone ? 'NewReplicaSetAvailable' : isLate ? 'ProgressDeadlineExceeded' : 'ReplicaSetUpdated';
      if (reason !== care.condition?.reason || care.progressedAt === now)
        care.condition = { reason, message: reason, lastUpdateTime: formatInstant(now) };
      if (!isDone && !isLate) this.#looks.later(workload, deadline);
    }
    const status: RolloutStatus = { ...counters, progressing: care.condition, replicaFailure };
    const revision = fresh?.revision ?? workload.revision;
    if (revision !== workload.revision || !isSameStatus(status, workload.status)) {
      api.update(workload, { status, revision });
    }
  }

  #careFor(uid: string): Care {
    let care = this.#care.get(uid);
    if (care === undefined) {
      care = { counters: '', progressedAt: this.#control.world.timeline.now, condition: undefined };
      this.#care.set(uid, care);
    }
    return care;
  }
}

export const isSameStatus = (one: RolloutStatus, other: RolloutStatus): boolean =>
  JSON.stringify(one) === JSON.stringify(other);
