import { parseInstant } from '../../src/domain/instant.ts';
import { keyOf, type RolloutStatus, type Strategy, type Workload } from '../../src/domain/model.ts';
import type { Controller, Looks } from './controller-manager.ts';
import { AGAIN, isSameStatus } from './deployment-controller.ts';
import type { PodControl } from './pod-control.ts';
import type { SimulatedPod } from './pods.ts';
import { fenceposts, roll, scale, scalePaused } from './replica-sets.ts';

const SECOND = 1_000;
/** Between two looks while Pods are still to be restarted (restartPodCheckTime). */
const CHECK = 30 * SECOND;
/** Of a canary without steps, where nothing is said. */
const CANARY: Strategy = { kind: 'rollingUpdate', maxSurge: '25%', maxUnavailable: '25%' };

/** What stands in a Rollout's status and is not projected as it is. */
interface Care {
  /** status.restartedAt */
  restartedAt: string | undefined;
  /** The templates of status.currentPodHash and status.stableRS. */
  current: string;
  stable: string;
  phase: 'Healthy' | 'Progressing' | 'Paused';
  isChecked: boolean;
}

/**
 * Makes Pods what Rollouts say (argo-rollouts 1.10 rollout/restart.go, canary.go; utils/rollout CalculateRolloutPhase): a new
 * template is rolled out as a canary without steps; `spec.restartAt` evicts every Pod that was created before it, without a
 * surge, while more are available than may be, and is called done when they are gone, whatever became of their successors.
 */
export class RolloutController implements Controller {
  /** Keys whose Pods no budget lets be evicted. */
  blocked: ReadonlySet<string> = new Set();
  readonly #control: PodControl;
  readonly #looks: Looks;
  readonly #care = new Map<string, Care>();

  constructor(control: PodControl, looks: Looks) {
    this.#control = control;
    this.#looks = looks;
    control.world.api.awaitsOf = workload => this.#awaits(workload);
  }

  sync(workload: Workload): void {
    const control = this.#control;
    const care = this.#careFor(workload);
    const standing = control.sets(workload).find(({ template }) => template === workload.template);
    const fresh = control.setOfTemplate(workload);
    if (care.current !== workload.template) {
      care.current = workload.template;
      // However far a restart had come (resetRolloutStatus).
      care.restartedAt = workload.restartedAt;
    }
    // The ReplicaSets make up for what is gone, whatever the Rollout's own controller does now.
    if (this.#restart(workload, care)) {
      this.#looks.soon(workload);
      return;
    }
    const isOther = care.stable !== care.current;
    const fence = fenceposts({ strategy: CANARY, replicas: workload.replicas });
    const count = control.pods(workload).length;
    const failure = !isOther
      ? scale(control, workload, { set: fresh, replicas: workload.replicas })
      : workload.paused
        ? scalePaused(control, workload, fence)
        : roll(control, workload, { fresh, isNew: standing === undefined, fence });
    if (!isOther) this.#removeOthers(workload, fresh.template);
    if (failure !== undefined) this.#looks.later(workload, AGAIN);
    if (control.pods(workload).length > count) this.#looks.soon(workload);
    this.#writeStatus(workload, care, failure);
  }

  /** Returns whether it evicted any: then their numbers cannot be trusted yet, and nothing else is done (canary.go). */
  #restart(workload: Workload, care: Care): boolean {
    const { restartedAt, replicas } = workload;
    if (restartedAt === undefined || restartedAt === care.restartedAt) return false;
    const { timeline } = this.#control.world;
    const time = parseInstant(restartedAt) ?? 0;
    if (timeline.now <= time) {
      this.#looks.later(workload, time - timeline.now + 1);
      return false;
    }
    const pods = this.#control.pods(workload);
    const live = this.#control.live(workload);
    const available = live.filter(({ state }) => state === 'available').length;
    let room = available - (Math.max(replicas, live.length) - Math.max(1, unavailableOf(workload)));
    const old = pods.filter(({ createdAt }) => second(createdAt) < time);
    let restarted = 0;
    for (const pod of old) {
      if (room <= 0 || pod.state === 'terminating' || this.#isBlocked(workload, pod)) continue;
      this.#control.end(workload, pod);
      room--;
      restarted++;
    }
    if (old.length > restarted) this.#check(workload, care);
    else if (restarted === 0) care.restartedAt = restartedAt;
    return restarted > 0;
  }

  #check(workload: Workload, care: Care): void {
    if (care.isChecked) return;
    care.isChecked = true;
    this.#control.world.timeline.after(CHECK, () => {
      care.isChecked = false;
      this.#looks.soon(workload);
    });
  }

  #isBlocked(workload: Workload, pod: SimulatedPod): boolean {
    return this.blocked.has(keyOf(workload)) && pod.state === 'available';
  }

  #removeOthers(workload: Workload, template: string): void {
    for (const pod of this.#control.live(workload)) {
      if (pod.set.template !== template) this.#control.end(workload, pod);
    }
  }

  #writeStatus(workload: Workload, care: Care, replicaFailure: string | undefined): void {
    const live = this.#control.live(workload);
    const status: RolloutStatus = {
      observedGeneration: workload.generation,
      replicas: live.length,
      updatedReplicas: live.filter(({ set }) => set.template === care.current).length,
      availableReplicas: live.filter(({ state }) => state === 'available').length,
      terminatingReplicas: undefined,
      progressing: undefined,
      replicaFailure,
    };
    const isThere = areGood(workload.replicas, status);
    if (isThere) care.stable = care.current;
    const isRestarted = workload.restartedAt === undefined || workload.restartedAt === care.restartedAt;
    const isHealthy = isThere && isRestarted && care.stable === care.current;
    care.phase = workload.paused ? 'Paused' : isHealthy ? 'Healthy' : 'Progressing';
    const same = isSameStatus(status, workload.status) ? workload.status : status;
    this.#control.world.api.update(workload, { status: same });
  }

  /** As src/kubernetes/argo-rollouts.ts reads it, of what stands there at this moment. */
  #awaits(workload: Workload): string | undefined {
    const care = this.#careFor(workload);
    if (care.current !== care.stable) return 'its canary update is under way';
    const { restartedAt } = workload;
    if (restartedAt !== undefined && restartedAt !== care.restartedAt)
      return `its restart of ${restartedAt} is under way`;
    return care.phase === 'Healthy' || !areGood(workload.replicas, workload.status) ? undefined : `it is ${care.phase}`;
  }

  #careFor({ uid, template, restartedAt }: Workload): Care {
    let care = this.#care.get(uid);
    if (care === undefined) {
      care = { restartedAt, current: template, stable: template, phase: 'Healthy', isChecked: false };
      this.#care.set(uid, care);
    }
    return care;
  }
}

const unavailableOf = ({ strategy }: Workload): number =>
  strategy.kind === 'rollingUpdate' ? Number(strategy.maxUnavailable) : 0;

const areGood = (wanted: number, { replicas, updatedReplicas, availableReplicas }: RolloutStatus): boolean =>
  updatedReplicas >= wanted && availableReplicas >= updatedReplicas && replicas <= updatedReplicas;

/** The API server tells whole seconds. */
const second = (milliseconds: number): number => Math.floor(milliseconds / SECOND) * SECOND;
