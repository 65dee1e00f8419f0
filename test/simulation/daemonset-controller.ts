import type { RolloutStatus, Workload } from '../../src/domain/model.ts';
import type { Controller, Looks } from './controller-manager.ts';
import { AGAIN, isSameStatus } from './deployment-controller.ts';
import type { PodControl } from './pod-control.ts';
import type { ReplicaSet, SimulatedPod } from './pods.ts';

/** The Pods on one node that are not on their way out. */
interface OnNode {
  readonly old: SimulatedPod | undefined;
  readonly fresh: SimulatedPod | undefined;
}

/**
 * Makes Pods what DaemonSets say (pkg/controller/daemon daemon_controller.go, update.go): one on each of its nodes, and with
 * maxSurge a new one beside the old one until it is available.
 */
export class DaemonSetController implements Controller {
  /** How many nodes each is for, by uid: that is what it wants. */
  readonly #nodes = new Map<string, number>();
  readonly #control: PodControl;
  readonly #looks: Looks;

  constructor(control: PodControl, looks: Looks) {
    this.#control = control;
    this.#looks = looks;
  }

  /** Nodes come and go, of which the object itself says nothing. */
  setNodes(workload: Workload, nodes: number): void {
    this.#nodes.set(workload.uid, nodes);
    this.#looks.soon(workload);
  }

  nodesOf({ uid, replicas }: Pick<Workload, 'uid' | 'replicas'>): number {
    return this.#nodes.get(uid) ?? replicas;
  }

  sync(workload: Workload): void {
    const nodes = this.nodesOf(workload);
    this.#nodes.set(workload.uid, nodes);
    const fresh = this.#control.setOfTemplate(workload);
    // What was made or removed is seen first (expectations).
    if (this.#manage(workload, fresh, nodes)) this.#looks.soon(workload);
    else if (workload.strategy.kind === 'rollingUpdate') this.#roll(workload, fresh, nodes);
    this.#writeStatus(workload, fresh, nodes);
  }

  /** Returns whether it did anything. */
  #manage(workload: Workload, fresh: ReplicaSet, nodes: number): boolean {
    const surges = surgeOf(workload) > 0;
    let isBusy = false;
    for (let node = 0; node < nodes; node++) {
      const here = this.#on(workload, node);
      const live = here.filter(({ state }) => state !== 'terminating');
      // With a surge the one on its way out is not waited for.
      if (surges ? live.length === 0 : here.length === 0) {
        if (this.#create(workload, fresh, node)) isBusy = true;
      } else if (live.length > 1) {
        for (const pod of tooMany(live, fresh, surges)) {
          this.#control.end(workload, pod);
          isBusy = true;
        }
      }
    }
    for (const pod of this.#control.live(workload)) {
      if ((pod.place ?? 0) < nodes) continue;
      this.#control.end(workload, pod);
      isBusy = true;
    }
    return isBusy;
  }

  #roll(workload: Workload, fresh: ReplicaSet, nodes: number): void {
    const all = Array.from({ length: nodes }, (_, node) => {
      const live = this.#on(workload, node).filter(({ state }) => state !== 'terminating');
      const [old, made] = [live.find(({ set }) => set !== fresh), live.find(({ set }) => set === fresh)];
      return { node, old, fresh: made };
    });
    if (surgeOf(workload) > 0) this.#surge(workload, { fresh, nodes: all });
    else this.#replace(workload, all);
  }

  /** An old Pod that is not available goes at once; of the others as many as may be unavailable. */
  #replace(workload: Workload, nodes: readonly OnNode[]): void {
    const { strategy } = workload;
    const most = strategy.kind === 'rollingUpdate' ? Number(strategy.maxUnavailable) : 0;
    const candidates: SimulatedPod[] = [];
    let unavailable = 0;
    for (const { old, fresh } of nodes) {
      if (old === undefined || fresh !== undefined) {
        if (fresh?.state !== 'available' || old !== undefined) unavailable++;
      } else if (old.state === 'available') candidates.push(old);
      else {
        this.#control.end(workload, old);
        unavailable++;
      }
    }
    for (const pod of candidates.slice(0, Math.max(0, most - unavailable))) this.#control.end(workload, pod);
  }

  #surge(
    workload: Workload,
    { fresh, nodes }: { readonly fresh: ReplicaSet; readonly nodes: readonly (OnNode & { readonly node: number })[] },
  ): void {
    const candidates: number[] = [];
    const allowed: number[] = [];
    let surge = 0;
    for (const { node, old, fresh: made } of nodes) {
      if (old === undefined) continue;
      if (made === undefined) (old.state === 'available' ? candidates : allowed).push(node);
      else if (made.state === 'available') this.#control.end(workload, old);
      else surge++;
    }
    const room = Math.max(0, surgeOf(workload) - surge);
    for (const node of [...allowed, ...candidates.slice(0, room)]) this.#create(workload, fresh, node);
  }

  #create(workload: Workload, fresh: ReplicaSet, node: number): boolean {
    const isMade = this.#control.create(workload, fresh, node) === undefined;
    if (isMade) this.#looks.soon(workload);
    else this.#looks.later(workload, AGAIN);
    return isMade;
  }

  /** Of each node the oldest Pod counts, and one on its way out is one (updateDaemonSetStatus). */
  #writeStatus(workload: Workload, fresh: ReplicaSet, nodes: number): void {
    const oldest = Array.from({ length: nodes }, (_, node) => this.#on(workload, node)[0]).filter(
      pod => pod !== undefined,
    );
    const status: RolloutStatus = {
      observedGeneration: workload.generation,
      replicas: oldest.length,
      updatedReplicas: oldest.filter(({ set }) => set === fresh).length,
      availableReplicas: oldest.filter(({ serves }) => serves).length,
      terminatingReplicas: undefined,
      progressing: undefined,
      replicaFailure: undefined,
    };
    if (nodes !== workload.replicas || !isSameStatus(status, workload.status)) {
      this.#control.world.api.update(workload, { status, replicas: nodes });
    }
  }

  /** The oldest first. */
  #on(workload: Workload, node: number): SimulatedPod[] {
    return this.#control
      .pods(workload)
      .filter(({ place }) => place === node)
      .toSorted((a, b) => a.createdAt - b.createdAt);
  }
}

const surgeOf = ({ strategy }: Workload): number => (strategy.kind === 'rollingUpdate' ? Number(strategy.maxSurge) : 0);

/** Without a surge all but the oldest; with one the old Pod, where it is not available or the new one is (podsShouldBeOnNode). */
function tooMany(live: readonly SimulatedPod[], fresh: ReplicaSet, surges: boolean): SimulatedPod[] {
  if (!surges) return live.slice(1);
  const [made, ...others] = live.filter(({ set }) => set === fresh);
  const [old, ...older] = live.filter(({ set }) => set !== fresh);
  const isReplaced = made !== undefined && (old?.state !== 'available' || made.state === 'available');
  return [...others, ...older, ...(old !== undefined && isReplaced ? [old] : [])];
}
