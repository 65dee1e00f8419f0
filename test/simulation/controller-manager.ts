import { keyOf, type Kind, type Workload } from '../../src/domain/model.ts';
import { DaemonSetController } from './daemonset-controller.ts';
import { DeploymentController } from './deployment-controller.ts';
import { PodControl, type Adopted, type ControllerWorld, type Temper } from './pod-control.ts';
import type { ReplicaSet, SimulatedPod } from './pods.ts';
import { RolloutController } from './rollout-controller.ts';
import { StatefulSetController } from './statefulset-controller.ts';

/** Of one kind. */
export interface Controller {
  /** One look at a workload as it stands: what has to be done now is done, and its status written. */
  sync(workload: Workload): void;
}

/** When a controller looks again. */
export interface Looks {
  readonly soon: (workload: Workload) => void;
  /** After so many milliseconds, whatever else happens meanwhile. */
  readonly later: (workload: Workload, milliseconds: number) => void;
}

/** All controllers: they see changes of workloads and of their Pods, with a lag. */
export class ControllerManager {
  /** How late a change is seen, milliseconds. */
  lag: readonly [number, number] = [20, 1_500];
  readonly #world: ControllerWorld;
  readonly #control: PodControl;
  readonly #controllers: Readonly<Record<Kind, Controller>>;
  readonly #deployments: DeploymentController;
  readonly #daemons: DaemonSetController;
  readonly #rollouts: RolloutController;
  readonly #due = new Set<string>();

  constructor(world: ControllerWorld) {
    this.#world = world;
    this.#control = new PodControl(world, workload => this.look(workload));
    const looks: Looks = {
      soon: workload => this.look(workload),
      later: (workload, milliseconds) => world.timeline.after(milliseconds, () => this.look(workload)),
    };
    this.#deployments = new DeploymentController(this.#control, looks);
    this.#daemons = new DaemonSetController(this.#control, looks);
    this.#rollouts = new RolloutController(this.#control, looks);
    this.#controllers = {
      Deployment: this.#deployments,
      StatefulSet: new StatefulSetController(this.#control, looks),
      DaemonSet: this.#daemons,
      Rollout: this.#rollouts,
    };
    world.api.listen((after, before) => {
      if (after === undefined || after.generation !== before?.generation) this.look(after ?? before);
    });
  }

  set servesTerminating(is: boolean) {
    this.#deployments.servesTerminating = is;
  }

  /** Keys whose Pods no budget lets be evicted, by a Rollout's controller as by anybody. */
  set blocked(keys: ReadonlySet<string>) {
    this.#rollouts.blocked = keys;
  }

  /** Whether a quota of the namespace refuses one more Pod. */
  set isFull(isFull: (namespace: string) => boolean) {
    this.#control.isFull = isFull;
  }

  /** Told of every change of Pods, at once. */
  set onPods(onPods: (workload: Workload) => void) {
    this.#control.onPods = onPods;
  }

  /** By key. */
  get tempers(): Map<string, Temper> {
    return this.#control.tempers;
  }

  /** Pods of a workload, those on their way out included. */
  pods = (workload: Pick<Workload, 'uid'>): readonly SimulatedPod[] => this.#control.pods(workload);

  /** Its ReplicaSets, or ControllerRevisions. */
  sets = (workload: Pick<Workload, 'uid'>): readonly ReplicaSet[] => this.#control.sets(workload);

  /** Pods that are there from the beginning. */
  adopt(workload: Workload, made: readonly Adopted[]): void {
    this.#control.adopt(workload, made);
  }

  /** Something changed: its controller will see. */
  look(workload: Workload | undefined, milliseconds = this.#control.between(this.lag)): void {
    if (workload === undefined) return;
    const key = keyOf(workload);
    if (this.#due.has(key)) return;
    this.#due.add(key);
    this.#world.timeline.after(milliseconds, () => {
      this.#due.delete(key);
      const now = this.#world.api.get(workload);
      if (now !== undefined) this.#controllers[now.kind].sync(now);
    });
  }

  /** An autoscaler, or of a DaemonSet nodes that come and go. */
  scale(workload: Workload, replicas: number): void {
    if (workload.kind === 'DaemonSet') this.#daemons.setNodes(workload, replicas);
    else this.#world.api.update(workload, { replicas });
  }

  /** As it is created: only its controller finds out for how many nodes a DaemonSet is. */
  asNew(workload: Workload): Workload {
    if (workload.kind !== 'DaemonSet') return workload;
    this.#daemons.setNodes(workload, workload.replicas);
    return { ...workload, replicas: 0 };
  }

  /** A node is lost, or somebody deletes a Pod. */
  evict(workload: Workload): void {
    const pods = this.pods(workload).filter(({ state }) => state === 'available');
    if (pods.length === 0) return;
    this.remove(workload, this.#world.random.pick(pods));
  }

  /** It is deleted. */
  remove(workload: Workload, pod: SimulatedPod): void {
    this.#control.end(workload, pod);
    this.look(workload);
  }

  /** What keeps its Pods from starting is mended. */
  heal(workload: Workload): void {
    this.#control.heal(workload);
  }
}
